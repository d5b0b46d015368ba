"""The clock of a run that goes on: how much of the RTO is left, and whether it will be enough and why not.

Modelled seconds, as objectives are judged: waiting for AWS and for people counts stretched by the time factor, own work
as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from recovery_ops.model.events import Event, EventType
from recovery_ops.model.plan import Plan, Step, SystemStep
from recovery_ops.planning.estimates import longest_chain
from recovery_ops.record.state import RunState, StepState, StepStatus

WAITS_FOR_PEOPLE = (SystemStep.APPROVE,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """``left_s`` is negative once the objective is missed and shrinks by ``rate`` per wall second; 0 when it stands.

    ``late_s`` above 0 is by how much the RTO will be missed; ``because`` is the step, ``chain`` what decides.
    """

    objective_s: float
    elapsed_s: float
    wall_s: float
    rate: float
    forecast_s: float | None
    because: str
    chain: tuple[str, ...]
    stopped: bool

    @property
    def left_s(self) -> float:
        """Return modelled seconds until the objective is missed."""
        return self.objective_s - self.elapsed_s

    @property
    def late_s(self) -> float | None:
        """Return by how much the forecast misses the objective; negative is time in hand."""
        return None if self.forecast_s is None else self.forecast_s - self.objective_s


def clock_of(state: RunState, plan: Plan, events: Sequence[Event], objective_s: float, now: datetime) -> Clock | None:
    """Return the clock of a declared run; ``None`` for one that moves no traffic or was never declared."""
    ids = {step.id for step in plan.steps}
    zero, start = state.declared_clocks.get("T0"), state.declared_clocks.get("T3")
    if zero is None or start is None or SystemStep.CUTOVER not in ids:
        return None
    end = state.healthy_since or state.closed_at
    until = min(now, end) if end else now
    waits = _waits(events, until)
    so_far = {
        step.id: _so_far(step, waits.get(step.id, 0.0), state.time_factor, until)
        for step in state.steps.values()
        if step.started_at is not None and step.started_at <= until
    }
    chain = longest_chain(
        [replace(step, estimate_s=so_far.get(step.id, 0.0)) for step in plan.steps], SystemStep.CUTOVER
    )
    before_s = max(0.0, (start - zero).total_seconds())
    elapsed_s = before_s + sum(step.estimate_s for step in chain)
    if state.time_factor == 1.0:
        elapsed_s = (until - zero).total_seconds()
    forecast_s, deciding = _forecast(state, plan, so_far, before_s)
    return Clock(
        objective_s=objective_s,
        elapsed_s=elapsed_s,
        wall_s=(until - zero).total_seconds(),
        rate=0.0 if end else 1.0 / state.time_factor if _waiting(state, chain, events) else 1.0,
        forecast_s=None if end else max(forecast_s, elapsed_s),
        because=_because(state, plan, so_far, deciding),
        chain=tuple(step.id for step in deciding),
        stopped=end is not None,
    )


def _forecast(
    state: RunState, plan: Plan, so_far: Mapping[str, float], before_s: float
) -> tuple[float, tuple[Step, ...]]:
    known = [replace(step, estimate_s=_expected(state.steps.get(step.id), step, so_far)) for step in plan.steps]
    chain = longest_chain(known, SystemStep.CUTOVER)
    return before_s + sum(step.estimate_s for step in chain), chain


def _expected(found: StepState | None, step: Step, so_far: Mapping[str, float]) -> float:
    """What is over counts as it was, what runs at least as planned."""
    taken_s = so_far.get(step.id, 0.0)
    return taken_s if found is not None and found.over else max(step.estimate_s, taken_s)


def _because(state: RunState, plan: Plan, so_far: Mapping[str, float], chain: Sequence[Step]) -> str:
    """Name the step of the deciding chain that is most over its estimate; the plan itself when none is."""
    planned = {step.id: step.estimate_s for step in plan.steps}
    over = {step.id: so_far.get(step.id, 0.0) - planned[step.id] for step in chain}
    worst = max(over, key=lambda name: over[name], default="")
    if worst and over[worst] > 0:
        doing = "takes" if state.steps[worst].status is StepStatus.RUNNING else "took"
        return f"{worst} {doing} longer than planned"
    return "the plan does not fit into what was left of the RTO"


def _so_far(step: StepState, waiting_s: float, factor: float, now: datetime) -> float:
    if step.status is not StepStatus.RUNNING and step.started_at and step.ended_at:
        return step.worked_s + step.waited_s / factor
    wall_s = max(0.0, (now - (step.started_at or now)).total_seconds())
    waited_s = wall_s if step.id in WAITS_FOR_PEOPLE else min(wall_s, waiting_s)
    return wall_s - waited_s + waited_s / factor


def _waits(events: Sequence[Event], now: datetime) -> dict[str, float]:
    """Wall seconds that every step has waited for AWS until now, by its operations; those that overlap count once."""
    open_since: dict[str, datetime] = {}
    pending: dict[str, int] = {}
    waited: dict[str, float] = {}
    for event in events:
        step = str(event.payload.get("step", ""))
        if event.type is EventType.OPERATION_STARTED:
            pending[step] = pending.get(step, 0) + 1
            open_since.setdefault(step, event.at)
        elif event.type is EventType.OPERATION_ENDED and pending.get(step):
            pending[step] -= 1
            if not pending[step]:
                begin = open_since.pop(step)
                waited[step] = waited.get(step, 0.0) + (event.at - begin).total_seconds()
    for step, begin in open_since.items():
        waited[step] = waited.get(step, 0.0) + max(0.0, (now - begin).total_seconds())
    return waited


def _waiting(state: RunState, chain: Sequence[Step], events: Sequence[Event]) -> bool:
    """Return whether the step that decides now waits for AWS or people."""
    running = [step.id for step in chain if state.steps[step.id].status is StepStatus.RUNNING]
    if not running:
        return False
    if running[-1] in WAITS_FOR_PEOPLE:
        return True
    mine = [event.type for event in events if event.payload.get("step") == running[-1]]
    return mine.count(EventType.OPERATION_STARTED) > mine.count(EventType.OPERATION_ENDED)
