"""What stands in a region beside what an endpoint needs there, as findings; reads only."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from recovery_ops.aws import endpoints, served
from recovery_ops.aws.capacity import Room, rooms
from recovery_ops.aws.endpoints import Serving
from recovery_ops.aws.images import ImageName, image_for
from recovery_ops.aws.references import leftovers
from recovery_ops.aws.repositories import absent_image
from recovery_ops.cost.prices import HOURS
from recovery_ops.errors import StepRejectedError
from recovery_ops.model.cost import Purpose, Usage
from recovery_ops.model.finding_codes import finding
from recovery_ops.model.findings import Finding


def standby_findings(component: str, endpoint: str, seen: Serving | None, region: str) -> Iterable[Finding]:
    """Say when the endpoint that the standby level promises does not serve."""
    if seen is None or seen.status != endpoints.SERVING:
        status = seen.status if seen else "absent"
        yield finding("no-standby", component, f"endpoint {endpoint} in {region} is {status}")


def image_findings(
    component: str, image: ImageName | None, home: Mapping[str, Any], ladder: Sequence[str], region: str
) -> Iterable[Finding]:
    """Say which rungs of the ladder have no image to run on in ``region``, each image once."""
    told: set[str] = set()
    for instance_type in ladder:
        try:
            uri = image_for(image, str(home["image"]), region, instance_type)
            problem = absent_image(uri, region)
        except StepRejectedError as error:
            problem = error.message
        if problem is not None and problem not in told:
            told.add(problem)
            yield finding("no-image", component, problem, subject=instance_type)


def room_findings(
    component: str, ladder: Sequence[str], count: int, seen: Serving | None, region: str
) -> Iterable[Finding]:
    """Say what is not sure about ``count`` instances of each rung: offering, quota, and what does not run already.

    A deployment in place runs the old fleet beside the new one, so the quota must hold both.
    """
    known = rooms(ladder, region)
    running = _running(seen, region)
    for room in known:
        yield from _rung_findings(component, room, count, region)
        if (held := running.get(room.instance_type, 0)) < count:
            what = (
                f"{held} of {count} {room.instance_type} run in {region}; the rest is not reserved and not guaranteed"
            )
            yield finding("capacity-not-guaranteed", component, what, subject=room.instance_type)
    if not any(room.fits(count) for room in known):
        what = f"no rung of {', '.join(ladder)} is offered in {region} with quota for {count} more instances"
        yield finding("no-rung", component, what)
    if seen is not None and seen.current < count:
        what = f"endpoint {seen.name} in {region} runs {seen.current} instances; recovery needs {count}"
        yield finding("standby-smaller", component, what)


def reference_findings(component: str, seen: Serving, needles: Iterable[str], region: str) -> Iterable[Finding]:
    """Say what of the endpoint that stands names one of ``needles``: the region that serves, its registry accounts."""
    for text in leftovers(served.described(seen, region), needles):
        what = f"endpoint {seen.name} in {region}: {text}"
        yield finding("reference-left", component, what, subject=text.partition(":")[0])


def served_findings(component: str, endpoint: str, home: Mapping[str, Any], region: str) -> Iterable[Finding]:
    """Say whether ``endpoint`` in ``region`` serves something else than ``home``, what the newest point holds."""
    seen = endpoints.look(endpoint, region)
    if seen is None or seen.status != endpoints.SERVING:
        status = seen.status if seen else "absent"
        yield finding(
            "served-not-protected", component, f"endpoint {endpoint} in {region} is {status}", subject="status"
        )
        return
    now = served.captured(endpoint, region)
    for what in ("artifact_url", "image", "instance_type", "desired", "environment"):
        if now[what] != home[what]:
            said = f"{what} at home is {now[what]}; the newest point has {home[what]}"
            yield finding("served-not-protected", component, said, subject=what)


def hours(component: str, endpoint: str, region: str) -> Iterable[Usage]:
    """Return the instance hours that ``endpoint`` runs in a month when it stays as it is; none without an endpoint."""
    for kind, count in _running(endpoints.look(endpoint, region), region).items():
        yield Usage(
            component=component,
            region=region,
            purpose=Purpose.STANDBY,
            what=f"{count} {kind} of endpoint {endpoint}",
            sku=f"sagemaker:{kind}",
            quantity=count * HOURS,
        )


def _rung_findings(component: str, room: Room, count: int, region: str) -> Iterable[Finding]:
    kind = room.instance_type
    if not room.offered:
        yield finding("instance-not-offered", component, f"{region} does not offer {kind}", subject=kind)
    elif room.quota is None:
        yield finding("quota-not-known", component, f"Service Quotas of {region} names no {kind}", subject=kind)
    elif not room.fits(count):
        what = f"quota of {kind} in {region} is {room.quota}, {room.used} are in use and {count} more are needed"
        yield finding("quota-too-small", component, what, subject=kind)


def _running(seen: Serving | None, region: str) -> dict[str, int]:
    if seen is None or seen.status != endpoints.SERVING:
        return {}
    variants = endpoints.config_of(seen.config, region).get("ProductionVariants", [])
    return {str(variants[0]["InstanceType"]): seen.current} if variants and variants[0].get("InstanceType") else {}
