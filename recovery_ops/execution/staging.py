"""What a drill does before its clock starts: it builds its own standby, then breaks the region that it leaves.

A real run finds its standby standing. A drill must not use that of production, so it makes one under its own id first;
the steps of the plan then adopt it exactly as those of a real run adopt the real one.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from recovery_ops.aws.limits import POLL_AT_LEAST_S, POLL_MODELLED_S
from recovery_ops.aws.waiting import require_success, watch
from recovery_ops.execution.faulting import inject
from recovery_ops.execution.heeding import listen
from recovery_ops.execution.meter import Meter
from recovery_ops.execution.view import RunView, clocks_started
from recovery_ops.kinds import StepContext, driver
from recovery_ops.model.events import EventType
from recovery_ops.model.operations import OperationRef, OperationState, OperationStatus
from recovery_ops.model.plan import Phase, Step
from recovery_ops.model.system import Component
from recovery_ops.record.log import EventWriter

Outputs = dict[str, Any]


def stage(view: RunView, writer: EventWriter, meter: Meter) -> Outputs:
    """Build what has to stand, inject the fault, start the clocks. Safe to repeat: clocks that run go on.

    Raises:
        StepFailedError: Something of the standby could not be made.
        DeadlineExceededError: The region goes on answering although it was broken for this run.
    """
    if (begun := clocks_started(view.log)) is not None:
        return {"staged": list(begun.payload["staged"])}
    staged = []
    with meter.waiting():
        for component in _standing(view):
            _build(view, component, view.context(component, writer))
            staged.append(component.name)
        fault = inject(view) if view.declared.get("inject") else None
    if fault is not None:
        writer.append(EventType.FAULT_INJECTED, fault.to_json(view.person))
    now = datetime.now(UTC)
    times = {"T0": now, "T1": now} if fault is None else {"T0": fault.at, "T1": fault.detected_at}
    clocks = {name: at.isoformat() for name, at in (times | {"T2": now, "T3": now}).items()}
    writer.append(EventType.CLOCKS_STARTED, {"clocks": clocks, "staged": staged})
    return {"staged": staged}


def _standing(view: RunView) -> Iterator[Component]:
    """Yield what a real run would find standing, each after what it needs; what needs more than that is left out."""
    found: set[str] = set()
    for name in view.plan.components:
        component = view.system.component(name)
        if driver(component).stands_already() and set(component.needs) <= found and _provision(view, name):
            found.add(name)
            yield component


def _provision(view: RunView, component: str) -> Step | None:
    step_id = f"{component}.{Phase.PROVISION}"
    return view.plan.step(step_id) if view.plan.has(step_id) else None


def _build(view: RunView, component: Component, ctx: StepContext) -> None:
    kind, step = driver(component), _provision(view, component.name)
    assert step is not None
    ref = kind.start(Phase.PROVISION, ctx)

    def look(one: OperationRef) -> OperationStatus:
        listen(view)
        return kind.poll(one, ctx)

    def wait() -> OperationStatus:
        limit_s, every_s = max(view.wall(step.budget_s), 5.0), max(view.wall(POLL_MODELLED_S), POLL_AT_LEAST_S)
        return watch(ref, look, limit_s=limit_s, interval_s=every_s, clock=ctx.clock)

    while (status := wait()).state is OperationState.FAILED:
        ref = kind.fallback(ref, status, ctx)
    require_success(ref, status)
