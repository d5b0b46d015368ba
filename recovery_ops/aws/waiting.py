"""Waits that end: by result, by failure, or at a deadline; never after a number of attempts."""

import time
from collections.abc import Callable
from typing import Protocol

from recovery_ops.errors import DeadlineExceededError, StepFailedError, StepInterruptedError
from recovery_ops.model.operations import OperationRef, OperationState, OperationStatus


class Clock(Protocol):
    """What a wait needs of time; ``time`` itself fits, and so does a fake."""

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start."""
        ...

    def sleep(self, seconds: float, /) -> None:
        """Pause for ``seconds``."""
        ...


def watch(
    ref: OperationRef,
    poll: Callable[[OperationRef], OperationStatus],
    *,
    limit_s: float,
    interval_s: float,
    clock: Clock = time,
) -> OperationStatus:
    """Look until the operation is over or ``limit_s`` wall seconds have passed; the last look is returned.

    An interrupted look (throttling, no answer) counts against the time and not as an end.
    """
    end = clock.monotonic() + limit_s
    while True:
        status = _look(ref, poll)
        left = end - clock.monotonic()
        if status.over or left <= 0:
            return status
        clock.sleep(min(interval_s, left))


def _look(ref: OperationRef, poll: Callable[[OperationRef], OperationStatus]) -> OperationStatus:
    try:
        return poll(ref)
    except StepInterruptedError as error:
        return OperationStatus(state=OperationState.RUNNING, detail=f"no answer: {error.message}")


def require_success(ref: OperationRef, status: OperationStatus) -> None:
    """Raise unless ``status`` is a success.

    Raises:
        StepFailedError: AWS reported failure.
        DeadlineExceededError: Still running; it goes on in AWS and the step can be resumed.
    """
    where = f"{ref.component}.{ref.phase}: {ref.kind} {ref.resource_id} in {ref.region}"
    if status.state is OperationState.FAILED:
        raise StepFailedError(f"{where} failed: {status.detail}", component=ref.component, region=ref.region)
    if status.state is OperationState.RUNNING:
        message = f"{where} is still {status.detail!r} at its deadline; it keeps running and the step can be resumed"
        raise DeadlineExceededError(message, component=ref.component, region=ref.region)
