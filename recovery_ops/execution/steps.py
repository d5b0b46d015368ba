"""Run one step: started or resumed, waited for, recorded. Safe to kill at any line and run again."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.errors import RecoveryError, StepError, StepFailedError
from recovery_ops.execution.asking import StillAskedError
from recovery_ops.execution.attempts import next_attempt, refuse_superseded
from recovery_ops.execution.component_steps import ComponentStep, StillRunning
from recovery_ops.execution.forecasting import Watchman
from recovery_ops.execution.heeding import SkippedByPersonError, wait_until_allowed, waits_for_people
from recovery_ops.execution.meter import Meter
from recovery_ops.execution.projecting import catch_up, settle
from recovery_ops.execution.system_steps import run_system_step
from recovery_ops.execution.view import DRILL, RunView, acting, load_run
from recovery_ops.kinds import driver
from recovery_ops.model.events import Event, EventType
from recovery_ops.model.operations import OperationRef, OperationStatus
from recovery_ops.model.plan import NOT_PLANNED, Step, SystemStep
from recovery_ops.model.runs import RunRef
from recovery_ops.record.log import Known
from recovery_ops.record.seal import complete

log = structlog.get_logger(__name__)

HANDING_OVER = (SystemStep.RECONCILE, SystemStep.CUTOVER, SystemStep.REPROTECT)
"""Steps of a graceful move in which the region that is left takes part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """How a call of :func:`run_step` ended.

    Not ``finished``: ``operation`` still runs and has to be watched, or, when there is none, people hold the step, and
    ``outcome`` says why.
    """

    finished: bool
    outcome: str
    operation: OperationRef | None = None


SKIPPED = StepResult(finished=True, outcome="skipped")


def run_step(
    ref: RunRef,
    step_id: str,
    *,
    attempt: int = 1,
    wait_limit_s: float | None = None,
    answer: Mapping[str, Any] | None = None,
    known: Known | None = None,
) -> StepResult:
    """Run, or resume, one step of a declared run, as far as people let it.

    A step that has succeeded before is not run again. While the run is paused the step waits, and after a failure that
    repeating does not mend it waits for somebody to retry or skip it, as long as the catalog's ``approval.hold`` says.
    Every wait ends after ``wait_limit_s`` wall seconds with ``finished=False``; calling again resumes. Without a limit
    it ends with the operation or its budget.

    Args:
        ref: The run.
        step_id: ``<component>.<phase>`` or a system step.
        attempt: Number of the attempt, from 1, as the caller counts; an attempt that failed is never gone on with. Each
            attempt has its own chain in the record.
        wait_limit_s: Wall seconds to wait in place; ``None`` waits until the operation's budget is used up.
        answer: For ``approve``: ``{"decision", "person", "comment"}`` of a person who was asked.
        known: Events of the run that this process has read; reading them again is saved, and what is read is added.

    Raises:
        StepError: The step did not succeed; the reason is recorded. ``retryable`` says whether to call again.
        RunCancelledError: A person cancelled the run.
        ClaimLostError: Another run, or another runner of this run, took over; nothing more was changed.
    """
    result: StepResult | None = None
    try:
        result = _run_step(ref, step_id, attempt, wait_limit_s, answer, known)
        return result
    finally:
        settle(fold=result is None or not result.finished)


def _run_step(
    ref: RunRef,
    step_id: str,
    attempt: int,
    wait_limit_s: float | None,
    answer: Mapping[str, Any] | None,
    known: Known | None,
) -> StepResult:
    with calling_as(Caller(run_id=ref.run_id, step=step_id)):
        meter = Meter()  # reading the record is work of the step
        view = load_run(ref, known)
        if view.slot == DRILL and not view.plan.has(step_id):
            return StepResult(finished=True, outcome=NOT_PLANNED)
        step = view.plan.step(step_id)
        watchman = Watchman(view, step)
        with watchman.watching():
            return _until_over(view, step, watchman, meter, attempt, wait_limit_s, answer)


