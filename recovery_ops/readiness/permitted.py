"""Which actions a recovery needs on what, as IAM's simulator must be asked: a narrow policy allows nothing on ``*``."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from recovery_ops.execution.policies import (
    DNS,
    DNS_CHANGES,
    PASSING,
    POINTS,
    RECORD,
    SWITCH,
    data_buckets,
    partition_of,
    passed_to,
)
from recovery_ops.kinds import driver
from recovery_ops.model.system import CutoverMethod, System


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


def needs(system: System, region: str) -> Needs:
    """Return everything that a recovery of ``system`` in ``region`` may call there."""
    found: dict[Place, dict[str, set[str]]] = {}
    for component, action, place in _each(system, region):
        found.setdefault(place, {}).setdefault(action, set()).add(component)
    return found


def _each(system: System, region: str) -> Iterator[tuple[str, str, Place]]:
    for component in system.components:
        declared = driver(component).aws_actions
        objects = {action for action in declared if action.startswith("s3:")}
        yield from _in_buckets(component.name, objects, _of_data(system, component.name), region)
        for action in declared - objects - PASSING:
            yield component.name, action, Place()
        if declared & PASSING:
            yield from ((component.name, action, Place("*", to)) for action in PASSING for to in passed_to(declared))
    switches = [place for name, place in system.traffic.health_switch.items() if name == region]
    yield from _in_buckets("", RECORD, [system.record_bucket], region)
    yield from _in_buckets("", POINTS, [system.point_bucket], region)
    yield from _in_buckets("", SWITCH, [place.removeprefix("s3://").partition("/")[0] for place in switches], region)
    if system.traffic.method is CutoverMethod.RECORD_BATCH:
        yield from (("", action, Place()) for action in (*DNS, *DNS_CHANGES))


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
