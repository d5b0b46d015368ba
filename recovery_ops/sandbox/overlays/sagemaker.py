"""SageMaker: endpoints that take time, can fail and really predict; a registry that keeps what it is given."""

import copy
from collections.abc import Callable
from typing import Any

from recovery_ops.sandbox import inference, patching
from recovery_ops.sandbox.sagemaker import definitions, registry
from recovery_ops.sandbox.sagemaker.deployment import backend
from recovery_ops.sandbox.sagemaker.endpoints import State
from recovery_ops.sandbox.sagemaker.fleet import EndpointId, Fleet, Live
from recovery_ops.sandbox.sagemaker.parts import Parts, parts, use
from recovery_ops.sandbox.world import World

DAMAGES = ("endpoint-latency", "endpoint-stop", "endpoint-start")
_ALL_AT_ONCE = "ALL_AT_ONCE"


def install(world: World) -> None:
    """Patch moto's SageMaker for ``world``."""
    use(Parts(world, Fleet(world)))
    definitions.patch()
    registry.patch()
    _patch_endpoints()


def start(_world: World) -> None:
    """Begin to watch for regions that are out."""
    parts().fleet.start()


def stop(_world: World) -> None:
    """End every inference process."""
    parts().fleet.stop()


def data_plane(world: World) -> Callable[..., inference.Answer | None]:
    """Return what answers invocations."""

    def answer(environ: dict[str, Any], body: bytes, region: str, service: str) -> inference.Answer | None:
        return inference.serve(world, environ, body, region, service)

    return answer


def _patch_endpoints() -> None:
    from moto.sagemaker.models import SageMakerModelBackend
    from moto.sagemaker.responses import SageMakerResponse

    create = patching.original(SageMakerModelBackend, "create_endpoint")

    def create_endpoint(self: Any, endpoint_name: str, endpoint_config_name: str, tags: Any) -> Any:
        parts().endpoints.check_new(self.region_name, endpoint_name, endpoint_config_name)
        endpoint = create(self, endpoint_name, endpoint_config_name, tags)
        parts().endpoints.create(self.region_name, endpoint_name, endpoint_config_name)
        return endpoint

    def delete_endpoint(self: Any, endpoint_name: str) -> None:
        parts().endpoints.delete(self.region_name, endpoint_name)

    def update_endpoint_weights_and_capacities(
        self: Any, endpoint_name: str, desired_weights_and_capacities: list[dict[str, Any]]
    ) -> str:
        return parts().endpoints.scale(self.region_name, endpoint_name, desired_weights_and_capacities)

    patching.replace(SageMakerModelBackend, "create_endpoint", create_endpoint)
    patching.replace(SageMakerModelBackend, "delete_endpoint", delete_endpoint)
    patching.replace(
        SageMakerModelBackend, "update_endpoint_weights_and_capacities", update_endpoint_weights_and_capacities
    )
    patching.add(SageMakerResponse, "update_endpoint", _update_endpoint)


def _update_endpoint(self: Any) -> Any:
    from moto.core.responses import ActionResult

    if self._get_param("ExcludeRetainedVariantProperties"):
        raise NotImplementedError("the sandbox does not model ExcludeRetainedVariantProperties of UpdateEndpoint")
    arn = parts().endpoints.update(
        self.region,
        self._get_param("EndpointName"),
        self._get_param("EndpointConfigName"),
        retain=bool(self._get_param("RetainAllVariantProperties")),
        wait_s=_wait_s(self._get_param("DeploymentConfig") or {}),
    )
    return ActionResult({"EndpointArn": arn})


def _wait_s(deployment: dict[str, Any]) -> float:
    """Return the AWS seconds a deployment configuration adds; what shifts traffic in steps is refused."""
    policy = deployment.get("BlueGreenUpdatePolicy") or {}
    routing = policy.get("TrafficRoutingConfiguration") or {"Type": _ALL_AT_ONCE}
    if routing.get("Type") != _ALL_AT_ONCE or deployment.keys() - {"BlueGreenUpdatePolicy"}:
        raise NotImplementedError("the sandbox models updates that shift all traffic at once, without alarms")
    return float(routing.get("WaitIntervalInSeconds", 0)) + float(policy.get("TerminationWaitInSeconds", 0))


# What the rest of the sandbox asks --------------------------------------------------------------------------------


def inventory(world: World) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return the models, configurations, endpoints and packages of every region."""
    return {region: {"sagemaker": _resources(region)} for region in world.regions}


def _resources(region: str) -> list[dict[str, Any]]:
    endpoints = [definitions.resource("endpoint", e.endpoint_name, e.tags) for e in backend(region).endpoints.values()]
    return [*definitions.inventory(region), *endpoints, *registry.inventory(region)]


def status(_world: World) -> dict[str, Any]:
    """Return how many inference processes run, by region."""
    return {"containers": parts().fleet.running()}


def damage(_world: World, request: dict[str, Any]) -> dict[str, Any]:
    """Slow an endpoint down, or stop and start its processes, beside SageMaker's back.

    ``{"what": "endpoint-latency", "region", "endpoint", "ms"}`` (0 ends it), ``{"what": "endpoint-stop" |
    "endpoint-start", "region", "endpoint"}``. A stopped one stays InService and answers ``ModelError`` until it is
    started, updated or its sandbox restored.
    """
    live = _live(request["region"], request["endpoint"])
    if request["what"] == "endpoint-latency":
        live.delay_s = float(request["ms"]) / 1000
        return {"ms": request["ms"]}
    held = request["what"] == "endpoint-stop"
    for _, server in live.servers:
        server.held = held
        (server.park if held else server.running)()
    return {"stopped": held, "processes": len(live.servers)}


def _live(region: str, name: str) -> Live:
    live = parts().fleet.live.get((region, name))
    if live is None:
        raise ValueError(f"no endpoint {name!r} in service in {region}")
    return live


def dump(_world: World) -> dict[str, Any]:
    """Return our state with the archives of the endpoints in service, for a snapshot."""
    jobs = parts().jobs.dump()
    waiting = {args[2] for _, name, args in jobs if name != "deleted"}
    changes = {key: e.change for key, e in parts().endpoints.state.endpoints.items() if e.change}
    loading = [(0.0, "prepare", (*key, c.change_id)) for key, c in changes.items() if c.change_id not in waiting]
    return {
        "state": copy.deepcopy(parts().endpoints.state),
        "jobs": jobs + loading,
        "live": {key: _archives(live) for key, live in parts().fleet.live.items()},
    }


def _archives(live: Live) -> list[tuple[float, str, bytes, str]]:
    return [(weight, server.variant, server.packed, server.url) for weight, server in live.servers]


def load(world: World, state: dict[str, Any]) -> None:
    """Take over the state of a snapshot; containers start with their first request, or at once where there is room."""
    before = parts()
    use(new := Parts(world, before.fleet))
    for endpoint in list(before.fleet.live):
        before.fleet.remove(endpoint)
    restored: State = state["state"]
    new.endpoints.state = restored
    new.jobs.load(state["jobs"])
    for key, servers in state["live"].items():
        _serve_again(new.fleet, key, servers)
    new.fleet.wake(world.regions)


def _serve_again(fleet: Fleet, key: EndpointId, servers: list[tuple[float, str, bytes, str]]) -> None:
    added = [(weight, fleet.add(key[0], variant, packed, url)) for weight, variant, packed, url in servers]
    fleet.put(key, added)