def _until_over(
    view: RunView,
    step: Step,
    watchman: Watchman,
    meter: Meter,
    attempt: int,
    wait_limit_s: float | None,
    answer: Mapping[str, Any] | None,
) -> StepResult:
    """Try as often as people want it; ``meter`` is that of the first attempt if nobody holds it up."""
    while True:
        past = view.log.events_of(f"{step.id}#")
        if any(event.type is EventType.STEP_SUCCEEDED for event in past):
            _complete_record(view, step.id)
            return StepResult(finished=True, outcome="succeeded-before")
        seen = wait_until_allowed(view, step, past, wait_limit_s, watchman)
        if seen.skipped:
            return SKIPPED
        if seen.held is not None:
            return StepResult(finished=False, outcome=seen.held)
        watchman.meter = meter = Meter() if seen.waited else meter  # waiting for people is not
        try:
            return _attempt(view, step, watchman, meter, past, next_attempt(past, attempt), wait_limit_s, answer)
        except StepError as error:
            if not waits_for_people(view, step):
                raise
            watchman.meter, meter = None, Meter()
            log.warning("step waits for people", run_id=view.ref.run_id, step=step.id, error=error.message)


def _attempt(
    view: RunView,
    step: Step,
    watchman: Watchman,
    meter: Meter,
    past: list[Event],
    attempt: int,
    limit_s: float | None,
    answer: Mapping[str, Any] | None,
) -> StepResult:
    writer = view.log.writer(f"{step.id}#{attempt}")
    if not _resumes(past, writer.name):
        writer.append(EventType.STEP_STARTED, _facts(view, step, attempt), at=meter.began_at)
    try:
        with _entitled(view, step, attempt):
            if step.component is None:
                outputs = run_system_step(view, step, writer, meter, answer, limit_s)
            else:
                outputs = ComponentStep(view, step, writer, meter, past, limit_s).run()
        watchman.look(over=True)
    except StillRunning as waiting:
        return StepResult(finished=False, outcome="waiting", operation=waiting.operation)
    except StillAskedError as asking:
        return StepResult(finished=False, outcome=str(asking))
    except SkippedByPersonError:
        return SKIPPED
    except Exception as error:  # noqa: BLE001  a fault of ours fails its step: the run still rolls back and closes
        known = error if isinstance(error, RecoveryError) else _fault_of_ours(step, error)
        writer.append(EventType.STEP_FAILED, _facts(view, step, attempt) | _times(meter) | {"error": _describe(known)})
        raise known from (None if known is error else error)
    writer.append(EventType.STEP_SUCCEEDED, _facts(view, step, attempt) | _times(meter) | {"outputs": outputs})
    log.info("step succeeded", run_id=view.ref.run_id, step=step.id, **_times(meter))
    _complete_record(view, step.id)
    return StepResult(finished=True, outcome="succeeded")


def _fault_of_ours(step: Step, error: Exception) -> StepFailedError:
    log.error("fault of recovery-ops", step=step.id, exc_info=error)
    message = f"{step.id}: fault of recovery-ops itself: {type(error).__name__}: {error}"
    return StepFailedError(message, component=step.component)


def look(ref: RunRef, operation: OperationRef) -> OperationStatus:
    """Look once at an operation of a run, for triggers and progress displays; records nothing but a forecast."""
    view = load_run(ref)
    component = view.system.component(operation.component)
    step_id = f"{operation.component}.{operation.phase}"
    with acting(view, step_id):
        Watchman(view, view.plan.step(step_id), outside=True).look()
        return driver(component).poll(operation, view.context(component))


def _resumes(past: list[Event], writer: str) -> bool:
    return any(event.writer == writer and event.type is EventType.STEP_STARTED for event in past)


def _entitled(view: RunView, step: Step, attempt: int) -> AbstractContextManager[None]:
    always = step.id in (SystemStep.FENCE, SystemStep.ROLLBACK, SystemStep.CLOSE)
    may_call_source = always or (step.id in HANDING_OVER and view.is_graceful(step.id))
    newest = partial(refuse_superseded, view, step.id, attempt)
    return acting(view, step.id, may_call_source=may_call_source, also=newest)


def _facts(view: RunView, step: Step, attempt: int) -> dict[str, Any]:
    return {
        "step": step.id,
        "component": step.component,
        "phase": step.phase,
        "attempt": attempt,
        "region": view.ref.recovery_region,
        "control_planes": list(step.control_planes),
    }


def _times(meter: Meter) -> dict[str, float]:
    return {"worked_s": meter.worked_s, "waited_s": meter.waited_s}


def _complete_record(view: RunView, step_id: str) -> None:
    """After the last step: merge what still waits, seal the record, make mirrors and projection whole."""
    if step_id != SystemStep.CLOSE:
        return
    with calling_as(Caller(run_id=view.ref.run_id, step=step_id, forbidden_region=view.ref.impaired_region)):
        complete(view.log)
        catch_up(view.log)


def _describe(error: RecoveryError) -> dict[str, Any]:
    return {
        "type": type(error).__name__,
        "message": error.message,
        "playbook": error.playbook,
        "retryable": error.retryable,
    }
