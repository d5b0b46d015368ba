"""Holding the claim while a step works: entered at its start, renewed in the background, checked before mutations."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import structlog

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.errors import ClaimLostError, RecoveryError
from recovery_ops.record.claims import Claim, Claims

log = structlog.get_logger(__name__)

LEASE_S = 60.0
"""Wall seconds a claim holds without renewal: so long after a crash another run, or another runner, may take over."""
RENEW_EVERY_S = 15.0
"""Three renewals may fail before the lease is over."""


@contextmanager
def renewing(claims: Claims, claim: Claim, caller: Caller) -> Iterator[None]:
    """Keep the lease of ``claim`` alive from a thread of its own for as long as the block lasts.

    A claim that was lost is not fought for: the next mutating call finds out and fails.
    """
    over = threading.Event()
    thread = threading.Thread(target=_renew, args=(claims, claim, caller, over), name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()


def _renew(claims: Claims, claim: Claim, caller: Caller, over: threading.Event) -> None:
    with calling_as(caller):
        while not over.wait(RENEW_EVERY_S):
            try:
                claims.renew(claim, LEASE_S, datetime.now(UTC))
            except ClaimLostError as error:
                log.warning("claim lost", run_id=claim.run_id, step=caller.step, error=error.message)
                return
            except RecoveryError as error:
                log.warning("lease not renewed", run_id=claim.run_id, step=caller.step, error=error.message)


class Guard:
    """Re-check the claim before a mutating call, at most once a second, and whatever else may have ended its right.

    The window that remains: a process that passed the check and is then suspended can send the call that it had begun
    after the claim was lost. Calls are named from the run, so that they do no harm.
    """

    FRESH_S = 1.0

    def __init__(self, claims: Claims, claim: Claim, also: Callable[[], None] | None = None) -> None:
        self._claims = claims
        self._claim = claim
        self._also = also
        self._checked_at = float("-inf")

    def __call__(self, _operation: str) -> None:
        """Raise ``ClaimLostError`` when the claim is somebody else's by now, or what ``also`` raises."""
        began = _now()
        if began - self._checked_at > self.FRESH_S:
            self._claims.check(self._claim)
            if self._also is not None:
                self._also()
            self._checked_at = began


def _now() -> float:
    """Seconds on a clock that goes on while the machine sleeps, where there is one."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)
