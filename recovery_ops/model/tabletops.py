"""Tabletops: what is asked for, what was decided, and what is to become better. Times are aware UTC."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any

from recovery_ops.model.scenarios import Scenario

SIMULATED = "simulated participant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An answer to one question. ``simulated``: nobody of flesh and blood gave it while the exercise went on.

    ``entered_by`` is who typed it, when that is somebody else than the ``person`` who decided.
    """

    person: str
    decision: str
    comment: str = ""
    simulated: bool = False
    entered_by: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Given":
        """Rebuild an answer from :meth:`to_json`."""
        return cls(**value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """Something to become better at; ``mended`` is one of an earlier tabletop that was looked at and is done."""

    what: str
    person: str = ""
    owner: str = ""
    due: date | None = None
    mended: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; ``due`` as ISO 8601."""
        return asdict(self) | {"due": self.due.isoformat() if self.due else None}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Lesson":
        """Rebuild a lesson from :meth:`to_json`; raises ``KeyError``, ``TypeError`` or ``ValueError``."""
        due = value.get("due")
        return cls(**{**value, "due": date.fromisoformat(due) if due else None})


Prepared = Mapping[str, Mapping[str, Given]]
"""Answers that were written down beforehand: inject -> role -> answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TabletopRequest:
    """What a person asks for. The same ``token`` on the same day is the same exercise.

    ``simulated``: nobody takes part; questions without a prepared answer get one that the playbook supports, and there
    is no objective for people. ``announced``: the participants knew of it beforehand.
    """

    scenario: Scenario
    person: str
    token: str
    execution: str = "direct"
    reason: str = ""
    simulated: bool = False
    announced: bool = True
    third_parties: tuple[str, ...] = ()
    prepared: Prepared = field(default_factory=lambda: MappingProxyType({}))
    lessons: tuple[Lesson, ...] = ()
