"""What playbooks say that does not depend on a system: scenarios, and one page per error and per alert."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

SECTIONS = (
    "now",
    "scenarios",
    "steps",
    "components",
    "by-hand",
    "errors",
    "alerts",
    "people",
    "messages",
    "checklists",
)
"""Parts of the document, in order; each is an anchor like a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What an error or an alert means and what to do, in order; texts are Jinja."""

    id: str
    title: str
    means: str
    do: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One question of a decision tree: the answer ``when`` leads to ``do`` and the page ``to``, the other one down."""

    ask: str
    when: str
    do: str
    to: str

    @property
    def other(self) -> str:
        """Return the answer that leads to the next question."""
        return "no" if self.when == "yes" else "yes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A way to fail: how it looks, the tree of decisions, the commands of its last branch, what else to know."""

    id: str
    title: str
    signs: str
    rungs: tuple[Rung, ...]
    otherwise: str
    now: tuple[str, ...]
    then: tuple[str, ...]


def page_ids() -> frozenset[str]:
    """Return every anchor that each playbook has: errors, alerts, scenarios and parts of the document."""
    pages = [page.id for page in (*errors(), *alerts())]
    return frozenset([*SECTIONS, *pages, *(scenario.id for scenario in scenarios())])


@functools.cache
def errors() -> tuple[Page, ...]:
    """Return the page of every ``playbook`` id of the error tree."""
    return tuple(_page(item) for item in _read("errors.yaml"))


@functools.cache
def alerts() -> tuple[Page, ...]:
    """Return the pages that alerts lead to."""
    return tuple(_page(item) for item in _read("alerts.yaml"))


@functools.cache
def scenarios() -> tuple[Scenario, ...]:
    """Return every failure scenario, the likeliest first."""
    return tuple(_scenario(item) for item in _read("scenarios.yaml"))


def _page(item: Mapping[str, Any]) -> Page:
    return Page(**{**item, "do": tuple(item["do"])})


def _scenario(item: Mapping[str, Any]) -> Scenario:
    lists = {"rungs": tuple(Rung(**rung) for rung in item["rungs"]), "now": tuple(item["now"])}
    return Scenario(**{**item, **lists, "then": tuple(item["then"])})


def _read(name: str) -> list[Mapping[str, Any]]:
    found = yaml.safe_load(files(__package__).joinpath("content", name).read_text(encoding="utf-8"))
    assert isinstance(found, list)
    return found
