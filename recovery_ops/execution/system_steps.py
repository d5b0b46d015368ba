"""Steps of the whole system: fence, approve, cut over, watch, commit or roll back, protect again, close."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from recovery_ops.errors import (
    ClaimLostError,
    RecoveryError,
    StepError,
    StepFailedError,
    StepRejectedError,
    VerificationFailedError,
)
from recovery_ops.execution.asking import NOBODY, Answer, ask, asking_s
from recovery_ops.execution.heeding import moves_traffic
from recovery_ops.execution.meter import Meter
from recovery_ops.execution.moving import cut_over, observe, probe_name, roll_back
from recovery_ops.execution.view import RunView
from recovery_ops.kinds import driver
from recovery_ops.model.events import EventType
from recovery_ops.model.plan import Step, SystemStep
from recovery_ops.model.system import ApprovalMode
from recovery_ops.protection.points import take_point
from recovery_ops.record.fold import RunState, fold
from recovery_ops.record.log import EventWriter

log = structlog.get_logger(__name__)

Outputs = dict[str, Any]


def run_system_step(
    view: RunView,
    step: Step,
    writer: EventWriter,
    meter: Meter,
    answer: Mapping[str, Any] | None,
    limit_s: float | None = None,
) -> Outputs:
    """Run one system step and return its outputs; its facts are appended to ``writer``.

    Raises:
        StepError: The step did not succeed; see the step for what is true then.
        StillAskedError: A question to people is open after ``limit_s`` wall seconds.
    """
    if step.id == SystemStep.APPROVE:
        return _approve(view, writer, answer, limit_s)
    if step.id == SystemStep.COMMIT:
        return _commit(view, writer, limit_s)
    actions: Mapping[str, Callable[[RunView, EventWriter, Meter], Outputs]] = {
        SystemStep.DECLARE: lambda *_: {},
        SystemStep.FENCE: _fence,
        SystemStep.CUTOVER: _cutover,
        SystemStep.OBSERVE: observe,
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
    """Stop the old writers where they can be reached.

    What cannot be reached is a debt in an ungraceful run. A graceful one counts on the region that it leaves, and two
    writers would be worse than a late recovery.

    Raises:
        StepFailedError: Writers of a graceful run go on; ``runs ungraceful`` lets it go on without that region.
    """
    fenced: list[str] = []
    unreached: list[str] = []
    for component in view.system.components:
        region = view.ref.impaired_region
        facts = {"component": component.name, "region": region}
        try:
            for what in driver(component).fence(view.context(component, writer)):
                fenced.append(what)
                writer.append(EventType.FENCED, facts | {"what": what})
        except StepError as error:
            if view.is_graceful(SystemStep.FENCE):
                unreached.append(f"{component.name}: {error.message}")
                continue
            debt = {"debt": "fence", "what": f"stop writers of {component.name}", "why": error.message}
            writer.append(EventType.DEBT_NOTED, facts | debt)
    if unreached:
        message = (
            f"{view.ref.system}: writers in {view.ref.impaired_region} could not be stopped, and this run is graceful"
        )
        raise StepFailedError("\n  ".join([message, *unreached]), region=view.ref.impaired_region)
    return {"fenced": fenced}


def _approve(view: RunView, writer: EventWriter, answer: Mapping[str, Any] | None, limit_s: float | None) -> Outputs:
    """Record the yes that cutover needs. Refuses as long as one gate is not passed.

    Raises:
        VerificationFailedError: A gate is failed, errored or was not run.
        StepRejectedError: A person declined, or nobody answered in time; traffic stays.
        StillAskedError: The question is open after ``limit_s`` wall seconds.
    """
    _require_proven(view)
    given = _given(view, writer, answer, limit_s)
    if given["decision"] != "approve":
        message = (
            f"{view.ref.system}: cutover was not approved ({given['decision']} by {given['person']}); traffic stays"
        )
        raise StepRejectedError(message, system=view.ref.system)
    return {"approved_by": given["person"]}


def _given(view: RunView, writer: EventWriter, answer: Mapping[str, Any] | None, limit_s: float | None) -> Answer:
    """Return the answer: Airflow's, that of the policy, or that of somebody who is asked here."""
    policy = view.system.approval
    mode = policy.mode_for(view.system.lead_tier)
    timeout_s = asking_s(view, policy.timeout_s)
    if answer is None and mode is ApprovalMode.ASK:
        return ask(view, writer, "cutover", timeout_s=timeout_s, on_timeout=policy.on_timeout, limit_s=limit_s)
    asked = {"policy": mode, "approvers": list(policy.approvers), "timeout_s": timeout_s}
    by_policy = {"decision": "approve", "person": "policy:auto", "comment": f"{view.system.lead_tier}: auto"}
    given = dict(answer or by_policy)
    if answer is None or state_of(view).open_question is None:
        writer.append(EventType.APPROVAL_ASKED, {"question": "cutover"} | asked)
    writer.append(EventType.APPROVAL_ANSWERED, {"question": "cutover"} | given)
    return given


