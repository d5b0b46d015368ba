"""Drills as a catalog asks for them: how often each kind is held, and when none may start. Times of day are UTC."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

DAY_S = 86_400.0


class DrillKind(enum.StrEnum):
    """How much a drill takes in; a tabletop changes nothing at all."""

    TABLETOP = "tabletop"
    COMPONENT = "component"
    REGIONAL = "regional"
    FULL = "full"


LEVELS = (DrillKind.COMPONENT, DrillKind.REGIONAL, DrillKind.FULL)
"""Growing scope: a level is held only after the one before it passed."""


class Weekday(enum.StrEnum):
    """Days of the week, in order."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


STRICTEST_S: Mapping[DrillKind, float] = MappingProxyType(
    {
        DrillKind.TABLETOP: 90 * DAY_S,
        DrillKind.COMPONENT: 30 * DAY_S,
        DrillKind.REGIONAL: 90 * DAY_S,
        DrillKind.FULL: 180 * DAY_S,
    }
)
"""Cadence where nothing says otherwise."""

RETRY_S = 7 * DAY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedWindow:
    """Hours of a week in which no drill starts: from ``start`` to ``end`` (``18:00``), into the next day if need be.

    ``days`` are those on which it begins. ``start`` equal to ``end`` is a whole day.
    """

    days: tuple[Weekday, ...]
    start: str
    end: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """Days on which no drill starts, first and last included (ISO 8601 dates)."""

    start: str
    end: str
    why: str

    @property
    def first(self) -> date:
        """Return the first day."""
        return date.fromisoformat(self.start)

    @property
    def last(self) -> date:
        """Return the last day."""
        return date.fromisoformat(self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillPolicy:
    """When drills are due and when none may start. ``retry_s`` is the time after a drill that did not pass.

    ``alarms`` are CloudWatch alarms of the region that serves; while one of them fires, or cannot be read, none starts.
    """

    every_s: Mapping[DrillKind, float] = field(default_factory=lambda: STRICTEST_S)
    retry_s: float = RETRY_S
    blocked: tuple[BlockedWindow, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    alarms: tuple[str, ...] = ()
