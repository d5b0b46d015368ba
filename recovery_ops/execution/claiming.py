"""Taking the claim on a system when a run is declared: one run at a time, whichever regions the runs go to."""

import time
from datetime import UTC, datetime

from recovery_ops.errors import RecoveryError, RunActiveError
from recovery_ops.execution.leases import LEASE_S
from recovery_ops.execution.open_runs import held_claims
from recovery_ops.execution.runners import this_process
from recovery_ops.execution.view import DRILL, PEOPLE, PRODUCTION, record_store, refuse_beside, slot_of
from recovery_ops.model.events import EventType
from recovery_ops.model.plan import Mode
from recovery_ops.model.runs import RunRef
from recovery_ops.model.system import System
from recovery_ops.record.claims import Claim, Claims, Slot
from recovery_ops.record.log import EventLog

SETTLE_S = 3.0
"""How long the run that goes first waits for another, declared at the same moment into another region, to step back."""


def claim_system(system: System, ref: RunRef, mode: Mode, person: str, now: datetime) -> Claim:
    """Take the claim for a new run; a real run takes the place of a drill, and is told in the drill's record.

    Raises:
        RunActiveError: Another run holds the system: who, since when, which.
    """
    slot = slot_of(mode)
    claims = Claims(record_store(system, ref.recovery_region))
    before = claims.holder(system.name, slot)
    if slot == DRILL:
        _refuse_elsewhere(system, ref, now, PRODUCTION)
        refuse_beside(claims.holder(system.name, PRODUCTION), now)
    claim = claims.acquire(system.name, slot, ref.run_id, person, LEASE_S, now, process=this_process())
    try:
        _settle(system, ref, claim, slot)
    except RunActiveError:
        claims.release(claim)
        raise
    if before is not None and before.run_id != ref.run_id:
        _tell(system, ref, before, ref.recovery_region, person)
    if slot == PRODUCTION:
        preempt_drill(system, ref, person, now)
    return claim


def preempt_drill(system: System, ref: RunRef, person: str, now: datetime) -> list[str]:
    """Take the claim of every drill of ``system`` away and note it in their records; return their run ids.

    The next mutating call of such a drill fails; its clean-up waits until this run is closed.
    """
    found: list[str] = []
    for region, held in held_claims(system, DRILL, without=(ref.impaired_region,)):
        if Claims(record_store(system, region)).preempt(system.name, DRILL, ref.run_id, person, now) is not None:
            _tell(system, ref, held, region, person)
            found.append(held.run_id)
    return found


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


def _tell(system: System, ref: RunRef, held: Claim, region: str, person: str) -> None:
    """Note in the record of a run that it yields to this one."""
    record = EventLog(record_store(system, region), system.name, held.run_id)
    record.writer(f"{PEOPLE}{person}").append(EventType.RUN_PREEMPTED, {"by_run": ref.run_id, "person": person})
