"""Whether a step that waits for people has something to do again; asked from outside, as by Airflow's triggerer.

Whoever asks also forecasts the RTO: nobody else does while no process of the run works.
"""

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.errors import RecoveryError
from recovery_ops.execution.asking import is_open
from recovery_ops.execution.forecasting import Watchman
from recovery_ops.execution.heeding import heed
from recovery_ops.execution.view import load_run
from recovery_ops.model.events import EventType
from recovery_ops.model.plan import SystemStep
from recovery_ops.model.runs import RunRef

OVER = {EventType.APPROVAL_ANSWERED, EventType.STEP_SUCCEEDED, EventType.STEP_FAILED}


def is_held(ref: RunRef, step_id: str) -> bool:
    """Return whether ``step_id`` still waits for people; keep the lease of its run alive.

    What the step has to be told, as that its run was cancelled, is no waiting: it finds out itself.
    """
    with calling_as(Caller(run_id=ref.run_id, step=step_id, forbidden_region=ref.impaired_region)):
        view = load_run(ref)
        step = view.plan.step(step_id)
        try:
            held = heed(view, step, view.log.events_of(f"{step_id}#")).held is not None or is_open(view, step_id)
            view.claim()
        except RecoveryError as error:
            return error.retryable
        if held:
            Watchman(view, step, outside=True).look()
    return held


def is_unanswered(ref: RunRef) -> bool:
    """Return whether the question about cutover that Airflow asks may still be answered.

    Keeps no lease: whoever asked holds it for as long as the answer may take, and a run that has closed must stay so.
    """
    with calling_as(Caller(run_id=ref.run_id, step=SystemStep.APPROVE, forbidden_region=ref.impaired_region)):
        view = load_run(ref)
        said = {event.type for event in view.log.events_of(f"{SystemStep.APPROVE}#")}
        closed = any(event.type is EventType.RUN_CLOSED for event in view.log.events_of(f"{SystemStep.CLOSE}#"))
        if closed or said & OVER or view.control().stopped:
            return False
        Watchman(view, view.plan.step(SystemStep.APPROVE), outside=True).look()
    return True
