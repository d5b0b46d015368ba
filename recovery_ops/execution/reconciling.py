"""Reconciling before a failback: what both regions wrote while they were apart, and what became of it."""

import time
from datetime import datetime
from typing import Any

from recovery_ops.errors import DeadlineExceededError, StepError
from recovery_ops.execution.meter import Meter
from recovery_ops.execution.view import RunView
from recovery_ops.kinds import Parted, Reconciliation, driver
from recovery_ops.model.events import EventType
from recovery_ops.model.plan import SystemStep
from recovery_ops.record.log import EventWriter

LIMIT_S = 7200.0
"""Modelled seconds until everything must be known: the slowest part is a restore of two tables."""
LIMIT_AT_LEAST_S = 60.0


def reconcile(view: RunView, writer: EventWriter, meter: Meter) -> dict[str, Any]:
    """Record, per component with data, what was merged, which writes met a later one, and what is lost.

    Nothing is decided here: replication lets the last writer win. A failback of a region that must not be called
    (ungraceful) is not reconciled, and says so; nor is what was not known yet when a person made it ungraceful.

    Raises:
        DeadlineExceededError: It is not known in time; traffic has not moved.
    """
    parted = parted_of(view)
    if parted is None:
        return {"reconciled": [], "why": "no failover parted the regions"}
    names, told = [component.name for component in view.system.components], _told(view)
    with meter.waiting():
        found = {name: _known(view, name, writer, parted) for name in names if name not in told}
    for name, result in found.items():
        if result is not None:
            writer.append(EventType.RECONCILED, _facts(view, name, result))
    done = [name for name in names if name in told or found[name] is not None]
    if not view.is_graceful(SystemStep.RECONCILE):
        return {"reconciled": done, "why": f"{view.ref.impaired_region} is not called"}
    for name in done:
        driver(view.system.component(name)).put_away(view.context(view.system.component(name), writer))
    return {"reconciled": done}


def put_away(view: RunView, writer: EventWriter) -> None:
    """Remove what a reconciling made that did not come to its end; what cannot be removed is a debt for a person."""
    for component in view.system.components:
        try:
            driver(component).put_away(view.context(component, writer))
        except StepError as error:
            what = f"remove what was made to reconcile {component.name}"
            facts = {"component": component.name, "region": view.ref.impaired_region, "why": error.message}
            writer.append(EventType.DEBT_NOTED, facts | {"debt": "clean-up", "what": what})


def _told(view: RunView) -> set[str]:
    """Return the components of which an attempt before this one has recorded what became of their writes."""
    before = view.log.events_of(f"{SystemStep.RECONCILE}#")
    return {str(event.payload["component"]) for event in before if event.type is EventType.RECONCILED}


def parted_of(view: RunView) -> Parted | None:
    """Return when the regions parted, as the declaration of a failback holds it."""
    facts = view.declared.get("parted")
    if not facts:
        return None
    return Parted(**{name: datetime.fromisoformat(facts[name]) for name in ("lost_at", "moved_at")})


def _known(view: RunView, name: str, writer: EventWriter, parted: Parted) -> Reconciliation | None:
    component = view.system.component(name)
    end = time.monotonic() + max(view.wall(LIMIT_S), LIMIT_AT_LEAST_S)
    while view.is_graceful(SystemStep.RECONCILE):
        result = driver(component).reconcile(view.context(component, writer), parted)
        if result is None or not result.waiting_for:
            return result
        if time.monotonic() > end:
            message = f"{name} is not reconciled in time; still waiting for {', '.join(result.waiting_for[:5])}"
            raise DeadlineExceededError(message, component=name, region=view.ref.recovery_region)
        time.sleep(max(view.wall(15.0), 0.1))
    return None


def _facts(view: RunView, name: str, result: Reconciliation) -> dict[str, Any]:
    return {
        "component": name,
        "from_region": view.ref.impaired_region,
        "to_region": view.ref.recovery_region,
        "merged": result.merged,
        "conflicts": [dict(conflict) for conflict in result.conflicts],
        "lost": len(result.lost),
        "lost_keys": list(result.lost[:100]),
        "basis": result.basis,
    }
