"""The clock of an open run: how much of its RTO is used, and what it will come to.

On AWS a second is a second. In the sandbox only waiting for AWS is scaled, and how much of a running step is waiting is
known when it ends; until then it counts with what the wall says, or its estimate if that is more.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from recovery_ops.model.events import EventType
from recovery_ops.model.plan import Mode, Plan, SystemStep
from recovery_ops.planning.estimates import longest_chain
from recovery_ops.planning.frozen import plan_from_json
from recovery_ops.record.payload import Payload
from recovery_ops.record.state import RunState, StepState, StepStatus
from recovery_ops.reporting.metric_reading import RunRead
from recovery_ops.reporting.objectives import SYSTEM

MOVING = (Mode.FAILOVER, Mode.FAILBACK)
"""Modes that have an RTO of the system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Modelled seconds; NaN for what is not known."""

    objective_s: float = math.nan
    elapsed_s: float = math.nan
    forecast_s: float = math.nan


def clock(run: RunRead | None, now: datetime) -> Clock:
    """Return the clock of an open run at ``now``; all NaN when there is no run that moves traffic."""
    if run is None or run.state.mode not in MOVING:
        return Clock()
    state = run.state
    objective_s = _objective_s(state)
    achieved_s = next((item["achieved_s"] for item in run.achieved if item["component"] == SYSTEM), None)
    if achieved_s is not None:
        return Clock(objective_s=objective_s, elapsed_s=achieved_s, forecast_s=achieved_s)
    wall_s = (now - state.clocks["T0"]).total_seconds() if "T0" in state.clocks else math.nan
    plan = _plan(state)
    if plan is None:
        return Clock(objective_s=objective_s, elapsed_s=wall_s, forecast_s=max(wall_s, _said_s(state)))
    before_s = _before_s(state)
    elapsed_s = max(wall_s, before_s + _chain_s(plan, _used(state, now)))
    estimates = {step.id: step.estimate_s for step in plan.steps}
    planned = {name: _planned_s(state.steps.get(name), estimate_s, now) for name, estimate_s in estimates.items()}
    planned |= _ended(state)
    return Clock(
        objective_s=objective_s,
        elapsed_s=elapsed_s,
        forecast_s=max(elapsed_s, before_s + _chain_s(plan, planned), _said_s(state)),
    )


def modelled_s(state: RunState, step: StepState) -> float:
    """Return what a step that ended took on AWS: its work as it was, its waiting as AWS would take it."""
    return step.worked_s + step.waited_s / (state.time_factor or 1.0)


def _objective_s(state: RunState) -> float:
    criteria = Payload(state.criteria)
    of_system = criteria.part(SYSTEM).number("rto_s")
    found = of_system if of_system is not None else criteria.number("rto_s")
    return math.nan if found is None else found


def _plan(state: RunState) -> Plan | None:
    try:
        plan = plan_from_json(state.plan)
    except (KeyError, ValueError, TypeError):
        return None
    return plan if any(step.id == SystemStep.CUTOVER for step in plan.steps) else None


def _before_s(state: RunState) -> float:
    begin, impact = state.clocks.get("T3"), state.clocks.get("T0")
    return max(0.0, (begin - impact).total_seconds()) if begin and impact else 0.0


def _ended(state: RunState) -> dict[str, float]:
    return {step.id: modelled_s(state, step) for step in state.steps.values() if step.status is StepStatus.SUCCEEDED}


def _used(state: RunState, now: datetime) -> dict[str, float]:
    running = {step.id: _so_far_s(step, now) for step in state.steps.values() if step.status is StepStatus.RUNNING}
    return running | _ended(state)


def _planned_s(step: StepState | None, estimate_s: float, now: datetime) -> float:
    if step is None or step.status is not StepStatus.RUNNING:
        return 0.0 if step is not None and step.status is StepStatus.SKIPPED else estimate_s
    return max(estimate_s, _so_far_s(step, now))


def _so_far_s(step: StepState, now: datetime) -> float:
    return max(0.0, (now - step.started_at).total_seconds()) if step.started_at else 0.0


def _chain_s(plan: Plan, took_s: Mapping[str, float]) -> float:
    steps = [replace(step, estimate_s=took_s.get(step.id, 0.0)) for step in plan.steps]
    return sum(step.estimate_s for step in longest_chain(steps, SystemStep.CUTOVER))


def _said_s(state: RunState) -> float:
    """Return the newest forecast that the run itself made and that its step has not disproved by ending."""
    for note in reversed(state.note(EventType.RTO_FORECAST)):
        said = Payload(note.facts)
        step = state.steps.get(said.text("step"))
        over = step is not None and step.over
        return 0.0 if over else said.number("forecast_s") or 0.0
    return 0.0
