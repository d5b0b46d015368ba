"""Guards of a drill: production goes first. Each of them ends the drill, which then cleans up and closes."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from recovery_ops.aws import traffic as aws_traffic
from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.errors import RecoveryError, RequestError
from recovery_ops.execution.drill_limits import guard_limits
from recovery_ops.execution.open_runs import held_claims
from recovery_ops.execution.probing import body_of
from recovery_ops.execution.spending import spent
from recovery_ops.execution.view import DRILL, PEOPLE, PRODUCTION, RunView, record_store
from recovery_ops.model.events import EventType
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import System
from recovery_ops.record.drill_stops import Stops

log = structlog.get_logger(__name__)

LOOK_EVERY_MODELLED_S = 30.0
LOOK_EVERY_AT_LEAST_S = 0.5
PROBES = 3
"""Probes of production in a row that have to fail: one lost packet ends no drill."""
PROBE_PAUSE_S = 0.2
OUTSIDER = Caller(run_id="guard", step="guard.production")
"""Who asks production: nobody whom the fault of a drill hits."""
WRITER = f"{PEOPLE}guard-"

_looking = threading.Lock()
_next_at: dict[str, float] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A guard that tripped: what it saw, and what it allows."""

    guard: str
    observed: str
    limit: str


def stand_guard(view: RunView, *, at_once: bool = False) -> None:
    """Look whether the drill may go on, not more often than it makes sense; record and cancel it when it may not.

    The next look at what people want finds the drill cancelled. Does nothing for a real run.
    """
    if view.slot != DRILL or not _is_time(view, at_once):
        return
    with _looking:
        alarm = next(_alarms(view), None)
        if alarm is None or view.control().stopped:
            return
        log.warning("guard tripped", run_id=view.ref.run_id, guard=alarm.guard, observed=alarm.observed)
        writer = view.log.writer(f"{WRITER}{alarm.guard}")
        writer.append(EventType.GUARD_TRIPPED, {"guard": alarm.guard, "observed": alarm.observed, "limit": alarm.limit})
        reason = f"{alarm.observed} (allowed: {alarm.limit})"
        writer.append(EventType.RUN_CANCELLED, {"person": f"guard:{alarm.guard}", "reason": reason})


def refuse_to_drill(system: System, region: str, body: bytes) -> None:
    """Refuse to begin a drill that its guards would end.

    Raises:
        RequestError: Drills are stopped, or production does not answer.
    """
    if (stop := Stops(record_store(system, region)).find(system.name)) is not None:
        raise RequestError(f"{system.name}: no drill starts: {stop.told}; lift it with: recovery-ops drill allow")
    if trouble := production_trouble(system, body):
        raise RequestError(f"{system.name}: no drill starts while production does not answer: {trouble}")


def production_trouble(system: System, body: bytes) -> str:
    """Return why production does not answer a client outside, after several tries; empty when it does."""
    traffic, resolver, trouble = system.traffic, Settings.from_environment().resolver, ""
    for number in range(PROBES):
        if number:
            time.sleep(PROBE_PAUSE_S)
        with calling_as(OUTSIDER):
            answer = aws_traffic.probe(traffic.name, traffic.path, body, resolver=resolver)
        if answer.ok:
            return ""
        trouble = answer.detail or f"status {answer.status}"
    return f"{traffic.name}: {PROBES} probes failed, the last: {trouble}"


def _is_time(view: RunView, at_once: bool) -> bool:  # noqa: FBT001 - one caller, above
    now, run_id = time.monotonic(), view.ref.run_id
    if not at_once and now < _next_at.get(run_id, float("-inf")):
        return False
    _next_at[run_id] = now + max(view.wall(LOOK_EVERY_MODELLED_S), LOOK_EVERY_AT_LEAST_S)
    return True


def _alarms(view: RunView) -> Iterator[Alarm]:
    for item in guard_limits(view.system):
        try:
            observed = GUARDS[item["guard"]](view)
        except RecoveryError as error:
            log.warning("guard could not look", run_id=view.ref.run_id, error=error.message)
            continue
        if observed:
            yield Alarm(guard=item["guard"], observed=observed, limit=item["limit"])


def _stopped(view: RunView) -> str:
    stop = Stops(view.log.store).find(view.ref.system)
    return "" if stop is None else stop.told


def _real_run(view: RunView) -> str:
    """A real run into another region may not have been able to tell this drill."""
    now = datetime.now(UTC)
    for region, held in held_claims(view.system, PRODUCTION, without=(view.ref.impaired_region,)):
        if not held.expired(now):
            return f"run {held.run_id} of {held.holder} into {region} is open"
    return ""


def _spending(view: RunView) -> str:
    usd = spent(view).usd
    return "" if usd < view.system.drills.ceiling_usd else f"{usd:.2f} USD by the price table"


def _production(view: RunView) -> str:
    return production_trouble(view.system, body_of(view.captures))


GUARDS: Mapping[str, Callable[[RunView], str]] = {
    "stop": _stopped,
    "production-run": _real_run,
    "spend": _spending,
    "production": _production,
}
"""Guard of :func:`~recovery_ops.execution.drill_limits.guard_limits` -> what it saw; empty when its limit is kept."""