def _require_proven(view: RunView) -> None:
    """Raise ``VerificationFailedError`` unless every component that traffic needs is verified, or overridden."""
    state = state_of(view)
    for component in view.system.components:
        if not component.gates_traffic:
            continue
        last = [step.id for step in view.plan.steps if step.component == component.name][-1]
        status = state.steps.get(last)
        found = "pending" if status is None else status.status
        if found == "skipped" and any(override.step == last for override in state.overrides):
            continue
        if found != "succeeded":
            message = (
                f"{view.ref.system}: {last} has not succeeded ({found}); traffic stays in {view.ref.impaired_region}"
            )
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
    if not any(answer.question == "cutover" and answer.decision == "approve" for answer in state_of(view).approvals):
        raise StepRejectedError(f"{view.ref.system}: cutover without approval refused", system=view.ref.system)
    return cut_over(view, writer, meter)


def _commit(view: RunView, writer: EventWriter, limit_s: float | None) -> Outputs:
    """Accept the recovery region as the one that serves: by policy after a healthy soak, or when a person says so.

    Raises:
        StepRejectedError: A person declined, or nobody answered and silence means no; traffic is put back where it can.
        StillAskedError: The question is open after ``limit_s`` wall seconds.
    """
    policy, by = view.system.approval, "policy:soak-healthy"
    if policy.commit is ApprovalMode.ASK:
        timeout_s = asking_s(view, policy.commit_timeout_s)
        given = ask(view, writer, "commit", timeout_s=timeout_s, on_timeout=policy.commit_on_timeout, limit_s=limit_s)
        if given["decision"] != "approve":
            message = f"{view.ref.system}: the recovery was not committed ({given['decision']} by {given['person']})"
            raise StepRejectedError(message, system=view.ref.system)
        by = "policy:timer" if given["person"] == NOBODY else str(given["person"])
    writer.append(EventType.RUN_COMMITTED, {"by": by, "region": view.ref.recovery_region})
    return {"by": by}


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
    """Release the claim and say how the run ended, and whether anybody serves. Runs whatever happened before."""
    state = state_of(view)
    facts: Outputs = {
        "outcome": outcome_of(state),
        "serving_region": state.serving_region or view.ref.impaired_region,
        "answers": None,
        "detail": "",
    }
    if moves_traffic(view) and not state.committed:
        facts |= _who_serves(view)
    facts["released"] = _release(view)
    writer.append(EventType.RUN_CLOSED, facts)
    return {"outcome": facts["outcome"], "answers": facts["answers"]}


def outcome_of(state: RunState) -> str:
    """Return how a run ends that closes now; one that was cancelled before traffic moved leaves no trace in traffic."""
    if state.committed:
        return "committed"
    if state.rolled_back:
        return "rolled-back"
    stopped_early = state.control.stopped and not state.note(EventType.TRAFFIC_MOVED)
    return "abandoned" if stopped_early else "failed"


def must_roll_back(state: RunState) -> bool:
    """Return whether traffic was moved and nobody accepted it."""
    return bool(state.note(EventType.TRAFFIC_MOVED)) and not (state.committed or state.rolled_back)


def _who_serves(view: RunView) -> Outputs:
    """Ask as a client outside does. That nobody serves is said loudly: in the record, the report, on the screen."""
    answer = probe_name(view)
    if answer.ok:
        return {"answers": True} | ({"serving_region": answer.region} if answer.region else {})
    detail = f"NOTHING SERVES {view.system.traffic.name}: {answer.detail or answer.status}"
    log.error("nothing serves", system=view.ref.system, run_id=view.ref.run_id, detail=detail)
    return {"answers": False, "detail": detail}


def _release(view: RunView) -> bool:
    try:
        view.claims.release(view.claim())
    except (ClaimLostError, RecoveryError):
        return False
    return True
