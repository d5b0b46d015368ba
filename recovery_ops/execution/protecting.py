"""Protecting a system from outside of a run: where it serves now, and only while nobody is recovering it."""

from datetime import UTC, datetime

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.errors import RunActiveError, StepError
from recovery_ops.execution.serving import serving_region as where_it_serves
from recovery_ops.execution.view import PRODUCTION, record_store
from recovery_ops.model.points import ConsistentPoint
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import System
from recovery_ops.protection.points import take_point
from recovery_ops.record.claims import Claims


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
    return take_point(
        system,
        serving_region=serving,
        regions=system.regions,
        time_factor=Settings.from_environment().time_factor,
    )


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
