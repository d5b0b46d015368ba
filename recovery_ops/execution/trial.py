"""On trial: while the soak lasts, the models that serve are asked again whether they are still right and fast."""

from recovery_ops.execution.proving import stops
from recovery_ops.execution.view import RunView
from recovery_ops.kinds import driver
from recovery_ops.model.checks import Check
from recovery_ops.model.events import EventType
from recovery_ops.model.plan import SystemStep
from recovery_ops.model.system import System
from recovery_ops.record.log import EventWriter


def answers_within_s(system: System) -> float | None:
    """Return the p95, in seconds, to which answers to clients outside are held; ``None`` when no component has one.

    Who of several answers them is not known here, so the longest counts.
    """
    limits = [driver(component).answers_within_s for component in system.components if component.gates_traffic]
    return max((limit for limit in limits if limit is not None), default=None)


def judge_again(view: RunView, writer: EventWriter) -> list[Check]:
    """Record what every gating component says of itself under real traffic; return the checks that did not pass."""
    broken: list[Check] = []
    for component in view.system.components:
        if not component.gates_traffic:
            continue
        for check in driver(component).watch(view.context(component, writer)):
            writer.append(EventType.CHECK_RECORDED, check.to_json() | {"step": SystemStep.OBSERVE})
            broken += [check] if stops(check) else []
    return broken
