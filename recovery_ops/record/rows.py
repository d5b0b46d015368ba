"""Rows of the projection: from the state of a run to what the tables hold, and back as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from recovery_ops.model.events import Event, EventType
from recovery_ops.record import envelope
from recovery_ops.record.payload import Payload
from recovery_ops.record.state import RunState, StepState
from recovery_ops.record.tables import CLOCKS
from recovery_ops.record.views import as_json

Row = dict[str, object]
PROTECT = "protect-"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run. Texts are empty and times ``None`` when the run does not say."""

    run_id: str
    system: str
    mode: str
    intent: str
    execution: str
    home: str
    impaired_region: str
    recovery_region: str
    person: str
    reason: str
    tool_version: str
    account: str
    plan_hash: str
    criteria_hash: str
    graceful: bool | None
    time_factor: float
    declared_at: datetime | None
    clocks: Mapping[str, datetime]
    committed_at: datetime | None
    rolled_back_at: datetime | None
    closed_at: datetime | None
    is_open: bool
    outcome: str | None
    serving_region: str | None
    overridden: bool
    debts: int
    last_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """One step of a run."""

    run_id: str
    step: str
    component: str | None
    phase: str
    status: str
    attempts: int
    started_at: datetime | None
    ended_at: datetime | None
    worked_s: float
    waited_s: float
    error_type: str | None
    error_message: str | None
    playbook: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """One check; ``current`` tells the latest of its (component, gate, name). Values are plain JSON."""

    run_id: str
    number: int
    step: str
    component: str
    gate: str
    name: str
    outcome: str
    unit: str
    detail: str
    attempt: int
    at: datetime
    current: bool
    expected: object
    observed: object
    tolerance: object


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRow:
    """One recovery point that was taken, or failed to be: then ``complete`` is ``False`` and ``reason`` says why."""

    run_id: str
    point_id: str
    system: str
    complete: bool
    taken_at: datetime | None
    watermark: datetime | None
    regions: tuple[str, ...]
    components: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PointUsedRow:
    """What a component of a run was recovered from."""

    run_id: str
    number: int
    component: str
    kind: str
    source: str
    detail: str
    point_id: str | None
    watermark: datetime | None
    rpo_s: float | None
    objective_s: float | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRows:
    """Everything that the projection holds about one run. Steps are in the order of their start, then by name."""

    run: RunRow
    steps: tuple[StepRow, ...]
    checks: tuple[CheckRow, ...]
    points_used: tuple[PointUsedRow, ...]


def event_row(event: Event, system: str) -> Row:
    """Return the row of ``event``; its body is the stored text, which PostgreSQL must not reinterpret."""
    return {
        "run_id": event.run_id,
        "writer": event.writer,
        "seq": event.seq,
        "system": system,
        "at": event.at,
        "type": str(event.type),
        "hash": event.hash,
        "body": envelope.canonical(event.to_json()).decode(),
    }


def run_row(state: RunState, system: str) -> Row | None:
    """Return the row of a run, or ``None`` for events that are no run (protection, say)."""
    if state.declared_at is None and not state.refusals:
        return None
    names = (
        "run_id", "mode", "intent", "execution", "home", "impaired_region", "recovery_region", "person", "reason",
        "tool_version", "account", "plan_hash", "criteria_hash", "graceful", "time_factor", "declared_at",
        "committed_at", "rolled_back_at", "closed_at", "is_open", "outcome", "serving_region", "last_at",
    )  # fmt: skip
    clocks = {name: state.clocks.get(name.upper()) for name in CLOCKS}
    counts = {"overridden": bool(state.overrides), "debts": len(state.debts), "system": state.system or system}
    return _stored({name: getattr(state, name) for name in names} | clocks | counts)


def step_rows(state: RunState) -> list[Row]:
    """Return the rows of all steps of a run."""
    return [_step_row(state.run_id, step) for step in state.steps.values()]


def check_rows(state: RunState) -> list[Row]:
    """Return the rows of all checks of a run, numbered from 1 in the order of events."""
    current = {id(item) for item in state.current_checks}
    names = ("component", "gate", "name", "outcome", "unit", "detail", "expected", "observed", "tolerance")
    return [
        _stored(
            {name: as_json(getattr(item.check, name)) for name in names}
            | {"run_id": state.run_id, "number": number, "current": id(item) in current}
            | {"step": item.step, "attempt": item.attempt, "at": item.at}
        )
        for number, item in enumerate(state.checks, 1)
    ]


def point_used_rows(state: RunState) -> list[Row]:
    """Return what the components of a run were recovered from, numbered from 1 in the order of events."""
    names = ("component", "kind", "source", "detail", "point_id", "watermark", "rpo_s", "objective_s", "at")
    return [
        _stored({name: getattr(use, name) for name in names} | {"run_id": state.run_id, "number": number})
        for number, use in enumerate(state.points_used, 1)
    ]


def point_rows(state: RunState, system: str) -> list[Row]:
    """Return the points of a protection; one that was taken after a failure counts as taken."""
    found: dict[object, Row] = {}
    for event_type in (EventType.POINT_FAILED, EventType.POINT_TAKEN):
        for note in state.note(event_type):
            row = _point_row(state.run_id, Payload(note.facts), system, complete=event_type is EventType.POINT_TAKEN)
            found[row["point_id"]] = row
    return list(found.values())


def _point_row(run_id: str, facts: Payload, system: str, *, complete: bool) -> Row:
    return _stored(
        {
            "run_id": run_id,
            "point_id": facts.text("point_id") or run_id.removeprefix(PROTECT),
            "system": facts.text("system") or system,
            "complete": complete,
            "taken_at": facts.time("taken_at"),
            "watermark": facts.time("watermark"),
            "regions": list(facts.texts("regions")),
            "components": list(facts.texts("components")),
            "reason": facts.text("reason"),
        }
    )


def _step_row(run_id: str, step: StepState) -> Row:
    names = ("component", "phase", "attempts", "started_at", "ended_at", "worked_s", "waited_s")
    error = step.error
    return _stored(
        {name: getattr(step, name) for name in names}
        | {"run_id": run_id, "step": step.id, "status": step.status.value}
        | {
            "error_type": error.type if error else None,
            "error_message": error.message if error else None,
            "playbook": error.playbook if error else None,
        }
    )


def _stored(row: Row) -> Row:
    return {name: _storable(value) for name, value in row.items()}


def _storable(value: object) -> object:
    """PostgreSQL's text and JSONB cannot hold NUL, which JSON can."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, Mapping):
        return {_storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return value
