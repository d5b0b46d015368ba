"""Which attempt of a step comes next, and whether a failed one waits for a person before the run goes on without it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from recovery_ops.errors import ClaimLostError
from recovery_ops.execution.view import RunView
from recovery_ops.model.events import Event, EventType
from recovery_ops.model.plan import Mode, Step, SystemStep
from recovery_ops.record.control import ControlState

ATTEMPTS = 5
"""How often a step is tried when its error says that repeating is safe; the count starts again when a person asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The newest attempt of a step failed at ``at`` (aware UTC). ``final``: the run does not repeat it by itself."""

    at: datetime
    final: bool
    message: str


def next_attempt(past: list[Event], wanted: int) -> int:
    """Return the number of the next attempt: an attempt that failed is over, one without an end is resumed.

    ``wanted`` is what the caller counts; it may be ahead, as after a crash of a task of Airflow.
    """
    started = {_number(event) for event in past if event.type is EventType.STEP_STARTED}
    failed = {_number(event) for event in past if event.type is EventType.STEP_FAILED}
    newest = max(started, default=1)
    return max(wanted, newest + 1 if newest in failed else newest)


def last_failure(past: list[Event], control: ControlState, step_id: str) -> Failure | None:
    """Return how the newest attempt failed, or ``None`` when it has not or is under way again."""
    failures = [event for event in past if event.type is EventType.STEP_FAILED]
    started = max((_number(event) for event in past if event.type is EventType.STEP_STARTED), default=0)
    if not failures or _number(failures[-1]) < started:
        return None
    asked = control.retries.get(step_id)
    since = [event for event in failures if asked is None or event.at > asked.at]
    error = failures[-1].payload["error"]
    final = not error["retryable"] or len(since) >= ATTEMPTS
    return Failure(at=failures[-1].at, final=final, message=str(error["message"]))


def held_until(view: RunView, step: Step, failure: Failure) -> datetime | None:
    """Return until when a failed step waits for a person, or ``None`` when it does not wait.

    Only steps before the point of no return wait: after it a failure is answered by rolling back at once. A drill has
    nobody who watches it.
    """
    waits = step.component is not None or step.id == SystemStep.FENCE
    if not (waits and failure.final and view.system.approval.hold_s > 0) or view.plan.mode == Mode.DRILL:
        return None
    return failure.at + timedelta(seconds=view.wall(view.system.approval.hold_s))


def wants_retry(control: ControlState, step: Step, failure: Failure) -> bool:
    """Return whether anybody has said since ``failure`` that it is worth another try.

    A person asked for it, took the run over, or let it go on without the region that is left.
    """
    asked = control.retries.get(step.id)
    taken = control.takeovers[-1].at if control.takeovers else None
    changed = control.changed_at if step.id == SystemStep.FENCE else None
    return any(at is not None and at > failure.at for at in (asked.at if asked else None, taken, changed))


def refuse_superseded(view: RunView, step_id: str, attempt: int) -> None:
    """Refuse to go on with ``attempt`` of a step when a later one has begun.

    An Airflow that lost sight of a task starts it once more, under the same claim; the process of the first attempt may
    still live.

    Raises:
        ClaimLostError: A later attempt has begun; this one must not change anything any more.
    """
    begun = (name.rpartition("#")[2] for name in view.log.writers(f"{step_id}#"))
    newest = max((int(number) for number in begun if number.isdecimal()), default=attempt)
    if newest > attempt:
        message = f"{view.ref.system}: run {view.ref.run_id}: attempt {newest} of {step_id} has begun"
        raise ClaimLostError(f"{message}; attempt {attempt} must not act any more", run_id=view.ref.run_id)


def _number(event: Event) -> int:
    return int(event.payload["attempt"])
