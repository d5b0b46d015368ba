"""Protecting a system where it serves after a move, in the direction that is right then."""

from datetime import UTC, datetime
from typing import Any

from recovery_ops.execution.fencing import open_side
from recovery_ops.execution.meter import Meter
from recovery_ops.execution.view import RunView
from recovery_ops.kinds import driver
from recovery_ops.model.events import EventType
from recovery_ops.model.plan import Mode, SystemStep
from recovery_ops.protection.points import point_id, take_point
from recovery_ops.record.log import EventWriter


def reprotect(view: RunView, writer: EventWriter, meter: Meter) -> dict[str, Any]:
    """Protect the system where it runs now; what needs the impaired region is a debt paid when it heals.

    After a graceful failback the region that was left is the standby again: it stops to replicate back, its fences
    are lifted, and the point is held in both regions.
    """
    whole = view.plan.mode == Mode.FAILBACK and view.is_graceful(SystemStep.REPROTECT)
    for component in view.system.components:
        ctx = view.context(component, writer)
        if whole:
            list(driver(component).stop_replicating_back(ctx))
        for debt in driver(component).reprotect(ctx):
            facts = {"debt": "reprotect", "component": component.name, "region": view.ref.impaired_region}
            why = "the region that was left was not asked to do it" if whole else "the impaired region is not called"
            writer.append(EventType.DEBT_NOTED, facts | {"what": debt, "why": why})
    if whole:
        open_side(view, writer, view.ref.impaired_region)
    here = view.ref.recovery_region
    regions = (here, view.ref.impaired_region) if whole else (here,)
    with meter.waiting():
        point = take_point(
            view.system,
            serving_region=here,
            regions=regions,
            time_factor=view.settings.time_factor,
            caller=f"{view.ref.run_id}",
            forbidden_region=None if whole else view.ref.impaired_region,
            name=_name(view),
        )
    at = datetime.now(UTC).isoformat()
    detail = "locked, in both regions" if whole else f"locked, outside {view.ref.impaired_region}"
    writer.append(
        EventType.PROTECTION_RESTORED,
        {"point_id": point.id, "at": at, "regions": list(regions), "detail": detail},
    )
    return {"point_id": point.id}


def _name(view: RunView) -> str:
    """Return the id of this run's point: the same for every attempt, so that one that died leaves nothing behind."""
    begun = next(event.at for event in view.log.events_of(f"{SystemStep.REPROTECT}#"))
    return point_id(begun, view.ref.run_id)
