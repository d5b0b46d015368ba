"""Which actions a recovery needs on what, as IAM's simulator must be asked: a narrow policy allows nothing on ``*``."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from recovery_ops.execution.grants import grants, partition_of
from recovery_ops.execution.policies import (
    ANYWHERE,
    DNS,
    DNS_CHANGES,
    POINTS,
    RECORD,
    SWITCH,
    data_buckets,
    dns_resources,
)
from recovery_ops.kinds import driver
from recovery_ops.model.system import CutoverMethod, System

EXAMPLE = "any"
"""Stands for the part of a name that nobody knows beforehand: the simulator is asked about one resource."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where actions are asked about: a resource, and the service that is handed a role, if any."""

    resource: str = "*"
    passed_to: str = ""

    def context(self, region: str) -> Mapping[str, str]:
        """Return the condition keys that a real call in ``region`` would have."""
        return {"aws:RequestedRegion": region} | ({"iam:PassedToService": self.passed_to} if self.passed_to else {})


Needs = Mapping[Place, Mapping[str, set[str]]]
"""Place -> action -> components that need it there; the system itself is the component ``""``."""


def needs(system: System, region: str, account: str) -> Needs:
    """Return everything that a recovery of ``system`` in ``region`` may call there; ``account`` has twelve digits.

    What AWS does in our name is left out: a stack that stands needs none of it.
    """
    found: dict[Place, dict[str, set[str]]] = {}
    for component, action, place in _each(system, region, account):
        found.setdefault(place, {}).setdefault(action, set()).add(component)
    return found


def _each(system: System, region: str, account: str) -> Iterator[tuple[str, str, Place]]:
    for component in system.components:
        objects = {action for action in driver(component).aws_actions if action.startswith("s3:")}
        yield from _in_buckets(component.name, objects, _of_data(system, component.name), region)
    for grant in grants(system):
        for resource in grant.resources:
            yield grant.component, grant.action, Place(_example(resource, region, account), grant.passed_to)
    switches = [place for name, place in system.traffic.health_switch.items() if name == region]
    yield from _in_buckets("", RECORD, [system.record_bucket], region)
    yield from _in_buckets("", POINTS, [system.point_bucket], region)
    yield from _in_buckets("", SWITCH, [place.removeprefix("s3://").partition("/")[0] for place in switches], region)
    yield from (("", action, Place()) for action in ANYWHERE)
    checks, zones = (Place(_example(item, region, account)) for item in dns_resources(system))
    changes = DNS_CHANGES if system.traffic.method is CutoverMethod.RECORD_BATCH else ()
    yield from (("", action, checks if "HealthCheck" in action else zones) for action in (*DNS, *changes))


def _example(resource: str, region: str, account: str) -> str:
    """Return a resource that the pattern ``resource`` covers."""
    if resource == "*":
        return resource
    head, (where, who, what) = resource.split(":", 5)[:3], resource.split(":", 5)[3:]
    place = (region if where == "*" else where, account if who == "*" else who)
    return ":".join([*head, *place, what.replace("*", EXAMPLE)])


def _of_data(system: System, component: str) -> list[str]:
    """Return the buckets of a component; one that names none may read those of the others."""
    return data_buckets(system.component(component)) or data_buckets(*system.components)


def _in_buckets(
    component: str, actions: Iterable[str], templates: Iterable[str], region: str
) -> Iterator[tuple[str, str, Place]]:
    buckets = [f"arn:{partition_of(region)}:s3:::{name.format(region=region)}" for name in templates]
    for action in actions:
        for bucket in buckets:
            yield component, action, Place(f"{bucket}/*" if "Object" in action else bucket)
