"""From what was read to the values of every metric; pure. Every series that can exist is there from the start."""

import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from recovery_ops.execution.debts import ORDER
from recovery_ops.model.events import EventType
from recovery_ops.model.findings import Severity
from recovery_ops.model.readiness import Direction, ReadinessState
from recovery_ops.model.system import Component
from recovery_ops.record.sweeps import is_stale
from recovery_ops.reporting.metric_reading import Seen
from recovery_ops.reporting.metric_runs import drills, history, running
from recovery_ops.reporting.metric_samples import Values, or_nan, timestamp

SWEEP_EVERY_S = 900.0
"""Modelled seconds between readiness sweeps (``recovery_ops.readiness.sweeping.EVERY_S``, which lies beside us)."""


def values_of(seen: Iterable[Seen], *, version: str, catalog_problems: int) -> Values:
    """Return the value of every metric; of a system whose record never answered there is only that it did not."""
    values = Values()
    values.set("build_info", 1, version)
    values.set("catalog_problems", catalog_problems)
    for item in seen:
        parts = (_system, _protection, _readiness, running, history, drills) if item.read_at else ()
        for fill in (*parts, _record):
            fill(item, values)
    return values


def _system(seen: Seen, values: Values) -> None:
    system = seen.system
    values.set("time_factor", seen.time_factor, system.name)
    for region in system.regions:
        values.set("serving", float(region == seen.serving_region), system.name, region)
    owed = [debt.debt for debt in seen.debts]
    for debt in ORDER:
        values.set("open_debts", owed.count(debt), system.name, debt)
    values.set("rto_objective_seconds", system.rto_s, system.name, "", "")
    for item in system.components:
        values.set("rto_objective_seconds", item.rto_s, system.name, item.name, item.kind)
        if item.rpo_s is not None:
            values.set("rpo_objective_seconds", item.rpo_s, system.name, item.name, item.kind)


def _protection(seen: Seen, values: Values) -> None:
    system = seen.system
    values.set("point_interval_objective_seconds", system.protection.every_s, system.name)
    failed = [note.at for run in seen.runs.values() for note in run.state.note(EventType.POINT_FAILED)]
    values.set("protection_failures_total", len(failed), system.name)
    values.set("last_protection_failure_timestamp_seconds", timestamp(max(failed, default=None)), system.name)
    for region, way in _ways(seen):
        taken = point_time(way.point_id) if way and way.point_id else None
        values.set("last_point_timestamp_seconds", timestamp(taken), system.name, region)
        for item in system.components:
            if item.rpo_s is not None:
                _age(seen, values, way, item, region)


def _age(seen: Seen, values: Values, way: Direction | None, item: Component, region: str) -> None:
    labels = (seen.system.name, item.name, item.kind, region)
    states = [state for state in way.recoverable if state.component == item.name] if way else []
    age_s = states[0].age_s if states else None
    values.set("recoverable", float(age_s is not None), *labels)
    values.set("rpo_age_seconds", math.nan if age_s is None else age_s + _since_asked_s(seen), *labels)


def _since_asked_s(seen: Seen) -> float:
    """Modelled seconds to add to ages: none while sweeps come, for replicas follow; all of them when nobody asks."""
    factor, sweep = seen.time_factor, seen.sweep
    if sweep is None or not is_stale(sweep, seen.at, SWEEP_EVERY_S * factor):
        return 0.0
    return (seen.at - sweep.at).total_seconds() / (factor or 1.0)


def _readiness(seen: Seen, values: Values) -> None:
    name, sweep = seen.system.name, seen.sweep
    values.set("readiness_sweep_timestamp_seconds", timestamp(sweep.at if sweep else None), name)
    for region, way in _ways(seen):
        state = way.state if way else ReadinessState.NOT_KNOWN
        for one in ReadinessState:
            values.set("readiness", float(one is state), name, region, one)
        open_ = [item.finding.severity for item in sweep.open if item.region == region] if sweep else []
        for severity in Severity:
            values.set("findings", open_.count(severity), name, region, severity)
        values.set("plan_proven", float(way is not None and way.proof.proven), name, region)
        expires = way.proof.expires_at if way else None
        values.set("plan_proof_expiry_timestamp_seconds", timestamp(expires), name, region)
        _predicted(seen, values, way, region)


def _predicted(seen: Seen, values: Values, way: Direction | None, region: str) -> None:
    named = [(seen.system.name, "", ""), *((item.name, item.name, item.kind) for item in seen.system.components)]
    for of, component, kind in named:
        found = way.prediction(of, "rto") if way else None
        labels = (seen.system.name, component, kind, region)
        values.set("predicted_rto_likely_seconds", or_nan(found.likely_s if found else None), *labels)
        values.set("predicted_rto_late_seconds", or_nan(found.late_s if found else None), *labels)


def _record(seen: Seen, values: Values) -> None:
    name = seen.system.name
    values.set("record_read_timestamp_seconds", timestamp(seen.read_at), name)
    values.set("unreadable_runs", seen.unreadable, name)
    for region, answered in seen.readable.items():
        values.set("record_readable", float(answered), name, region)
        waiting = seen.waiting[region]
        values.set("spool_events", waiting.events, name, region)
        values.set("spool_oldest_timestamp_seconds", timestamp(waiting.since), name, region)


def point_time(point_id: str) -> datetime | None:
    """Return when a recovery point was taken, which its id says (``p-20261123t120000z-ab12``); ``None`` for others."""
    try:
        return datetime.strptime(point_id.split("-")[1], "%Y%m%dt%H%M%Sz").replace(tzinfo=UTC)
    except (IndexError, ValueError):
        return None


def _ways(seen: Seen) -> Iterator[tuple[str, Direction | None]]:
    """Yield every region that the system could recover in, with what the last sweep found there."""
    sweep = seen.sweep
    serving = sweep.serving_region if sweep else seen.serving_region
    for region in seen.system.regions:
        if region != serving:
            yield region, sweep.direction(region) if sweep else None
