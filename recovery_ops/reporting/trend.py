"""All runs of a system side by side, oldest first. Not evidence: it is made of whatever the record holds now."""

from collections.abc import Iterable, Sequence
from statistics import median

from recovery_ops.model.events import Event
from recovery_ops.reporting.facts import Facts, Json, seconds
from recovery_ops.reporting.outlines import outline

TREND_VERSION = "1.0"


def trend(system: str, runs: Iterable[Sequence[Event]], *, not_read: Iterable[str] = ()) -> Json:
    """Return every closed run in figures, and per kind of run how often it passed and how its RTO moved."""
    facts = [Facts.of(events) for events in runs if events]
    closed = [run for run in facts if run.state.closed_at is not None and run.state.declared_at is not None]
    closed.sort(key=lambda run: (str(run.state.closed_at), run.state.run_id))
    found = [outline(run) for run in closed]
    return {
        "trend_version": TREND_VERSION,
        "system": system,
        "until": found[-1]["closed_at"] if found else None,
        "not_read": sorted(not_read),
        "runs": found,
        "kinds": [_kind(name, found) for name in dict.fromkeys(kind_of(run) for run in found)],
    }


def kind_of(run: Json) -> str:
    """Return the kind of a run: its mode, and of a drill its level."""
    return f"{run['drill_type']} drill" if run["drill_type"] else str(run["mode"] or "unknown")


def _kind(name: str, runs: Sequence[Json]) -> Json:
    mine = [run for run in runs if kind_of(run) == name]
    times = [run["rto_s"] for run in mine if run["rto_s"] is not None]
    return {
        "kind": name,
        "runs": len(mine),
        "passed": sum(run["verdict"] == "pass" for run in mine),
        "last_verdict": mine[-1]["verdict"],
        "last_rto_s": mine[-1]["rto_s"],
        "median_rto_s": seconds(median(times)) if times else None,
        "best_rto_s": min(times, default=None),
        "worst_rto_s": max(times, default=None),
    }
