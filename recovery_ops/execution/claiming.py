"""Taking the claim on a system when a run is declared: one run at a time, whichever regions the runs go to."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import structlog

from recovery_ops.errors import RecoveryError, RunActiveError
from recovery_ops.execution.leases import LEASE_S
from recovery_ops.execution.open_runs import held_claims
from recovery_ops.execution.preempting import preempt_drill, tell
from recovery_ops.execution.runners import this_process
from recovery_ops.execution.view import DRILL, PRODUCTION, record_store, refuse_beside, slot_of
from recovery_ops.model.plan import Mode
from recovery_ops.model.runs import RunRef
from recovery_ops.model.system import System
from recovery_ops.record.claims import Claim, Claims, Slot

log = structlog.get_logger(__name__)

SETTLE_S = 3.0
"""How long the run that goes first waits for another, declared at the same moment into another region, to step back."""


@contextmanager
def claimed(system: System, ref: RunRef, mode: Mode, person: str, now: datetime) -> Iterator[list[str]]:
    """Hold the claim for a new run, which is declared inside the block; when that fails, give the claim back.

    A real run takes the place of a drill, and is told in the drill's record. Yields what the declaration has to warn
    of: runs that could not be told or stopped.

    Raises:
        RunActiveError: Another run holds the system: who, since when, which.
    """
    slot = slot_of(mode)
    claims = Claims(record_store(system, ref.recovery_region))
    if slot == DRILL:
        _refuse_elsewhere(system, ref, now, PRODUCTION)
        refuse_beside(claims.holder(system.name, PRODUCTION), now)
    claim = claims.acquire(system.name, slot, ref.run_id, person, LEASE_S, now, process=this_process())
    try:
        _settle(system, ref, claim, slot)
        warnings = tell(system, ref, claim.taken_from, ref.recovery_region, person) if claim.taken_from else []
        yield warnings + (preempt_drill(system, ref, person, now) if slot == PRODUCTION else [])
    except (Exception, KeyboardInterrupt):
        _give_back(claims, claim)
        raise


def _give_back(claims: Claims, claim: Claim) -> None:
    """A run that is not declared needs no claim; where that cannot be given back, its lease ends by itself."""
    try:
        claims.release(claim)
    except RecoveryError as error:
        log.warning("claim not given back", system=claim.system, run_id=claim.run_id, error=error.message)


def _settle(system: System, ref: RunRef, claim: Claim, slot: Slot) -> None:
    """Of two runs declared at the same moment into two regions the one with the smaller id goes on.

    Both have their claim before they look, so at least one sees the other. The one that goes first waits until the
    other has stepped back; when that one was through already, it is refused itself.
    """
    end = time.monotonic() + SETTLE_S
    while (other := _elsewhere(system, ref, claim.since, slot)) is not None:
        if other.run_id < ref.run_id or time.monotonic() > end:
            raise _refusal(other)
        time.sleep(0.1)


def _refuse_elsewhere(system: System, ref: RunRef, now: datetime, slot: Slot) -> None:
    if (other := _elsewhere(system, ref, now, slot, drill=True)) is not None:
        raise _refusal(other)


def _elsewhere(system: System, ref: RunRef, now: datetime, slot: Slot, *, drill: bool = False) -> Claim | None:
    """Another run that may still act. A claim whose lease is over is buried where it lies, or counts as held.

    A ``drill`` buries nobody.
    """
    for region, claim in held_claims(system, slot, without=(ref.impaired_region, ref.recovery_region)):
        at = max(now, datetime.now(UTC))
        if claim.run_id == ref.run_id or (claim.expired(at) and (drill or _buried(system, ref, region, claim, at))):
            continue
        return claim
    return None


def _buried(system: System, ref: RunRef, region: str, claim: Claim, at: datetime) -> bool:
    """Take a claim away from a run that did not renew it; where the store takes no writes, the run may rest on it."""
    try:
        return Claims(record_store(system, region)).bury(claim, ref.run_id, f"run {ref.run_id}", at)
    except RecoveryError:
        return False


def _refusal(held: Claim) -> RunActiveError:
    since = held.since.isoformat()
    message = f"run {held.run_id} of {held.system} is open in another region: {held.holder} holds it since {since}"
    return RunActiveError(message, holder=held.holder, since=since, run_id=held.run_id)
