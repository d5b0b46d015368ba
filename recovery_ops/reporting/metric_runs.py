"""Metrics of runs: the one that goes on, those that are over, and drills. Pure."""

import math

from recovery_ops.execution.view import slot_of
from recovery_ops.model.drills import DrillKind
from recovery_ops.model.events import EventType
from recovery_ops.model.plan import Mode, Phase
from recovery_ops.planning.drill_calendar import calendar, overdue_s
from recovery_ops.record.claims import Slot
from recovery_ops.record.payload import Payload
from recovery_ops.record.state import RunState, StepStatus
from recovery_ops.reporting.metric_clock import clock, modelled_s
from recovery_ops.reporting.metric_list import RUN_STATES
from recovery_ops.reporting.metric_reading import RunRead, Seen
from recovery_ops.reporting.metric_samples import Durations, Values, or_nan, timestamp
from recovery_ops.reporting.objectives import FAIL, SYSTEM

ENDINGS = ("committed", "completed", "rolled-back", "failed", "abandoned")
DRILLS = ("tabletop", "component", "regional", "full")
OBJECTIVES = ("rto", "rpo")


def running(seen: Seen, values: Values) -> None:
    """Fill in the run of each slot that goes on, and its clock."""
    name = seen.system.name
    for slot in Slot:
        run = _open_run(seen, slot)
        for state in RUN_STATES:
            values.set("run_state", float(state == _state_of(run)), name, slot, state)
        impact = run.state.clocks.get("T0") if run else None
        values.set("run_impact_timestamp_seconds", timestamp(impact), name, slot)
        values.set("run_last_event_timestamp_seconds", timestamp(run.state.last_at if run else None), name, slot)
    ticking = clock(_open_run(seen, Slot.PRODUCTION), seen.at)
    values.set("run_rto_objective_seconds", ticking.objective_s, name)
    values.set("run_rto_elapsed_seconds", ticking.elapsed_s, name)
    values.set("run_rto_forecast_seconds", ticking.forecast_s, name)


def _open_run(seen: Seen, slot: Slot) -> RunRead | None:
    """Return the newest run of a slot if it is open; one that was left behind by a later run is over."""
    runs = [run for run in seen.declared if run.state.declared_at and slot_of(run.state.mode) is slot]
    newest = max(runs, key=lambda run: str(run.state.declared_at), default=None)
    return newest if newest is not None and newest.state.is_open else None


def _state_of(run: RunRead | None) -> str:
    if run is None:
        return "idle"
    state = run.state
    states = {
        "cancelled": state.control.stopped,
        "paused": state.control.paused is not None,
        "waiting-approval": state.open_question is not None,
        "failed-step": any(step.status is StepStatus.FAILED for step in state.steps.values()),
    }
    return next((name for name, true in states.items() if true), "running")


def history(seen: Seen, values: Values) -> None:
    """Fill in what past runs have left: how they ended, what they achieved, how long their steps took."""
    _seed(seen, values)
    name = seen.system.name
    for run in seen.declared:
        state = run.state
        if state.outcome is not None:
            values.add("runs_total", 1, name, state.mode, state.outcome)
            values.raise_to("last_run_timestamp_seconds", timestamp(state.last_at), name, state.mode, state.outcome)
        _steps(seen, state, values)
        if state.closed_at is not None:
            _judge(seen, run, values)
        values.add("gates_overridden_total", len(state.overrides), name)
    failed = sum(len(run.state.note(EventType.REPORT_FAILED)) for run in seen.runs.values())
    values.set("report_failures_total", failed, name)


def drills(seen: Seen, values: Values) -> None:
    """Fill in when drills were held last, and what they left behind."""
    name = seen.system.name
    values.set("proof_lifetime_objective_seconds", seen.system.proof_lasts_s, name)
    for scope in DRILLS:
        values.set("last_drill_timestamp_seconds", 0, name, scope)
    left = 0
    for run in seen.declared:
        state = run.state
        if state.mode == Mode.DRILL and state.closed_at is not None:
            values.raise_to("last_drill_timestamp_seconds", timestamp(state.closed_at), name, run.drill)
            left += _leftovers(state)
    values.set("drill_leftovers", left, name)
    _overdue(seen, values)


def _overdue(seen: Seen, values: Values) -> None:
    """Fill in how late drills are by the calendar; blocked hours and alarms make no drill less late."""
    counted = [run.held for run in seen.declared if run.held is not None]
    late = overdue_s(calendar(seen.system, counted, seen.at))
    for kind in DrillKind:
        seconds = late.get(kind, 0.0)
        values.set("drill_overdue_seconds", math.inf if seconds is None else seconds, seen.system.name, kind)


def _leftovers(state: RunState) -> int:
    """Return how many resources a drill said it could not remove when it cleaned up last."""
    cleaned = state.note(EventType.CLEANED_UP)
    return len(Payload(cleaned[-1].facts).items("leftovers")) if cleaned else 0


def _seed(seen: Seen, values: Values) -> None:
    name = seen.system.name
    endings = [("", "refused"), *((str(mode), outcome) for mode in Mode for outcome in ENDINGS)]
    for mode, outcome in endings:
        values.set("runs_total", 0, name, mode, outcome)
        values.set("last_run_timestamp_seconds", 0, name, mode, outcome)
    values.set("gates_overridden_total", 0, name)
    named = [("", ""), *((item.name, item.kind) for item in seen.system.components)]
    for mode in Mode:
        for objective in OBJECTIVES:
            values.set("objectives_missed_total", 0, name, mode, objective)
        for labels in named:
            values.set("last_run_achieved_rto_seconds", math.nan, name, mode, *labels)
            values.set("last_run_rto_objective_seconds", math.nan, name, mode, *labels)
    for component, kind in named[1:]:
        for phase in Phase:
            values.durations[name, component, kind, phase] = Durations()
            values.set("step_failures_total", 0, name, component, kind, phase)


def _steps(seen: Seen, state: RunState, values: Values) -> None:
    kinds = {item.name: item.kind for item in seen.system.components}
    for step in state.steps.values():
        labels = (seen.system.name, step.component or "", kinds.get(step.component or "", ""), step.phase)
        failed = sum(1 for attempt in step.tries.values() if attempt.error is not None)
        values.add("step_failures_total", failed, *labels)
        if step.status is StepStatus.SUCCEEDED and labels in values.durations:
            values.durations[labels].add(modelled_s(state, step))


def _judge(seen: Seen, run: RunRead, values: Values) -> None:
    """Take over the verdicts of the report; of a newer run of the mode they replace the older ones."""
    kinds = {item.name: item.kind for item in seen.system.components} | {SYSTEM: ""}
    name, mode = seen.system.name, run.state.mode
    for item in run.achieved:
        component = str(item["component"])
        if item["verdict"] == FAIL:
            values.add("objectives_missed_total", 1, name, mode, str(item["kind"]))
        if item["kind"] == "rto" and component in kinds:
            labels = (name, mode, "" if component == SYSTEM else component, kinds[component])
            values.set("last_run_achieved_rto_seconds", or_nan(item["achieved_s"]), *labels)
            values.set("last_run_rto_objective_seconds", or_nan(item["objective_s"]), *labels)
