"""Jinja as playbooks use it: strict names, no escaping for text and shell, escaping for HTML."""

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

PROGRAMS = ("recovery-ops ", "airflow ", "aws ")


@functools.cache
def environment(*, html: bool = False) -> "Environment":
    """Return the environment of all templates of this package; a name that is not known is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("recovery_ops.playbooks", "templates"),
        autoescape=html,  # noqa: S701 - off for text and shell only; every page is made with it on
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.tests["command"] = is_command
    return made


def fill(text: str, facts: Mapping[str, Any]) -> str:
    """Return a text of the content files with its names filled in."""
    return environment().from_string(text).render(facts)


def is_command(text: str) -> bool:
    """Return whether a line is to be typed and not to be read."""
    return text.startswith(PROGRAMS)
