"""Protecting a system from outside of a run: where it serves now, and only while nobody is recovering it."""

from datetime import UTC, datetime

import structlog

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.errors import RecoveryError, RunActiveError, StepError
from recovery_ops.execution.projecting import observers
from recovery_ops.execution.serving import serving_region as where_it_serves
from recovery_ops.execution.view import PRODUCTION, record_store
from recovery_ops.model.events import EventType
from recovery_ops.model.points import ConsistentPoint
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import System
from recovery_ops.protection.points import take_point
from recovery_ops.record.claims import Claims
from recovery_ops.record.log import EventLog
from recovery_ops.record.rows import PROTECT
from recovery_ops.record.spool import spool_of

logger = structlog.get_logger(__name__)


def protect(system: System, *, serving_region: str | None = None) -> ConsistentPoint:
    """Take a consistent point of ``system`` where it serves, and publish it in every region of its catalog.

    Args:
        system: The system to protect.
        serving_region: Where it serves; read from the record unless given.

    Raises:
        RunActiveError: A run of the system is open; protection pauses until it is closed.
        PointDamagedError: The point is not complete in every region; it is published where it is.
        StepError: A component could not be captured; nothing was published.
    """
    with calling_as(Caller(run_id="protect", step="system.protect")):
        for region in system.regions:
            _refuse_open_run(system, region)
        serving = serving_region or where_it_serves(system).region
    try:
        return take_point(
            system,
            serving_region=serving,
            regions=system.regions,
            time_factor=Settings.from_environment().time_factor,
        )
    except RecoveryError as error:
        _note_failure(system, serving, error)
        raise


def _note_failure(system: System, serving: str, failure: RecoveryError) -> None:
    """Write down that no complete point was taken, where a recovery would look: one log a day, one writer each time."""
    at = datetime.now(UTC)
    away = [region for region in system.regions if region != serving]
    bucket, run_id = system.record_bucket.format(region=away[0]), f"{PROTECT}{at:%Y%m%d}"
    log = EventLog(
        record_store(system, away[0]),
        system.name,
        run_id,
        mirrors=[record_store(system, region) for region in (*away[1:], serving)],
        observers=observers(system.name),
        spool=spool_of(Settings.from_environment().spool, bucket, system.name, run_id),
    )
    facts = {"reason": failure.message, "component": "", "system": system.name, "regions": list(system.regions)}
    with calling_as(Caller(run_id=run_id, step="system.protect")):
        try:
            log.writer(f"failed:{at:%H%M%S.%f}").append(EventType.POINT_FAILED, facts)
        except RecoveryError as error:
            logger.warning("a failure is not in the record", system=system.name, error=error.message)


def _refuse_open_run(system: System, region: str) -> None:
    try:
        held = Claims(record_store(system, region)).holder(system.name, PRODUCTION)
    except StepError:
        return  # a region that does not answer cannot hold an open run that matters to this one
    if held is not None and not held.expired(datetime.now(UTC)):
        message = (
            f"{system.name}: run {held.run_id} of {held.holder} is open in {region}; protection pauses until it closes"
        )
        raise RunActiveError(message, holder=held.holder, run_id=held.run_id)
