"""From a request to the endpoint that answers it, as the deployments of a region's APIs say."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from moto.apigateway.models import APIGatewayBackend, Deployment, RestAPI, apigateway_backends

from recovery_ops.sandbox import patching
from recovery_ops.sandbox.world import ACCOUNT

_API_HOST = re.compile(r"(?P<api>[a-z0-9]+)\.execute-api\.(?P<region>[a-z0-9-]+)\.amazonaws\.com")
_INVOCATIONS = re.compile(r"arn:aws:apigateway:(?P<region>[^:]+):runtime\.sagemaker:path/+endpoints/(?P<name>[^/]+)/.*")
_FIELD = "recovery_ops_routes"


class RefusedError(Exception):
    """API Gateway answers itself, with this status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What one method calls: a SageMaker endpoint by name (empty: something that is not modelled).

    ``answers`` holds (pattern of the endpoint's status, status for the client); an empty pattern is for the rest.
    """

    endpoint: str
    answers: tuple[tuple[str, int], ...]

    def status_for(self, upstream: int) -> int:
        """Return the client's status; without any answers, as AWS integrations without responses, 500."""
        chosen = [status for pattern, status in self.answers if pattern and re.fullmatch(pattern, str(upstream))]
        default = [status for pattern, status in self.answers if not pattern]
        return next(iter([*chosen, *default]), 500)


def install() -> None:
    """Make deployments remember what the methods were when they were made: moto's are empty."""
    original = patching.original(RestAPI, "create_deployment")

    def create_deployment(self: RestAPI, *args: object, **options: object) -> Deployment:
        deployment = original(self, *args, **options)
        setattr(deployment, _FIELD, dict(_routes(self)))
        return deployment

    patching.replace(RestAPI, "create_deployment", create_deployment)


def find(region: str, host: str, method: str, path: str) -> Route:
    """Return what answers a request that came in at ``region``.

    Raises:
        RefusedError: No API, stage or method of the region answers it.
    """
    backend = apigateway_backends[ACCOUNT][region]
    api, stage, rest = _by_host(backend, region, host.partition(":")[0].lower(), path.partition("?")[0])
    found = api.stages.get(stage)
    if found is None:
        raise RefusedError(403, "Forbidden")
    routes: Mapping[tuple[str, str], Route] = getattr(api.deployments[found.deployment_id], _FIELD, {})
    route = routes.get((method, rest)) or routes.get(("ANY", rest))
    if route is None:
        raise RefusedError(403, "Missing Authentication Token")
    return route


def _by_host(backend: APIGatewayBackend, region: str, host: str, path: str) -> tuple[RestAPI, str, str]:
    """Return the API, the name of the stage and the path below it."""
    first, _, rest = path.lstrip("/").partition("/")
    own = _API_HOST.fullmatch(host)
    if own:
        api = backend.apis.get(own["api"]) if own["region"] == region else None
        if api is None or api.disableExecuteApiEndpoint:
            raise RefusedError(403, "Forbidden")
        return api, first, f"/{rest}"
    mappings = backend.base_path_mappings.get(host, {})
    mapping, below = (mappings[first], f"/{rest}") if first in mappings else (mappings.get("(none)"), path)
    if mapping is None or mapping.rest_api_id not in backend.apis:
        raise RefusedError(403, "Forbidden")
    return backend.apis[mapping.rest_api_id], str(mapping.stage), below


def _routes(api: RestAPI) -> Iterator[tuple[tuple[str, str], Route]]:
    for resource in api.resources.values():
        for verb, method in resource.resource_methods.items():
            integration = method.method_integration
            if integration is not None:
                named = _INVOCATIONS.fullmatch(integration.uri or "")
                local = named is not None and named["region"] == api.region_name
                answers = (integration.integration_responses or {}).items()
                yield (
                    (verb, resource.get_path()),
                    Route(
                        endpoint=named["name"] if named is not None and local else "",
                        answers=tuple((answer.selection_pattern or "", int(code)) for code, answer in answers),
                    ),
                )
