"""Steps of the whole system: fence, approve, cut over, watch, commit or roll back, protect again, close."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from recovery_ops.errors import ClaimLostError, RecoveryError, StepError, StepRejectedError, VerificationFailedError
from recovery_ops.execution.meter import Meter
from recovery_ops.execution.moving import cut_over, observe, roll_back
from recovery_ops.execution.view import PRODUCTION, RunView
from recovery_ops.kinds import driver
from recovery_ops.model.events import EventType
from recovery_ops.model.plan import Step, SystemStep
from recovery_ops.model.system import ApprovalMode
from recovery_ops.protection.points import take_point
from recovery_ops.record.fold import RunState, fold
from recovery_ops.record.log import EventWriter

Outputs = dict[str, Any]


def run_system_step(
    view: RunView, step: Step, writer: EventWriter, meter: Meter, answer: Mapping[str, Any] | None
) -> Outputs:
    """Run one system step and return its outputs; its facts are appended to ``writer``.

    Raises:
        StepError: The step did not succeed; see the step for what is true then.
    """
    if step.id == SystemStep.APPROVE:
        return _approve(view, writer, answer)
    actions: Mapping[str, Callable[[RunView, EventWriter, Meter], Outputs]] = {
        SystemStep.DECLARE: lambda *_: {},
        SystemStep.FENCE: _fence,
        SystemStep.CUTOVER: _cutover,
        SystemStep.OBSERVE: observe,
        SystemStep.COMMIT: _commit,
        SystemStep.ROLLBACK: roll_back,
        SystemStep.REPROTECT: _reprotect,
        SystemStep.CLOSE: _close,
    }
    outputs = actions[step.id](view, writer, meter)
    _anchor(view, writer)
    return outputs


def _anchor(view: RunView, writer: EventWriter) -> None:
    heads = {name: head for name, head in view.log.heads().items() if name != writer.name}
    writer.append(EventType.ANCHORED, {"heads": heads})


def _fence(view: RunView, writer: EventWriter, _meter: Meter) -> Outputs:
    """Stop the old writers where they can be reached; what cannot be reached is a debt, not a failure."""
    fenced: list[str] = []
    for component in view.system.components:
        region = view.ref.impaired_region
        facts = {"component": component.name, "region": region}
        try:
            for what in driver(component).fence(view.context(component, writer)):
                fenced.append(what)
                writer.append(EventType.FENCED, facts | {"what": what})
        except StepError as error:
            debt = {"debt": "fence", "what": f"stop writers of {component.name}", "why": error.message}
            writer.append(EventType.DEBT_NOTED, facts | debt)
    return {"fenced": fenced}


def _approve(view: RunView, writer: EventWriter, answer: Mapping[str, Any] | None) -> Outputs:
    """Record the yes that cutover needs. Refuses as long as one gate is not passed.

    Raises:
        VerificationFailedError: A gate is failed, errored or was not run.
        StepRejectedError: A person declined, or nobody answered in time; traffic stays.
    """
    _require_proven(view)
    policy = view.system.approval
    mode = policy.mode_for(view.system.lead_tier)
    asked = {"policy": mode, "approvers": list(policy.approvers), "timeout_s": view.wall(policy.timeout_s)}
    writer.append(EventType.APPROVAL_ASKED, asked)
    if mode is ApprovalMode.ASK and answer is None:
        message = f"{view.ref.system}: cutover needs the approval of {', '.join(policy.approvers)}; nobody was asked"
        raise StepRejectedError(message, system=view.ref.system)
    given = dict(
        answer or {"decision": "approve", "person": "policy:auto", "comment": f"{view.system.lead_tier}: auto"}
    )
    writer.append(EventType.APPROVAL_ANSWERED, given)
    if given["decision"] != "approve":
        message = (
            f"{view.ref.system}: cutover was not approved ({given['decision']} by {given['person']}); traffic stays"
        )
        raise StepRejectedError(message, system=view.ref.system)
    return {"approved_by": given["person"]}


def _require_proven(view: RunView) -> None:
    state = state_of(view)
    for component in view.system.components:
        if not component.gates_traffic:
            continue
        last = [step.id for step in view.plan.steps if step.component == component.name][-1]
        status = state.steps.get(last)
        if status is None or status.status != "succeeded":
            message = f"{view.ref.system}: {last} has not succeeded; traffic stays in {view.ref.impaired_region}"
            raise VerificationFailedError(message, component=component.name, region=view.ref.recovery_region)


def state_of(view: RunView) -> RunState:
    """Return the run as folded from all its events."""
    return fold(view.log.events())


def _cutover(view: RunView, writer: EventWriter, meter: Meter) -> Outputs:
    """Move traffic: the point of no return.

    Raises:
        VerificationFailedError: A gate is not passed; traffic has not moved.
        StepRejectedError: There is no approval; traffic has not moved.
    """
    _require_proven(view)
    if not any(answer.decision == "approve" for answer in state_of(view).approvals):
        raise StepRejectedError(f"{view.ref.system}: cutover without approval refused", system=view.ref.system)
    return cut_over(view, writer, meter)


def _commit(view: RunView, writer: EventWriter, _meter: Meter) -> Outputs:
    writer.append(EventType.RUN_COMMITTED, {"by": "policy:soak-healthy", "region": view.ref.recovery_region})
    return {}


def _reprotect(view: RunView, writer: EventWriter, meter: Meter) -> Outputs:
    """Protect the system where it runs now; what needs the impaired region is a debt paid when it heals."""
    for component in view.system.components:
        for debt in driver(component).reprotect(view.context(component, writer)):
            facts = {"debt": "reprotect", "component": component.name, "region": view.ref.impaired_region}
            writer.append(EventType.DEBT_NOTED, facts | {"what": debt, "why": "the impaired region is not called"})
    region = view.ref.recovery_region
    with meter.waiting():
        point = take_point(
            view.system,
            serving_region=region,
            regions=(region,),
            time_factor=view.settings.time_factor,
            caller=f"{view.ref.run_id}",
            forbidden_region=view.ref.impaired_region,
        )
    at = datetime.now(UTC).isoformat()
    writer.append(
        EventType.PROTECTION_RESTORED,
        {"point_id": point.id, "at": at, "regions": [region], "detail": f"locked, outside {view.ref.impaired_region}"},
    )
    return {"point_id": point.id}


def _close(view: RunView, writer: EventWriter, _meter: Meter) -> Outputs:
    """Release the claim and say how the run ended. Runs whatever happened before."""
    state = state_of(view)
    outcome = "committed" if state.committed else "rolled-back" if state.rolled_back else "failed"
    released = _release(view)
    serving = state.serving_region or view.ref.impaired_region
    writer.append(EventType.RUN_CLOSED, {"outcome": outcome, "serving_region": serving, "released": released})
    return {"outcome": outcome}


def _release(view: RunView) -> bool:
    try:
        view.claims.release(view.claim())
    except (ClaimLostError, RecoveryError):
        return False
    return True


__all__ = ["PRODUCTION", "run_system_step", "state_of"]
