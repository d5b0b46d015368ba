"""On trial: while the soak lasts, the models that serve are asked again whether they are still right and fast."""

from recovery_ops.execution.proving import stops
from recovery_ops.execution.view import RunView
from recovery_ops.kinds import driver
from recovery_ops.model.checks import Check
from recovery_ops.model.events import EventType
from recovery_ops.model.plan import SystemStep
from recovery_ops.record.log import EventWriter


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
