"""Drills that took place, as the record tells of them: what each was, and whether it passed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from recovery_ops.errors import RecoveryError
from recovery_ops.model.drills import DrillKind
from recovery_ops.model.events import EventType
from recovery_ops.model.plan import Mode
from recovery_ops.planning.drill_calendar import Held
from recovery_ops.record.payload import Payload
from recovery_ops.record.shelf import Shelf
from recovery_ops.record.state import RunState
from recovery_ops.record.store import ObjectStore
from recovery_ops.reporting.building import report

NEWEST = 200
"""Runs that are looked through for drills."""


def drills_of(system: str, stores: Sequence[ObjectStore]) -> list[RunState]:
    """Return the declaration and close of every drill, newest first.

    Raises:
        RecoveryError: A store does not answer.
    """
    return [state for state in Shelf(system, stores).summaries(newest=NEWEST) if state.mode == Mode.DRILL]


def open_drills(system: str, stores: Sequence[ObjectStore]) -> list[RunState]:
    """Return the drills that were not closed: they work, or they died on the way."""
    return [state for state in drills_of(system, stores) if state.is_open and kind_of(state) is not DrillKind.TABLETOP]


def kind_of(state: RunState) -> DrillKind | None:
    """Return how much a drill took in, ``None`` when its record does not say."""
    try:
        return DrillKind(state.drill)
    except ValueError:
        return None


def held(system: str, stores: Sequence[ObjectStore]) -> Iterator[Held]:
    """Yield every closed drill for the calendar; each is judged by its report, as people see it."""
    shelf = Shelf(system, stores)
    for state in drills_of(system, stores):
        kind = kind_of(state)
        if kind is None or state.closed_at is None:
            continue
        try:
            made: Mapping[str, Any] = report(shelf.events(state.run_id))
        except RecoveryError:
            continue  # its evidence cannot be read; it counts as not held
        decided = made.get("tabletop") or {}
        people = decided.get("people") or []
        yield Held(
            kind=kind,
            run_id=state.run_id,
            at=state.closed_at,
            passed=made["verdict"] == "pass",
            component=state.component if kind is DrillKind.COMPONENT else "",
            scenario=str(made["classification"].get("scenario") or ""),
            attended=kind is not DrillKind.TABLETOP or any(item["answered_by_people"] for item in people),
        )


def leftovers(state: RunState) -> list[str]:
    """Return what the last clean-up of a run left behind."""
    notes = state.note(EventType.CLEANED_UP)
    return list(Payload(notes[-1].facts).texts("leftovers")) if notes else []
