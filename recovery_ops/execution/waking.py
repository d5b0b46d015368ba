"""Whether a step that waits for people has something to do again; asked from outside, as by Airflow's triggerer."""

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.errors import RecoveryError
from recovery_ops.execution.asking import is_open
from recovery_ops.execution.heeding import heed
from recovery_ops.execution.view import load_run
from recovery_ops.model.runs import RunRef


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
    return held
