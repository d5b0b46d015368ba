"""Drills that took place, as the record tells of them: what each was, and whether it passed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from recovery_ops.errors import RecoveryError
from recovery_ops.model.drills import DrillKind
from recovery_ops.model.events import Event, EventType
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
        if is_held(state) and (found := held_of(state, partial(shelf.events, state.run_id))) is not None:
            yield found


def is_held(state: RunState) -> bool:
    """Return whether a run is a drill of a known kind that was closed."""
    return state.mode == Mode.DRILL and kind_of(state) is not None and state.closed_at is not None


def held_of(state: RunState, events: Callable[[], Sequence[Event]]) -> Held | None:
    """Return a closed drill as the calendar sees it; ``None`` when its evidence cannot be read: it was not held."""
    kind = kind_of(state)
    if kind is None or state.closed_at is None:
        return None
    try:
        made: Mapping[str, Any] = report(events())
    except RecoveryError:
        return None
    people = (made.get("tabletop") or {}).get("people") or []
    return Held(
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
