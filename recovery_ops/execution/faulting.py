"""The fault of a drill: the region to leave fails for this run alone, and the run has to notice it by itself."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from recovery_ops.aws.breaking import break_region, can_break, mend_region
from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.aws.limits import LOOK_AT_LEAST_S
from recovery_ops.errors import DeadlineExceededError, RecoveryError
from recovery_ops.execution.view import RunView, record_store
from recovery_ops.model.runs import RunRef
from recovery_ops.model.settings import Settings
from recovery_ops.record import keys

log = structlog.get_logger(__name__)

LOOK_EVERY_MODELLED_S = 10.0
"""Between two looks at the region, as a fast health check of Route 53 does."""
FAILURES = 3
"""Looks in a row that have to fail before the region counts as lost."""
NOTICED_LIMIT_MODELLED_S = 600.0
NOTICED_LIMIT_AT_LEAST_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A region broken for one run. ``at`` is T0, ``detected_at`` T1 (aware UTC), ``looks`` how often it was asked."""

    region: str
    scope: str
    at: datetime
    detected_at: datetime
    looks: int

    def to_json(self, person: str) -> dict[str, Any]:
        """Return the payload of the event."""
        return {
            "what": f"{self.region} does not answer",
            "region": self.region,
            "scope": self.scope,
            "person": person,
            "at": self.at.isoformat(),
            "detected_at": self.detected_at.isoformat(),
            "looks": self.looks,
        }


def inject(view: RunView) -> Fault:
    """Break the region that a drill leaves and wait until the drill has noticed.

    Raises:
        RequestError: This installation does not say how a region is broken; nothing was changed.
        DeadlineExceededError: The region goes on answering; the fault was taken back.
    """
    ref, settings = view.ref, view.settings
    with calling_as(Caller(run_id=ref.run_id, step="inject")):
        scope = break_region(ref.impaired_region, ref.run_id, settings)
        at = datetime.now(UTC)
        try:
            looks = _until_noticed(view)
        except RecoveryError:
            mend_region(ref.impaired_region, ref.run_id, settings)
            raise
    return Fault(region=ref.impaired_region, scope=scope, at=at, detected_at=datetime.now(UTC), looks=looks)


def mend(ref: RunRef) -> None:
    """Take back the fault of a drill, if this installation can set any.

    Raises:
        StepInterruptedError: It could not be taken back.
    """
    settings = Settings.from_environment()
    if can_break(settings):
        mend_region(ref.impaired_region, ref.run_id, settings)


def _until_noticed(view: RunView) -> int:
    """Ask the region as the drill until it has failed often enough in a row; return how often it was asked."""
    end = time.monotonic() + max(view.wall(NOTICED_LIMIT_MODELLED_S), NOTICED_LIMIT_AT_LEAST_S)
    region, looks, failures = view.ref.impaired_region, 0, 0
    while failures < FAILURES:
        if time.monotonic() > end:
            message = f"{region} was broken for {view.ref.run_id} and still answers; the fault was taken back"
            raise DeadlineExceededError(message, system=view.ref.system, region=region)
        if looks:
            time.sleep(max(view.wall(LOOK_EVERY_MODELLED_S), LOOK_AT_LEAST_S))
        looks += 1
        failures = 0 if _answers(view) else failures + 1
    return looks


def _answers(view: RunView) -> bool:
    region = view.ref.impaired_region
    try:
        record_store(view.system, region, suspect=True).list(keys.claim_key(view.ref.system, "production"))
    except RecoveryError as error:
        log.info("region does not answer", region=region, run_id=view.ref.run_id, error=error.message)
        return False
    return True
