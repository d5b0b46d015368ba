"""Taking a consistent point: every component captured, everything copied, then published where it is complete."""

import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.aws.limits import REPLICATION_LIMIT_MODELLED_S
from recovery_ops.catalog.freeze import catalog_hash
from recovery_ops.errors import PointDamagedError, StepError
from recovery_ops.kinds import Stage, StepContext, driver
from recovery_ops.model.points import Capture, ConsistentPoint, ObjectVersion
from recovery_ops.model.system import System
from recovery_ops.protection.choice import damage
from recovery_ops.protection.shelf import Shelf

log = structlog.get_logger(__name__)


def point_id(now: datetime, token: str | None = None) -> str:
    """Return a new id that sorts by time; with a ``token`` always the same for the same time."""
    ending = secrets.token_hex(2) if token is None else hashlib.sha256(token.encode()).hexdigest()[:4]
    return f"p-{now.astimezone(UTC):%Y%m%dt%H%M%Sz}-{ending}"


def take_point(
    system: System,
    *,
    serving_region: str,
    regions: tuple[str, ...],
    time_factor: float = 1.0,
    caller: str | None = None,
    forbidden_region: str | None = None,
    name: str | None = None,
) -> ConsistentPoint:
    """Capture every component in ``serving_region`` and publish the point in each of ``regions`` that is complete.

    Nothing that exists is changed. A point that is complete nowhere but in the serving region is still published there.

    Args:
        system: The system to protect.
        serving_region: Where the system runs now.
        regions: Where the point must be held; alive ones only, without repetition.
        time_factor: Wall seconds per AWS second, for the wait for replication.
        caller: Run id that AWS calls carry; ``protect-<point id>`` when no run asks.
        forbidden_region: Region that must not be called, when a run is leaving it.
        name: Id from :func:`point_id` that an earlier attempt may have begun; its files are kept and it is completed.

    Raises:
        PointDamagedError: A region did not become complete within the limit; the point is published in the others.
        StepError: A component could not be captured; nothing was published.
    """
    now = datetime.now(UTC)
    shelf, name = Shelf(system=system), name or point_id(now)
    who = Caller(run_id=caller or f"protect-{name}", step="protect", forbidden_region=forbidden_region)
    with calling_as(replace(who, step="system.protect")):
        if (complete := _taken_before(shelf, name, regions)) is not None:
            return complete
    captures: dict[str, Capture] = {}
    for component in system.components:
        kind = driver(component)
        if kind.protected:
            with calling_as(replace(who, step=f"{component.name}.protect")):
                stage = Stage(point_id=name, put=_writer(shelf, name, component.name, regions, now), captures=captures)
                captures[component.name] = kind.protect(_context(system, component.name, name, serving_region), stage)
    point = ConsistentPoint(
        id=name,
        system=system.name,
        taken_at=now,
        region=serving_region,
        catalog_hash=catalog_hash(system),
        captures=captures,
    )
    with calling_as(replace(who, step="system.protect")):
        _publish(shelf, point, regions, now, time_factor)
    return point


def _taken_before(shelf: Shelf, name: str, regions: tuple[str, ...]) -> ConsistentPoint | None:
    """Return the point if it stands in every region already."""
    if not all(shelf.holds(name, region) for region in regions):
        return None
    return shelf.read(name, regions[0])


def _context(system: System, component: str, run_id: str, region: str) -> StepContext:
    return StepContext(
        system=system,
        component=system.component(component),
        run_id=run_id,
        source_region=region,
        target_region=region,
    )


def _writer(
    shelf: Shelf, point: str, component: str, regions: tuple[str, ...], now: datetime
) -> Callable[[str, bytes], ObjectVersion]:
    def put(name: str, body: bytes) -> ObjectVersion:
        key = shelf.file(point, component, name, body).key
        for region in regions:
            body = shelf.put(region, key, body, locked_until=shelf.locked_until(now))
        return shelf.file(point, component, name, body)

    return put


def _publish(shelf: Shelf, point: ConsistentPoint, regions: tuple[str, ...], now: datetime, factor: float) -> None:
    incomplete = _wait_until_complete(shelf.system, point, regions, factor)
    for region in regions:
        if region not in incomplete:
            shelf.publish(point, region, locked_until=shelf.locked_until(now))
            log.info("recovery point published", system=point.system, point_id=point.id, region=region)
    if incomplete:
        reasons = "; ".join(f"{region}: {why}" for region, why in incomplete.items())
        message = f"{point.system}: recovery point {point.id} is not complete in every region: {reasons}"
        raise PointDamagedError(message, point_id=point.id, system=point.system)


def _wait_until_complete(
    system: System, point: ConsistentPoint, regions: tuple[str, ...], factor: float
) -> Mapping[str, str]:
    end = time.monotonic() + REPLICATION_LIMIT_MODELLED_S * factor + 1.0
    waiting = dict.fromkeys(regions, "not looked at")
    while waiting:
        waiting = {region: why for region in waiting if (why := _damage(system, point, region))}
        if time.monotonic() >= end:
            break
        if waiting:
            time.sleep(max(15.0 * factor, 0.05))
    return waiting


def _damage(system: System, point: ConsistentPoint, region: str) -> str | None:
    try:
        return damage(system, point, region)
    except StepError as error:
        return error.message
