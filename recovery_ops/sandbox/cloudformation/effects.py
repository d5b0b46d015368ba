"""The edge to moto: creating, changing and deleting one resource, with every failure turned into a reason."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import structlog
from moto.core.exceptions import ServiceException
from werkzeug.exceptions import HTTPException

from recovery_ops.sandbox.cloudformation.binding import Bound, Definition
from recovery_ops.sandbox.cloudformation.intrinsics import text_of
from recovery_ops.sandbox.cloudformation.registry import TYPES
from recovery_ops.sandbox.cloudformation.stack import Resource, Stack
from recovery_ops.sandbox.cloudformation.types import ResourceError, Site
from recovery_ops.sandbox.world import World

Json = Any
log = structlog.get_logger(__name__)


class Effects:
    """What happens to resources. ``sabotage`` makes resources fail for tests: (region, logical id) -> reason."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sabotage: dict[tuple[str, str], str] = {}

    def wanted(self, stack: Stack, target: Bound, definition: Definition) -> Resource:
        """Return the resource as ``target`` wants it, with its references to standing resources resolved."""
        return Resource(
            logical_id=definition.logical_id,
            type=definition.type,
            properties=target.scope(stack).resolve(definition.properties),
            tags=dict(target.tags),
            needs=definition.needs,
            deletion_policy=definition.deletion_policy,
            replace_policy=definition.replace_policy,
        )

    def create(self, stack: Stack, wanted: Resource) -> None:
        """Create ``wanted``; its physical id is known even when its last settings fail."""
        kind = TYPES[wanted.type]
        with self._reasons(stack, wanted):
            self._reachable(stack, wanted)
            kind.check(wanted.properties)
            wanted.physical_id = kind.create(self._site(stack, wanted))
            site = self._site(stack, wanted)
            kind.settle(site)
            wanted.attributes = kind.values(site)

    def update(self, stack: Stack, standing: Resource, wanted: Resource) -> None:
        """Change ``standing`` in place to what ``wanted`` says."""
        kind = TYPES[wanted.type]
        wanted.physical_id = standing.physical_id
        site = self._site(stack, wanted, before=standing.properties)
        with self._reasons(stack, wanted):
            self._reachable(stack, wanted)
            kind.check(wanted.properties)
            kind.update(site)
            standing.attributes = kind.values(site)
        standing.properties, standing.tags, standing.needs = wanted.properties, wanted.tags, wanted.needs
        standing.deletion_policy, standing.replace_policy = wanted.deletion_policy, wanted.replace_policy

    def delete(self, stack: Stack, resource: Resource) -> None:
        """Delete ``resource``."""
        with self._reasons(stack, resource):
            self._reachable(stack, resource, deleting=True)
            TYPES[resource.type].delete(self._site(stack, resource))

    def outputs(self, stack: Stack, target: Bound) -> dict[str, str]:
        """Return the values of the outputs of ``target``."""
        scope = target.scope(stack)
        return {name: _joined(scope.resolve(item["Value"])) for name, item in target.outputs.items()}

    def _site(self, stack: Stack, resource: Resource, before: Mapping[str, Json] = MappingProxyType({})) -> Site:
        own = {
            "aws:cloudformation:stack-name": stack.name,
            "aws:cloudformation:stack-id": stack.id,
            "aws:cloudformation:logical-id": resource.logical_id,
        }
        place = stack.bound.place
        return Site(
            world=self.world,
            account=place.account,
            region=place.region,
            stack_name=place.stack_name,
            logical_id=resource.logical_id,
            tags={**resource.tags, **own},
            wanted=resource.properties,
            before=before,
            physical_id=resource.physical_id,
        )

    def _reachable(self, stack: Stack, resource: Resource, *, deleting: bool = False) -> None:
        service = TYPES[resource.type].service
        if service == "iam" and self.world.control_plane_down("iam"):
            raise ResourceError("IAM is not reachable: its control plane is in us-east-1 (Service: Iam, Status: 503)")
        if self.world.faults.is_down(stack.region, service):
            raise ResourceError(f"Service {service} of {stack.region} does not answer (Status Code: 503)")
        reason = None if deleting else self.sabotage.get((stack.region, resource.logical_id))
        if reason is not None:
            raise ResourceError(reason)

    @contextmanager
    def _reasons(self, stack: Stack, resource: Resource) -> Iterator[None]:
        try:
            yield
        except ResourceError:
            raise
        except (HTTPException, ServiceException) as error:
            code = getattr(error, "error_type", None) or getattr(error, "code", "")
            raise ResourceError(f"{getattr(error, 'message', error)} (Service: {resource.type}, {code})") from error
        except Exception as error:  # edge of one resource: it fails, with its stack, and not the clock
            log.exception("resource handler broke", stack=stack.name, logical_id=resource.logical_id)
            raise ResourceError(f"Internal Failure: {type(error).__name__}: {error}") from error


def _joined(value: object) -> str:
    return ",".join(map(text_of, value)) if isinstance(value, list) else text_of(value)
