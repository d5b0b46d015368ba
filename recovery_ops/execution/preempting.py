"""A real run takes the place of drills, in whichever region they work, and their records say so."""

from collections.abc import Iterator
from datetime import datetime

import structlog

from recovery_ops.errors import RecoveryError
from recovery_ops.execution.view import DRILL, PEOPLE, record_store
from recovery_ops.model.events import EventType
from recovery_ops.model.runs import RunRef
from recovery_ops.model.system import System
from recovery_ops.record.claims import Claims
from recovery_ops.record.log import EventLog
from recovery_ops.record.store import ObjectStore

log = structlog.get_logger(__name__)


def preempt_drill(system: System, ref: RunRef, person: str, now: datetime) -> list[str]:
    """Take the claim of every drill of ``system`` away; return, in words, whatever of that did not succeed.

    The next mutating call of such a drill fails; its clean-up waits until this run is closed. A region that takes no
    writes holds up nobody: a drill there finds the real run by itself, by reading.
    """
    regions = [region for region in system.regions if region != ref.impaired_region]
    return [warning for region in regions for warning in _preempt_in(region, system, ref, person, now)]


def _preempt_in(region: str, system: System, ref: RunRef, person: str, now: datetime) -> Iterator[str]:
    """Tell first: whoever dies in between finds the claim where it was, and a repeat tells nobody twice."""
    claims, what = Claims(_store(system, ref, region)), f"a drill in {region}"
    try:
        if (held := claims.holder(system.name, DRILL)) is None:
            return
        what = f"drill {held.run_id} in {region}"
        yield from tell(system, ref, held.run_id, region, person)
        taken = claims.preempt(system.name, DRILL, ref.run_id, person, now)
        if taken is not None and taken.run_id != held.run_id:
            yield from tell(system, ref, taken.run_id, region, person)
    except RecoveryError as error:
        yield _warning(f"{what} may go on until its own guards see this run: its claim was not taken away", error)


def tell(system: System, ref: RunRef, run_id: str, region: str, person: str) -> list[str]:
    """Note in the record of ``run_id``, in ``region``, that it yields to this run, unless that stands there already.

    Returns:
        Why it could not be noted, in words; empty when it stands there.
    """
    record = EventLog(_store(system, ref, region), system.name, run_id)
    try:
        known = (event for event in record.events_of(PEOPLE) if event.type is EventType.RUN_PREEMPTED)
        if not any(event.payload.get("by_run") == ref.run_id for event in known):
            facts = {"by_run": ref.run_id, "person": person}
            record.writer(f"{PEOPLE}{person}").append(EventType.RUN_PREEMPTED, facts)
    except RecoveryError as error:
        return [_warning(f"run {run_id} in {region} was not told that it yields to this run", error)]
    return []


def _warning(what: str, error: RecoveryError) -> str:
    log.warning(what, error=error.message)
    return f"{what}: {error.message}"


def _store(system: System, ref: RunRef, region: str) -> ObjectStore:
    """A region that this run does not go to is asked briefly: a failover does not wait for it."""
    return record_store(system, region, suspect=region != ref.recovery_region)
