"""Messages to people, from templates and the data of a run; also used to notify."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recovery_ops.catalog.quantities import in_words
from recovery_ops.model.system import System
from recovery_ops.playbooks.people import roles
from recovery_ops.playbooks.texts import environment


class Audience(enum.StrEnum):
    """Who reads a message."""

    INTERNAL = "internal"
    CUSTOMERS = "customers"
    REGULATOR = "regulator"


class Moment(enum.StrEnum):
    """When in a recovery a message is sent."""

    DECLARED = "declared"
    UPDATE = "update"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as plain text."""

    subject: str
    body: str


OPTIONAL = frozenset({"lead", "customer_state", "customer_data_loss"})
"""Facts that have something to stand in for them."""


class _Facts(dict[str, Any]):
    """Facts by name; one that nobody gave reads as a blank to be filled in, such as ``[IMPACT AT]``."""

    def __missing__(self, name: str) -> str:
        return "" if name in OPTIONAL else f"[{name.replace('_', ' ').upper()}]"


def render_message(
    system: System, audience: Audience | str, moment: Moment | str, facts: Mapping[str, Any] | None = None
) -> Message:
    """Return the message to ``audience`` at ``moment``.

    Args:
        system: The system that is recovered.
        audience: ``internal``, ``customers`` or ``regulator``.
        moment: ``declared``, ``update`` or ``resolved``.
        facts: What is known of the run: ``run_id``, ``impaired_region``, ``recovery_region``, ``reason``,
            ``impact_at``, ``due_at``, ``next_update_at``, ``state``, … (the templates name all of them). A fact that is
            absent or ``None`` stands in the message as a blank in capitals, so that a person sees what is missing.

    Raises:
        ValueError: There is no such audience or moment.
    """
    name = f"messages/{Audience(audience)}/{Moment(moment)}.txt.jinja"
    text = environment().get_template(name).render(_context(system, facts or {}))
    subject, _, body = text.partition("\n")
    return Message(subject=subject.strip(), body=body.strip() + "\n")


def _context(system: System, facts: Mapping[str, Any]) -> dict[str, Any]:
    named = roles(system)
    return {
        "system": system,
        "service": system.traffic.name,
        "rto": in_words(system.rto_s),
        "every": in_words(system.protection.every_s),
        "lead": f"{named[0].person} ({named[0].name})" if named else "[LEAD]",
        "substitutes": ", ".join(named[0].substitutes) if named else "",
        "f": _Facts({name: value for name, value in facts.items() if value is not None}),
    }
