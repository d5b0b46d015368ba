"""The verify phase: run every gate of a component, record every answer, and let nothing unproven through."""

from typing import Any

from recovery_ops.errors import VerificationFailedError
from recovery_ops.execution.view import RunView
from recovery_ops.kinds import Kind, StepContext
from recovery_ops.model.checks import Check, CheckOutcome
from recovery_ops.model.events import EventType
from recovery_ops.model.plan import Step
from recovery_ops.quality.checklist import checklist
from recovery_ops.record.log import EventWriter


def prove(view: RunView, step: Step, kind: Kind, ctx: StepContext, writer: EventWriter) -> None:
    """Run all gates of a component and record each check.

    Raises:
        VerificationFailedError: A check failed, errored or was not run, and nobody overrode it; lists all of them.
    """
    name = kind.component.name
    checks: list[Check] = []
    for check in kind.verify(ctx):
        checks.append(check)
        writer.append(EventType.CHECK_RECORDED, check.to_json() | {"step": step.id})
    for absent in checklist(checks, {name: set(kind.gates)}):
        if absent.outcome is CheckOutcome.NOT_RUN:
            checks.append(absent)
            writer.append(EventType.CHECK_RECORDED, absent.to_json() | {"step": step.id})
    if broken := [check for check in checks if stops(check)]:
        _refuse_or_override(view, step, broken, writer)


def stops(check: Check) -> bool:
    """Return whether a check keeps traffic where it is."""
    return check.outcome is not CheckOutcome.PASS and not check.advisory


def _refuse_or_override(view: RunView, step: Step, broken: list[Check], writer: EventWriter) -> None:
    if view.override:
        named = [_brief(check) for check in broken]
        payload = {"person": view.person, "reason": view.override, "step": step.id, "checks": named}
        writer.append(EventType.GATE_OVERRIDDEN, payload)
        return
    lines = [f"{check.gate} {check.name}: {check.outcome}: {check.detail or _difference(check)}" for check in broken]
    message = (
        f"{step.id}: {len(broken)} of the checks in {view.ref.recovery_region} did not pass; traffic has not moved\n  "
        + "\n  ".join(lines)
    )
    raise VerificationFailedError(message, component=step.component, region=view.ref.recovery_region)


def _brief(check: Check) -> dict[str, Any]:
    return {"component": check.component, "gate": check.gate, "name": check.name, "outcome": check.outcome}


def _difference(check: Check) -> str:
    return f"expected {check.expected!r}, observed {check.observed!r}"
