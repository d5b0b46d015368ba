"""Taking over a run whose runner was lost: from Airflow by a laptop, from a laptop by Airflow, or by another laptop."""

from collections.abc import Collection
from datetime import UTC, datetime

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.errors import RequestError, RunActiveError
from recovery_ops.execution.leases import LEASE_S
from recovery_ops.execution.runners import AIRFLOW, DIRECT, current_runner, has_ended, process_of, this_process
from recovery_ops.execution.view import DRILL, PEOPLE, RunView, load_run
from recovery_ops.model.events import Event, EventType
from recovery_ops.model.plan import SystemStep
from recovery_ops.model.runs import RunRef
from recovery_ops.record.claims import Claim
from recovery_ops.record.fold import fold
from recovery_ops.record.seal import complete
from recovery_ops.record.state import RunState, StepStatus


def take_over(ref: RunRef, *, person: str, reason: str, steps: Collection[str] | None = None) -> Event:
    """Make this runner the only one that may act for an open run.

    Whoever acted for it before fails at its next mutating call, and at its next step, however late it wakes up.

    Args:
        ref: The run.
        person: Who takes it over.
        reason: Why.
        steps: Ids that this runner can carry out; ``None`` when it carries out whatever was planned.

    Raises:
        RequestError: The run is closed or yields to another, or was planned with other steps than ``steps``.
        RunActiveError: Its runner still renews the lease, or another run holds the system; says until when.
    """
    with calling_as(Caller(run_id=ref.run_id, step="control.take-over", forbidden_region=ref.impaired_region)):
        view = load_run(ref)
        state = fold(view.log.events())
        if state.closed_at is not None:
            complete(view.log)  # a runner that died after its last event had not sealed the record
        _refuse_over(state, steps)
        _refuse_other_steps(view, steps)
        claim = _enter(view, state)
        facts = {
            "person": person,
            "reason": reason,
            "from_execution": state.control.takeovers[-1].to_execution if state.control.takeovers else state.execution,
            "to_execution": AIRFLOW if current_runner().startswith(AIRFLOW) else DIRECT,
            "runner": current_runner(),
            "epoch": claim.epoch,
        }
        return view.log.writer(f"{PEOPLE}{person}").append(EventType.RUN_TAKEN_OVER, facts)


def _refuse_over(state: RunState, steps: Collection[str] | None) -> None:
    """A close that died before its own end may be finished, by a runner that does nothing else with a closed run."""
    close = state.steps.get(SystemStep.CLOSE)
    unfinished = steps is None and close is not None and close.status is not StepStatus.SUCCEEDED
    if state.closed_at is not None and not unfinished:
        message = f"run {state.run_id} was closed at {state.closed_at:%Y-%m-%d %H:%M:%S} UTC: {state.outcome}"
        raise RequestError(f"{message}; there is nothing to carry on")


def _refuse_other_steps(view: RunView, steps: Collection[str] | None) -> None:
    if steps is None:
        return
    planned = {step.id for step in view.plan.steps}
    more = set(steps) - planned if view.slot != DRILL else set()  # the DAG of drills has the steps of every kind
    unknown = sorted((planned - set(steps)) | more)
    if unknown:
        message = f"run {view.ref.run_id} was planned with other steps than this DAG has: {', '.join(unknown)}"
        raise RequestError(f"{message}; carry it on with: recovery-ops runs resume {view.ref.system} {view.ref.run_id}")


def _enter(view: RunView, state: RunState) -> Claim:
    """Return the claim under a new epoch; a run that lost its claim takes it again if nobody else has it."""
    now = datetime.now(UTC)
    held = view.claims.holder(view.ref.system, view.slot)
    if held is None or held.run_id != view.ref.run_id:
        return view.claim()
    if not (held.expired(now) or _is_gone(held) or _only_asks(state)):
        ends = f"{held.until:%H:%M:%S} UTC, in {(held.until - now).total_seconds():.0f} s"
        raise RunActiveError(
            f"run {view.ref.run_id} of {view.ref.system} is carried by {held.process or held.holder}, which renews its"
            f" lease until {ends}; when that runner is gone the lease ends and the run can be taken over",
            holder=held.holder,
            since=held.since.isoformat(),
            run_id=held.run_id,
        )
    return view.claims.take_over(held, process=this_process(), lease_s=LEASE_S, now=now)


def _is_gone(held: Claim) -> bool:
    """Only a direct runner is one process: a task of Airflow that ended says nothing about its DAG run."""
    process = process_of(held.process)
    return process is not None and process.execution == DIRECT and has_ended(held.process)


def _only_asks(state: RunState) -> bool:
    """The lease is long while Airflow waits for an answer; nothing else works then."""
    question = state.open_question
    return question is not None and question.asked_in == AIRFLOW
