"""What a person may ask of a run while it goes on. Every wish is an event; the steps of the run read and obey it.

Command line, dashboard and Airflow use these functions; each returns the event as it stands in the record.
"""

from collections.abc import Mapping

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.catalog.freeze import thaw
from recovery_ops.catalog.suggest import did_you_mean
from recovery_ops.errors import RequestError
from recovery_ops.execution.view import PEOPLE, open_log
from recovery_ops.model.events import Event, EventType
from recovery_ops.model.plan import Phase, SystemStep
from recovery_ops.model.runs import RunRef
from recovery_ops.model.system import System
from recovery_ops.planning.frozen import plan_from_json
from recovery_ops.record.fold import fold
from recovery_ops.record.log import EventLog
from recovery_ops.record.state import RunState, StepState, StepStatus

SKIPPABLE = (SystemStep.FENCE, SystemStep.REPROTECT)
"""System steps that a run can do without; each of them then leaves something undone that the report names."""
DECISIONS = ("approve", "decline")


def pause(ref: RunRef, *, person: str, reason: str) -> Event:
    """Let no further step start; a step that works ends what it has begun.

    Raises:
        RequestError: The run is not open, or is paused already.
    """
    log, state = _open(ref, "pause")
    if state.control.paused is not None:
        raise RequestError(f"run {ref.run_id} is paused already, by {state.control.paused.person}")
    return _say(log, person, EventType.RUN_PAUSED, {"person": person, "reason": reason})


def resume(ref: RunRef, *, person: str, reason: str) -> Event:
    """Let a paused run go on.

    Raises:
        RequestError: The run is not open, or not paused.
    """
    log, state = _open(ref, "resume")
    if state.control.paused is None:
        raise RequestError(f"run {ref.run_id} is not paused; there is nothing to resume")
    return _say(log, person, EventType.RUN_RESUMED, {"person": person, "reason": reason})


def cancel(ref: RunRef, *, person: str, reason: str) -> Event:
    """End the run: no step starts any more but rollback, when traffic may have moved uncommitted, and close.

    Raises:
        RequestError: The run is not open, or is cancelled already.
    """
    log, state = _open(ref, "cancel")
    if state.control.cancelled is not None:
        raise RequestError(f"run {ref.run_id} is cancelled already, by {state.control.cancelled.person}")
    return _say(log, person, EventType.RUN_CANCELLED, {"person": person, "reason": reason})


def skip(ref: RunRef, step: str, *, person: str, reason: str) -> Event:
    """Do without a step; those that need it may go on.

    A skipped verification proves nothing: cutover stays shut until somebody overrides it, and the verdict is then fail.

    Raises:
        RequestError: The run is not open, there is no such step, it has succeeded, or a run cannot do without it.
    """
    log, state = _open(ref, "skip")
    found = _step(state, step)
    if found.status is StepStatus.SUCCEEDED:
        raise RequestError(f"{step} of run {ref.run_id} has succeeded; there is nothing to skip")
    if found.component is None and step not in SKIPPABLE:
        wanted = ", ".join(SKIPPABLE)
        raise RequestError(f"a run cannot do without {step}; of the system's own steps only {wanted} can be skipped")
    facts = {"step": step, "component": found.component, "phase": found.phase, "person": person, "reason": reason}
    return _say(log, person, EventType.STEP_SKIPPED, facts)


def override(ref: RunRef, step: str, *, person: str, reason: str) -> Event:
    """Let traffic move although the verification ``step`` was skipped or failed; the verdict is fail from now on.

    Raises:
        RequestError: The run is not open, ``step`` verifies nothing, has succeeded, or the person has no such right.
    """
    log, state = _open(ref, "override")
    found = _step(state, step)
    _require_role(state, person)
    if found.phase != Phase.VERIFY or found.status is StepStatus.SUCCEEDED:
        raise RequestError(f"{step} of run {ref.run_id} is no verification that failed; there is nothing to override")
    facts = {"person": person, "reason": reason, "step": step, "checks": _missing_proof(state, found)}
    event = _say(log, person, EventType.GATE_OVERRIDDEN, facts)
    if found.status is not StepStatus.SKIPPED:
        skip(ref, step, person=person, reason=reason)
    return event


