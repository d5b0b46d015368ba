"""What the calendar of a system says now: its record, its alarms and whatever goes on, put together. Reads only."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from recovery_ops.aws.alarms import alarm_states
from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.drills.clearing import answering
from recovery_ops.drills.scenario_files import own_folder, scenario_names
from recovery_ops.errors import RecoveryError
from recovery_ops.execution.open_runs import held_claims
from recovery_ops.execution.serving import serving_region
from recovery_ops.execution.view import DRILL, PRODUCTION
from recovery_ops.model.drills import DrillKind
from recovery_ops.model.system import System
from recovery_ops.planning.drill_calendar import Due, DueState, calendar, next_due
from recovery_ops.record.drill_stops import Stops
from recovery_ops.record.store import ObjectStore
from recovery_ops.reporting.drill_history import held

LOOKING = Caller(run_id="calendar", step="look", impatient=True)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agenda:
    """The calendar of one system ``at`` a moment (aware UTC). ``held_up`` is why no drill of it starts; empty: one may.

    What holds up all drills is a stop, or a run that is open.
    """

    system: str
    at: datetime
    lines: tuple[Due, ...]
    held_up: str = ""

    @property
    def overdue(self) -> list[Due]:
        """Return the lines that are overdue."""
        return [line for line in self.lines if line.overdue]

    @property
    def start(self) -> Due | None:
        """Return the drill to start now. Never a tabletop: people convene it."""
        return None if self.held_up else next_due(line for line in self.lines if line.kind is not DrillKind.TABLETOP)

    @property
    def why(self) -> str:
        """Return why :attr:`start` is what it is."""
        if (found := self.start) is not None:
            return f"{named(found)} is due: {found.why}"
        if self.held_up:
            return self.held_up
        waiting = [line for line in self.lines if line.kind is not DrillKind.TABLETOP]
        blocked = [f"{named(line)}: {line.why}" for line in waiting if line.state is DueState.SKIPPED]
        if blocked:
            return "; ".join(blocked)
        due = [line for line in waiting if line.due_at is not None]
        first = min(due, key=lambda line: str(line.due_at), default=None)
        return "nothing is due" if first is None else f"nothing is due before {first.due_at:%Y-%m-%d %H:%M} UTC"

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "system": self.system,
            "at": self.at.isoformat(),
            "held_up": self.held_up or None,
            "start": self.start.to_json() if self.start else None,
            "why": self.why,
            "calendar": [line.to_json() for line in self.lines],
        }


def named(line: Due) -> str:
    """Return what a line is about, in words."""
    return f"{line.kind} drill of {line.component}" if line.component else f"{line.kind} drill"


def agenda(system: System, now: datetime | None = None) -> Agenda:
    """Return the calendar of ``system`` and whether one of its drills may start now.

    Args:
        system: As its catalog describes it.
        now: Aware; the moment of the call unless given.

    Raises:
        RecoveryError: No record answers, so what was held is not known.
    """
    at = (now or datetime.now(UTC)).astimezone(UTC)
    with calling_as(LOOKING):
        stores = answering(system)
        lines = calendar(
            system, held(system.name, stores), at,
            alarms=_alarms(system), scenarios=scenario_names(own_folder(system)),
        )  # fmt: skip
        return Agenda(system=system.name, at=at, lines=tuple(lines), held_up=next(_obstacles(system, stores), ""))


def _alarms(system: System) -> Mapping[str, str]:
    """Return the state of each blocking alarm where the system serves; what cannot be read is left out, and blocks."""
    if not system.drills.alarms:
        return {}
    try:
        found = alarm_states(system.drills.alarms, serving_region(system).region)
    except RecoveryError as error:
        log.warning("alarms cannot be read", system=system.name, error=error.message)
        return {}
    return {alarm.name: alarm.state for alarm in found}


def _obstacles(system: System, stores: list[ObjectStore]) -> Iterator[str]:
    for store in stores:
        if (stop := Stops(store).find(system.name)) is not None:
            yield stop.told
    for slot in (PRODUCTION, DRILL):
        for region, claim in held_claims(system, slot):
            yield f"run {claim.run_id} of {claim.holder} is open in {region}"
