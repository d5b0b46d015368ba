"""API Gateway: a listener for each region, see ``recovery_ops.sandbox.frontdoor``. APIs come from stacks only."""

from typing import Any

from moto.apigateway.models import apigateway_backends

from recovery_ops.sandbox.frontdoor import routes as front_door_routes
from recovery_ops.sandbox.frontdoor.listener import FrontDoor
from recovery_ops.sandbox.world import ACCOUNT, World

MODELLED = {
    "apigateway": frozenset(
        {"GetRestApis", "GetRestApi", "GetResources", "GetResource", "GetMethod", "GetIntegration"}
        | {"GetMethodResponse", "GetIntegrationResponse", "GetDeployments", "GetDeployment", "GetStages", "GetStage"}
        | {"GetDomainNames", "GetDomainName", "GetBasePathMappings", "GetBasePathMapping"}
    )
}

_doors: dict[str, FrontDoor] = {}


def install(world: World) -> None:
    """Make deployments remember their methods, and refuse regions that the world does not have."""
    front_door_routes.install()
    world.front_doors.clear()


def start(world: World) -> None:
    """Open the listener of every region and publish its address in ``world.front_doors``."""
    for region in world.regions:
        door = FrontDoor(world, region)
        _doors[door.url] = door
        world.front_doors[region] = door.url


def stop(world: World) -> None:
    """Close every listener of ``world``."""
    for url in world.front_doors.values():
        if door := _doors.pop(url, None):
            door.stop()
    world.front_doors.clear()


def inventory(world: World) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return every API and custom domain name."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for region in world.regions:
        backend = apigateway_backends[ACCOUNT][region]
        apis = [
            {"type": "AWS::ApiGateway::RestApi", "id": api.id, "tags": dict(api.tags or {})}
            for api in list(backend.apis.values())
        ]
        names = [
            {"type": "AWS::ApiGateway::DomainName", "id": name, "tags": dict(domain.tags or {})}
            for name, domain in list(backend.domain_names.items())
        ]
        if apis or names:
            found[region] = {"apigateway": [*apis, *names]}
    return found
