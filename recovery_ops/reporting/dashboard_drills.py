"""The page of drills: what is due, what it waits for, what was held, and what is still to be mended."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from recovery_ops.errors import RecoveryError
from recovery_ops.model.drill_findings import DrillFinding, FindingStatus
from recovery_ops.model.drills import DrillKind
from recovery_ops.model.plan import Mode
from recovery_ops.planning.drill_calendar import calendar
from recovery_ops.record.drill_stops import Stops
from recovery_ops.record.findings import known_findings
from recovery_ops.record.state import RunState
from recovery_ops.reporting.dashboard import Lookout


def drills_page(lookout: Lookout, now: datetime, alarms: Mapping[str, str]) -> dict[str, Any]:
    """Return the drills of one system, their calendar, and the findings that are not closed.

    Args:
        lookout: Reads the record.
        now: Aware.
        alarms: State of the alarms that block drills, where the system serves; one that is missing is not known.
    """
    sweeps = lookout.sweeps()
    runs = lookout.summaries()
    lines = calendar(lookout.system, lookout.held(), now, alarms=alarms)
    return {
        "system": lookout.system.name,
        "drills": [run for run in runs if run.mode == Mode.DRILL],
        "calendar": lines,
        "overdue": sum(line.overdue for line in lines),
        "held_up": next(_obstacles(lookout, runs), ""),
        "findings": [_finding(item, now) for item in open_findings(lookout)],
        "proofs": [(way.region, way.proof) for way in sweeps[0].directions] if sweeps else [],
    }


def open_findings(lookout: Lookout) -> list[DrillFinding]:
    """Return what is not closed, accepted risks included; nothing when no region answers, and the page says that."""
    try:
        found = known_findings(lookout.doors, lookout.system.name)
    except RecoveryError:
        return []
    return [item for item in found if item.closed_at is None]


def _finding(item: DrillFinding, now: datetime) -> dict[str, Any]:
    return {
        "facts": item,
        "what": item.subject if item.code in item.subject else f"{item.code} {item.subject}".strip(),
        "status": str(item.status(now)),
        "accepted": item.status(now) is FindingStatus.ACCEPTED,
        "expired": item.acceptance_expired(now),
        "overdue": item.overdue(now),
    }


def _obstacles(lookout: Lookout, runs: list[RunState]) -> Iterator[str]:
    """Yield why no drill may start now, whatever is due."""
    for door in lookout.doors:
        try:
            stop = Stops(door).find(lookout.system.name)
        except RecoveryError:
            continue
        if stop is not None:
            yield stop.told
    for run in runs:
        if run.is_open and run.declared_at is not None and run.drill != DrillKind.TABLETOP:
            yield f"Run {run.run_id} is open."
