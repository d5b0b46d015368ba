"""After a report: what it found becomes findings in the record of every region. Nothing that fails here fails a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.drills.findings import settle
from recovery_ops.errors import RecoveryError
from recovery_ops.execution.systems import load_system
from recovery_ops.execution.view import record_store
from recovery_ops.model.drill_findings import FindingEntry
from recovery_ops.model.runs import RunRef
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import System
from recovery_ops.record.store import ObjectStore
from recovery_ops.record.sweeps import newest_sweep
from recovery_ops.reporting.publish import publish

OPEN = "open"
REAL = "real"
log = structlog.get_logger(__name__)


def publish_settled(ref: RunRef, out: Path | None = None, system: System | None = None) -> Mapping[str, Any]:
    """Publish the report of a run and settle findings by it; return the report.

    Args:
        ref: The run.
        out: As in :func:`recovery_ops.reporting.publish.publish`, whose errors are raised too.
        system: As its catalog describes it; read from the catalogs of the environment unless given.
    """
    made: Mapping[str, Any] = publish(ref, out)
    try:
        described = system or load_system(ref.system, Settings.from_environment().catalogs)
        settle_quietly(ref.system, made, stores_of(described, made), forbidden_region=_left(made))
    except RecoveryError as error:
        log.warning("findings are not settled", run_id=ref.run_id, why=error.message)
    return made


def settle_quietly(
    system: str, report: Mapping[str, Any], stores: Sequence[ObjectStore], *, forbidden_region: str | None = None
) -> list[FindingEntry]:
    """Settle findings by the report of a closed run and the newest sweep; return what was written.

    A run that is still open settles nothing. When no store answers that is logged: the report can be settled again.
    """
    if report["result"]["outcome"] == OPEN:
        return []
    with calling_as(Caller(run_id="findings", step="settle", forbidden_region=forbidden_region, impatient=True)):
        try:
            return settle(system, report, stores, newest_sweep(stores, system))
        except RecoveryError as error:
            log.warning("findings are not settled", run_id=report["identity"]["run_id"], why=error.message)
            return []


def stores_of(system: System, report: Mapping[str, Any]) -> list[ObjectStore]:
    """Return the records that findings of a run go to: those of every region but the one that a real run left."""
    return [record_store(system, name, suspect=True) for name in system.regions if name != _left(report)]


def _left(report: Mapping[str, Any]) -> str | None:
    """Return the region that may not be called; a drill leaves none, production serves from it."""
    real = report["classification"]["event"] == REAL
    return report["scope"]["impaired_region"] if real else None
