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
CEILING_USD = 25.0
"""What one drill may cost where nothing says otherwise."""
RUN = "{run}"
"""Stands for the run id in names that a catalog gives to what a drill makes."""


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
class DrillTraffic:
    """What a drill has instead of production traffic.

    ``host`` is the name under which the front door that a drill makes is asked; it holds ``{run}``. ``name`` is a DNS
    name with a failover pair of its own, ``health_switch`` (recovery region -> ``s3://bucket/key``) what moves it. A
    catalog without ``name`` has no such pair, and moving traffic is then left out of drills.
    """

    host: str = ""
    name: str = ""
    health_switch: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def host_of(self, run_id: str) -> str:
        """Return the name under which the front door of one run is asked; empty when the catalog gives none."""
        return self.host.replace(RUN, run_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillPolicy:
    """When drills are due and when none may start. ``retry_s`` is the time after a drill that did not pass.

    ``alarms`` are CloudWatch alarms of the region that serves; while one of them fires, or cannot be read, none starts.
    A drill that has cost ``ceiling_usd`` by the price table is stopped.
    """

    every_s: Mapping[DrillKind, float] = field(default_factory=lambda: STRICTEST_S)
    retry_s: float = RETRY_S
    blocked: tuple[BlockedWindow, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    alarms: tuple[str, ...] = ()
    ceiling_usd: float = CEILING_USD
