"""Steps of the whole system: fence, approve, cut over, watch, commit or roll back, protect again, close."""

from collections.abc import Callable, Mapping
from typing import Any

import structlog

from recovery_ops.errors import (
    ClaimLostError,
    RecoveryError,
    StepRejectedError,
    VerificationFailedError,
)
from recovery_ops.execution.asking import NOBODY, Answer, ask, asking_s
from recovery_ops.execution.cleaning import clean_up
from recovery_ops.execution.fencing import fence, give_back, open_side
from recovery_ops.execution.heeding import moves_traffic
from recovery_ops.execution.meter import Meter
from recovery_ops.execution.moving import cut_over, observe, probe_name, roll_back
from recovery_ops.execution.predecessors import predecessors
from recovery_ops.execution.reconciling import put_away, reconcile
from recovery_ops.execution.rehearsing import cut_over_apart, go_back, observe_apart
from recovery_ops.execution.reprotecting import reprotect
from recovery_ops.execution.staging import stage
from recovery_ops.execution.view import DRILL, RunView
from recovery_ops.model.events import EventType
from recovery_ops.model.plan import Mode, Step, SystemStep
from recovery_ops.model.system import ApprovalMode
from recovery_ops.record.fold import RunState, fold
from recovery_ops.record.log import EventWriter
from recovery_ops.record.state import StepStatus

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
    drill = view.slot == DRILL
    actions: Mapping[str, Callable[[RunView, EventWriter, Meter], Outputs]] = {
        SystemStep.DECLARE: lambda *_: {},
        SystemStep.STAGE: stage,
        SystemStep.FENCE: fence,
        SystemStep.RECONCILE: reconcile,
        SystemStep.CUTOVER: _cut_over_drill if drill else _cutover,
        SystemStep.OBSERVE: observe_apart if drill else observe,
        SystemStep.GO_BACK: go_back,
        SystemStep.CLEAN_UP: clean_up,
        SystemStep.ROLLBACK: roll_back,
        SystemStep.REPROTECT: reprotect,
        SystemStep.CLOSE: _close,
    }
    outputs = actions[step.id](view, writer, meter)
    _anchor(view, writer)
    return outputs


def _anchor(view: RunView, writer: EventWriter) -> None:
    heads = {name: head for name, head in view.log.heads().items() if name != writer.name}
    writer.append(EventType.ANCHORED, {"heads": heads})


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
    open_side(view, writer, view.ref.recovery_region)  # an earlier run may have fenced it
    return cut_over(view, writer, meter)


def _cut_over_drill(view: RunView, writer: EventWriter, meter: Meter) -> Outputs:
    """Move the traffic of a drill, for which the same is proven as for that of production; nobody is asked.

    Raises:
        VerificationFailedError: A gate is not passed; nothing has moved.
    """
    _require_proven(view)
    return cut_over_apart(view, writer, meter)


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


def _close(view: RunView, writer: EventWriter, _meter: Meter) -> Outputs:
    """Release the claim and say how the run ended, and whether anybody serves. Runs whatever happened before."""
    state = state_of(view)
    if state.closed_at is not None:  # an earlier attempt died after it had said so
        _release(view)
        return {"outcome": state.outcome}
    facts: Outputs = {
        "outcome": outcome_of(state),
        "serving_region": traffic_in(view, state),
        "answers": None,
        "detail": _how_it_stands(view, state),
    }
    if facts["serving_region"] == view.ref.impaired_region and _may_be_fenced(state):
        give_back(view, writer)
    if _may_have_left_tables(state):
        put_away(view, writer)
    if moves_traffic(view) and not state.committed:
        facts |= _who_serves(view)
    facts["released"] = _release(view)
    facts["earlier"] = predecessors(view.log.store, view.ref.system, view.ref.run_id, view.plan.hash)
    writer.append(EventType.RUN_CLOSED, facts)
    return {"outcome": facts["outcome"], "answers": facts["answers"]}


def outcome_of(state: RunState) -> str:
    """Return how a run ends that closes now; cancelled before it touched traffic, it leaves no trace there."""
    if state.committed:
        return "committed"
    if state.mode == Mode.DRILL and state.note(EventType.CLEANED_UP) and _went_well(state):
        return "completed"
    if any(note.facts.get("to_region") for note in state.note(EventType.RUN_ROLLED_BACK)):
        return "rolled-back"
    stopped_early = state.control.stopped and not state.may_have_moved
    return "abandoned" if stopped_early else "failed"


def _went_well(state: RunState) -> bool:
    """Return whether every step before the close has succeeded."""
    return all(step.status is StepStatus.SUCCEEDED for step in state.steps.values() if step.id != SystemStep.CLOSE)


def must_roll_back(state: RunState) -> bool:
    """Return whether traffic was moved, or may have been, nobody accepted it, and taking it back is not over."""
    rollback = state.steps.get(SystemStep.ROLLBACK)
    over = rollback is not None and rollback.status is StepStatus.SUCCEEDED
    return state.may_have_moved and not (state.committed or over)


def _who_serves(view: RunView) -> Outputs:
    """Ask as a client outside does. That nobody serves is said loudly: in the record, the report, on the screen."""
    answer = probe_name(view)
    if answer.ok:
        return {"answers": True} | ({"serving_region": answer.region} if answer.region else {})
    detail = f"NOTHING SERVES {view.system.traffic.name}: {answer.detail or answer.status}"
    log.error("nothing serves", system=view.ref.system, run_id=view.ref.run_id, detail=detail)
    return {"answers": False, "detail": detail}


def _may_have_left_tables(state: RunState) -> bool:
    """Return whether this run began to reconcile and did not come to its end with both regions."""
    reconciling = state.steps.get(SystemStep.RECONCILE)
    if reconciling is None or reconciling.started_at is None:
        return False
    return "reconciled" not in reconciling.outputs or "why" in reconciling.outputs


def _may_be_fenced(state: RunState) -> bool:
    """Return whether this run began to fence and has not taken that back: a process may die before it says what it did.

    Rolling back takes it back.
    """
    fencing = state.steps.get(SystemStep.FENCE)
    return fencing is not None and fencing.started_at is not None and not state.note(EventType.RUN_ROLLED_BACK)


def traffic_in(view: RunView, state: RunState) -> str:
    """Return the region that clients are sent to now; a move whose answer was lost counts as one."""
    region = view.ref.impaired_region
    for event_type in (EventType.TRAFFIC_MOVING, EventType.TRAFFIC_MOVED, EventType.RUN_ROLLED_BACK):
        for note in state.note(event_type):
            region = str(note.facts.get("to_region") or region)
    return region


def _how_it_stands(view: RunView, state: RunState) -> str:
    """Say where clients are sent when traffic may have moved and nobody accepted it; a person has to decide then."""
    if state.committed or not state.may_have_moved:
        return ""
    here = traffic_in(view, state)
    if here == view.ref.impaired_region:
        return f"traffic was sent back to {here}"
    how = "was moved" if state.note(EventType.TRAFFIC_MOVED) else "may have been moved"
    return f"traffic {how} to {here} and could not be sent back; it is not committed, a person has to decide"


def _release(view: RunView) -> bool:
    try:
        view.claims.release(view.claim())
    except (ClaimLostError, RecoveryError):
        return False
    return True
