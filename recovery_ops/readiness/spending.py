"""What protection of a system takes every month, as it stands now in every recovery region; reads only."""

from collections.abc import Iterable, Iterator

from recovery_ops.aws.calls import calling_as
from recovery_ops.aws.objects import stored_bytes
from recovery_ops.cost.billing import bill
from recovery_ops.errors import RecoveryError
from recovery_ops.kinds import driver
from recovery_ops.model.cost import GIB, Bill, Purpose, Usage
from recovery_ops.model.system import CutoverMethod, System
from recovery_ops.protection.shelf import Shelf
from recovery_ops.readiness.direction import Way, context_of
from recovery_ops.readiness.sweeping import LOOKING, dark_regions, serving_now

NOT_COUNTED = (
    "data transfer and requests: their rates are not known here",
    "what stacks in the recovery region hold, beyond networks that cost nothing",
    "the record and its copies: small",
)


def monthly_bill(system: System) -> Bill:
    """Return what protection costs a month at list prices: standby, replicated storage, recovery points, traffic.

    Storage is what lies there now. A region or component that cannot be asked is named in ``not_counted``.
    """
    skipped: list[str] = []
    with calling_as(LOOKING):
        dark = dark_regions(system)
        serving = serving_now(system, dark)
        usages = [*_traffic(system)]
        for region in system.regions:
            if region in dark:
                skipped.append(f"{region}: does not answer")
                continue
            usages += _asked(skipped, f"recovery points in {region}", _points(system, region))
            if region != serving:
                way = Way(system=system, serving_region=serving, region=region)
                for component in system.components:
                    footprint = driver(component).footprint(context_of(way, component, None))
                    usages += _asked(skipped, f"{component.name} in {region}", footprint)
    return bill(system.name, usages, (*NOT_COUNTED, *skipped))


def _asked(skipped: list[str], what: str, usages: Iterable[Usage]) -> list[Usage]:
    try:
        return list(usages)
    except RecoveryError as error:
        skipped.append(f"{what}: {error.message}")
        return []


def _points(system: System, region: str) -> Iterator[Usage]:
    """Yield the storage of all points; they are written in every region, the one that serves too."""
    shelf = Shelf(system=system)
    held = stored_bytes(shelf.bucket(region), f"{system.name}/points/", region)
    kept = f"{len(shelf.ids(region))} points, kept {system.protection.keep_s / 86_400:.0f} d"
    yield Usage(component="", region=region, purpose=Purpose.POINTS, what=kept, sku="s3:standard", quantity=held / GIB)


def _traffic(system: System) -> Iterator[Usage]:
    if system.traffic.method is CutoverMethod.HEALTH_SWITCH:
        yield Usage(
            component="", region="global", purpose=Purpose.TRAFFIC, what="health check of the health switch",
            sku="route53:health-check-fast-https", quantity=1.0,
        )  # fmt: skip
