"""Finding runs that are open, or any run by its id, by asking every region that answers."""

from collections.abc import Iterable, Iterator

import structlog

from recovery_ops.aws.calls import Caller, calling_as, current_caller
from recovery_ops.aws.object_store import open_store
from recovery_ops.errors import RequestError, StepError
from recovery_ops.execution.view import PRODUCTION
from recovery_ops.model.events import EventType
from recovery_ops.model.runs import RunRef
from recovery_ops.model.system import System
from recovery_ops.record.claims import Claim, Claims
from recovery_ops.record.log import EventLog
from recovery_ops.record.store import ObjectStore

log = structlog.get_logger(__name__)

NOBODY = Caller(run_id="none", step="look.runs")


def open_run(system: System, slot: str = PRODUCTION) -> RunRef | None:
    """Return the run that holds ``system``, whether it works or was left behind by a crash; ``None`` when none does.

    A region that does not answer is left out: a run into it cannot go on either.
    """
    for region, claim in held_claims(system, slot):
        ref = _ref(system, claim.run_id, region)
        if ref is not None:
            return ref
    return None


def held_claims(system: System, slot: str, *, without: Iterable[str] = ()) -> Iterator[tuple[str, Claim]]:
    """Yield every claim on ``system`` that was not given back, with the region that it stands in."""
    for region in system.regions:
        if region in without:
            continue
        try:
            with calling_as(_looker()):
                claim = Claims(_store(system, region)).holder(system.name, slot)
        except StepError as error:
            log.warning("region left out", system=system.name, region=region, error=error.message)
            continue
        if claim is not None:
            yield region, claim


def find_run(system: System, run_id: str) -> RunRef:
    """Return where the record of a run of ``system`` lies.

    Raises:
        RequestError: No region that answers has such a run; names those that do not answer.
    """
    silent: list[str] = []
    for region in system.regions:
        try:
            ref = _ref(system, run_id, region)
        except StepError:
            silent.append(region)
            continue
        if ref is not None:
            return ref
    unasked = f"; {', '.join(silent)} did not answer" if silent else ""
    raise RequestError(f"{system.name} has no run {run_id} in {', '.join(system.regions)}{unasked}")


def _ref(system: System, run_id: str, region: str) -> RunRef | None:
    """Read the declaration of a run; the copy of a record in a region that is not its own is none."""
    with calling_as(_looker()):
        events = EventLog(_store(system, region), system.name, run_id).events_of("declare")
    declared = next((event.payload for event in events if event.type is EventType.RUN_DECLARED), None)
    if declared is None or declared["recovery_region"] != region:
        return None
    return RunRef.of(system, run_id, recovery_region=region, impaired_region=str(declared["impaired_region"]))


def _looker() -> Caller:
    """Look on behalf of whoever looks already, or of nobody."""
    return current_caller() if current_caller().run_id != NOBODY.run_id else NOBODY


def _store(system: System, region: str) -> ObjectStore:
    return open_store(system.record_bucket.format(region=region), region, suspect=True)