def retry(ref: RunRef, step: str, *, person: str, reason: str) -> Event:
    """Try a failed step again; a run waits for this as long as the catalog's ``approval.hold`` says.

    Raises:
        RequestError: The run is not open, there is no such step, or it has not failed.
    """
    log, state = _open(ref, "retry")
    found = _step(state, step)
    if found.status is not StepStatus.FAILED:
        raise RequestError(f"{step} of run {ref.run_id} has not failed (it is {found.status}); nothing to try again")
    return _say(log, person, EventType.RETRY_ASKED, {"step": step, "person": person, "reason": reason})


def go_ungraceful(ref: RunRef, *, person: str, reason: str, step: str | None = None) -> Event:
    """Count on the region that is left no more, for the whole run or for one step.

    Raises:
        RequestError: The run is not open, there is no such step, or it is ungraceful already.
    """
    log, state = _open(ref, "ungraceful")
    if step is not None:
        _step(state, step)
    if not state.control.is_graceful(step or "", declared=state.graceful is True):
        raise RequestError(f"{step or 'run ' + ref.run_id} is ungraceful already")
    facts = {"graceful": False, "step": step, "person": person, "reason": reason}
    return _say(log, person, EventType.GRACEFULNESS_CHANGED, facts)


def answer_approval(ref: RunRef, *, person: str, decision: str, comment: str = "", reason: str = "") -> Event:
    """Answer the question that the run asks now, ``approve`` or ``decline``; the first answer counts.

    Raises:
        RequestError: The run is not open, asks nothing that is answered here, or the person may not answer.
    """
    log, state = _open(ref, "approve")
    if decision not in DECISIONS:
        raise RequestError(f"{decision!r} is no answer; say {' or '.join(DECISIONS)}")
    asked = state.approvals[-1] if state.approvals else None
    if asked is None or asked.decision is not None:
        raise RequestError(f"run {ref.run_id} asks nothing now")
    if asked.asked_in == "airflow":
        raise RequestError(f"run {ref.run_id} asks in Airflow; answer it there, under Required Actions of its DAG run")
    _require_role(state, person)
    facts = {"question": asked.question, "decision": decision, "person": person, "comment": comment or reason}
    return _say(log, person, EventType.APPROVAL_ANSWERED, facts)


def allowed_people(system: System) -> list[str]:
    """Return who may approve and override: everybody with an approving role; empty when no role has anybody."""
    return sorted({name for role in system.approval.approvers for name in system.people.get(role, ())})


def _open(ref: RunRef, wish: str) -> tuple[EventLog, RunState]:
    with calling_as(Caller(run_id=ref.run_id, step=f"control.{wish}")):
        log = open_log(ref)
        state = fold(log.events())
    if state.declared_at is None:
        raise RequestError(f"{ref.system} has no run {ref.run_id} in s3://{ref.record_bucket}")
    if state.closed_at is not None:
        raise RequestError(f"run {ref.run_id} was closed at {state.closed_at:%Y-%m-%d %H:%M:%S} UTC: {state.outcome}")
    return log, state


def _say(log: EventLog, person: str, event_type: EventType, facts: Mapping[str, object]) -> Event:
    with calling_as(Caller(run_id=log.run_id, step=f"control.{event_type}")):
        return log.writer(f"{PEOPLE}{person}").append(event_type, facts)


def _step(state: RunState, step: str) -> StepState:
    found = state.steps.get(step)
    if found is None:
        raise RequestError(f"run {state.run_id} has no step {step!r}{did_you_mean(step, state.steps)}")
    return found


def _missing_proof(state: RunState, verify: StepState) -> list[dict[str, str | None]]:
    failed = [item.check for item in state.current_checks if item.step == verify.id and item.check.outcome != "pass"]
    checks: list[dict[str, str | None]] = [
        {"component": check.component, "gate": check.gate, "name": check.name, "outcome": check.outcome}
        for check in failed
    ]
    nothing = {"component": verify.component, "gate": "verify", "name": verify.id, "outcome": "not-run"}
    return checks or [nothing]


def _require_role(state: RunState, person: str) -> None:
    allowed = allowed_people(thaw(plan_from_json(state.plan).frozen))
    if allowed and person not in allowed:
        raise RequestError(f"{person} may not decide this for {state.system}; {', '.join(allowed)} may")
