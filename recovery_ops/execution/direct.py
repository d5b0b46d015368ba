"""The direct runner: the steps of a plan in their order, in parallel where they may, without Airflow.

It needs AWS credentials and nothing else. It calls the same :func:`run_step` as the Airflow operators, so that there is
one behaviour.
"""

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import structlog

from recovery_ops.errors import RecoveryError
from recovery_ops.execution.attempts import ATTEMPTS
from recovery_ops.execution.declare import declare
from recovery_ops.execution.steps import run_step
from recovery_ops.execution.system_steps import must_roll_back, state_of
from recovery_ops.execution.view import load_run
from recovery_ops.model.plan import Plan, Step, SystemStep
from recovery_ops.model.runs import RunRef, RunRequest
from recovery_ops.model.system import System
from recovery_ops.quality.suites import preload
from recovery_ops.record.log import Known

log = structlog.get_logger(__name__)

RETRY_DELAY_S = 0.2
PARALLEL = 8
LAST = (SystemStep.ROLLBACK, SystemStep.CLEAN_UP, SystemStep.CLOSE)
"""Steps that have rules of their own: rollback when traffic may have moved and was not accepted, the others always."""

Progress = Callable[[str, str], None]


def quiet(_step: str, _state: str) -> None:
    """Say nothing."""


def run_direct(request: RunRequest, system: System, *, progress: Progress = quiet) -> RunRef:
    """Declare a run and carry it through to its close.

    Args:
        request: What is asked for.
        system: The system as its catalog describes it.
        progress: Called with step id and ``started``, ``succeeded`` or the message of an error.

    Returns:
        The run; how it ended stands in its record.

    Raises:
        RequestError: Refused before anything changed.
    """
    ref = open_direct(request, system)
    carry_on(ref, progress=progress)
    return ref


def open_direct(request: RunRequest, system: System) -> RunRef:
    """Declare a run that this process then carries on; the validator is loaded meanwhile.

    Raises:
        RequestError: Refused before anything changed.
    """
    threading.Thread(target=preload, name="preload", daemon=True).start()
    return declare(request, system)


def carry_on(ref: RunRef, *, progress: Progress = quiet) -> None:
    """Run every step of a declared run that has not succeeded yet, then close it.

    Traffic that may have moved and was not accepted is put back first, where the old side answers. Of a run that says
    it is closed, only the close itself is finished.
    """
    known: Known = {}
    view = load_run(ref, known)
    plan, steps = view.plan, {step.id for step in view.plan.steps}
    over = state_of(view).closed_at is not None
    if not over:
        _run_all(ref, plan, known, progress)
    if not over and SystemStep.ROLLBACK in steps and must_roll_back(state_of(load_run(ref, known))):
        _try(ref, SystemStep.ROLLBACK, known, progress)
    finish(ref, known, progress=progress)


def finish(ref: RunRef, known: Known | None = None, *, progress: Progress = quiet) -> None:
    """Run what always runs, whatever became of the rest: a drill removes all that it made, then the run is closed."""
    known = {} if known is None else known
    planned = {step.id for step in load_run(ref, known).plan.steps}
    for step in (SystemStep.CLEAN_UP, SystemStep.CLOSE):
        if step in planned:
            _try(ref, step, known, progress)


class _Ledger:
    """Which steps of this process started, and which are over so that later ones may go on."""

    def __init__(self) -> None:
        self.started: set[str] = set()
        self.done: set[str] = set()

    def ready(self, steps: Iterable[Step]) -> list[Step]:
        return [step for step in steps if step.id not in self.started and set(step.needs) <= self.done]


def _run_all(ref: RunRef, plan: Plan, known: Known, progress: Progress) -> None:
    ledger = _Ledger()
    steps = [step for step in plan.steps if step.id not in LAST]
    running: dict[Future[bool], str] = {}
    with ThreadPoolExecutor(max_workers=PARALLEL, thread_name_prefix="step") as pool:
        while True:
            for step in ledger.ready(steps):
                ledger.started.add(step.id)
                running[pool.submit(_try, ref, step.id, known, progress)] = step.id
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                step_id = running.pop(future)
                if future.result():
                    ledger.done.add(step_id)


def _try(ref: RunRef, step_id: str, known: Known, progress: Progress) -> bool:
    """Run a step until it is over, repeating what is safe to repeat; return whether later steps may go on."""
    for _ in range(ATTEMPTS):
        progress(step_id, "started")
        try:
            result = run_step(ref, step_id, known=known)
        except RecoveryError as error:
            progress(step_id, error.message)
            log.warning("step failed", run_id=ref.run_id, step=step_id, error=error.message)
            if not error.retryable:
                return False
            time.sleep(RETRY_DELAY_S)
        else:
            progress(step_id, result.outcome)
            return True
    return False
