"""Tabletop scenarios: a story told in injects, each with a question that people decide."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Inject:
    """One turn of the story. ``at_s`` is scenario time: how long after the beginning it happens.

    ``known`` is what the participants are told then. ``choices`` are the decisions to choose from, ``expected`` those
    of them that the playbook supports. ``decide_within_s`` is the objective for people, wall seconds.
    """

    id: str
    at_s: float
    known: str
    question: str
    roles: tuple[str, ...]
    choices: tuple[str, ...]
    expected: tuple[str, ...]
    points: tuple[str, ...]
    decide_within_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A tabletop exercise; ``goal`` is what it is to find out."""

    name: str
    title: str
    goal: str
    injects: tuple[Inject, ...]

    def inject(self, inject_id: str) -> Inject:
        """Return the inject with this id; raises ``KeyError`` when there is none."""
        for inject in self.injects:
            if inject.id == inject_id:
                return inject
        raise KeyError(inject_id)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self) | {"injects": [{**asdict(item), **_lists(item)} for item in self.injects]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Scenario":
        """Rebuild a scenario from :meth:`to_json`."""
        tuples = ("roles", "choices", "expected", "points")
        injects = [Inject(**{**item, **{name: tuple(item[name]) for name in tuples}}) for item in value["injects"]]
        return cls(**{**value, "injects": tuple(injects)})


def _lists(inject: Inject) -> dict[str, list[str]]:
    return {name: list(getattr(inject, name)) for name in ("roles", "choices", "expected", "points")}
