"""The overview: where each system serves, whether it would come back today, and what goes on now."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from recovery_ops.model.plan import Mode
from recovery_ops.model.readiness import Direction, ReadinessState, Recoverable, Sweep
from recovery_ops.model.system import System
from recovery_ops.record.state import RunState
from recovery_ops.reporting.dashboard import Lookout

MOVED = (Mode.FAILOVER, Mode.FAILBACK)
STALE_AFTER_S = 3 * 3600.0
"""Modelled age after which a sweep says nothing about today."""
WORDS = {
    ReadinessState.READY: "ready",
    ReadinessState.WARNED: "ready, with warnings",
    ReadinessState.NOT_READY: "not ready",
    ReadinessState.NOT_KNOWN: "not known",
}


def overview(lookout: Lookout, now: datetime) -> dict[str, Any]:
    """Return the line of one system."""
    system, runs = lookout.system, lookout.summaries()
    sweep = next(iter(lookout.sweeps()), None)
    drill = next((run for run in runs if run.mode == Mode.DRILL and run.closed_at), None)
    return {
        "system": system.name,
        "home": system.home,
        "rto_s": system.rto_s,
        "serving": serving(system, runs),
        "state": str(sweep.state) if sweep else str(ReadinessState.NOT_KNOWN),
        "state_words": WORDS[sweep.state] if sweep else "never asked",
        "swept_at": sweep.at if sweep else None,
        "swept_ago_s": (now - sweep.at).total_seconds() if sweep else None,
        "dark": lookout.silent(),
        "directions": [_direction(way) for way in sweep.directions] if sweep else [],
        "findings": findings(sweep),
        "last_drill": drill,
        "open_runs": [run for run in runs if run.is_open],
        "moving": any(run.is_open and run.mode in MOVED for run in runs),
        "last_run": next((run for run in runs if run.closed_at and run.mode != Mode.DRILL), None),
    }


def serving(system: System, runs: Sequence[RunState]) -> str:
    """Return where the system serves by the newest closed run that may have moved traffic; home without one."""
    told = [run for run in runs if run.mode in MOVED and run.closed_at and run.serving_region]
    newest = max(told, key=lambda run: str(run.closed_at), default=None)
    return newest.serving_region if newest and newest.serving_region else system.home


def findings(sweep: Sweep | None) -> dict[str, int]:
    """Return how many findings stand, by severity."""
    severities = [str(item.finding.severity) for item in sweep.open] if sweep else []
    return {severity: severities.count(severity) for severity in ("blocker", "warning", "info")}


def _direction(way: Direction) -> dict[str, Any]:
    worst = worst_rpo(way.recoverable)
    rto = next((item for item in way.predictions if (item.objective, item.name) == ("rto", "system")), None)
    rto = rto or max((item for item in way.predictions if item.objective == "rto"), key=_late, default=None)
    return {
        "from": way.from_region,
        "to": way.region,
        "answered": way.answered,
        "state": str(way.state),
        "state_words": WORDS[way.state],
        "rpo": worst,
        "rto": rto,
        "proof": way.proof,
    }


def worst_rpo(recoverable: Sequence[Recoverable]) -> Recoverable | None:
    """Return the component whose live RPO is worst beside its objective; nothing to recover from is worst of all."""
    judged = [item for item in recoverable if item.objective_s]
    return max(judged, key=lambda item: float("inf") if item.age_s is None else item.age_s / (item.objective_s or 1.0),
               default=None)  # fmt: skip


def _late(item: Any) -> float:
    return float(item.late_s or 0.0)
