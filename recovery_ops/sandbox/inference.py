"""Invoking endpoints: what ``sagemaker-runtime`` and the front doors do with a request."""

import json
import random
import re
import time

from recovery_ops.sandbox.sagemaker.fleet import Live, Server
from recovery_ops.sandbox.sagemaker.parts import parts
from recovery_ops.sandbox.sagemaker.process import ContainerError
from recovery_ops.sandbox.world import ACCOUNT, World

MAX_BODY_BYTES = 25 * 2**20
"""Source: https://docs.aws.amazon.com/general/latest/gr/sagemaker.html (payload size for endpoint invocation)."""

_PATH = re.compile(r"/endpoints/(?P<name>[^/]+)/(?P<verb>[a-z-]+)/?")
_CLIENT_ERROR = 400

Answer = tuple[int, list[tuple[str, str]], bytes]


def invoke(
    world: World, region: str, endpoint_name: str, body: bytes, content_type: str, variant: str | None = None
) -> Answer:
    """Send ``body`` to an endpoint and return its answer, or SageMaker's error: never raises.

    ``ValidationError`` (400) for an endpoint that is not there or not in service, ``ModelError`` (424) when the
    container fails, ``ServiceUnavailable`` (503) when the region is out. ``variant`` overrides the choice by weight.
    """
    live = parts().fleet.live.get((region, endpoint_name))
    if live is None or not live.servers:
        return _error(400, "ValidationError", f"Endpoint {endpoint_name} of account {ACCOUNT} not found.")
    if len(body) > MAX_BODY_BYTES:
        return _error(400, "ValidationError", f"Body length must be less than or equal to {MAX_BODY_BYTES} bytes.")
    server = _choose(live, variant)
    if server is None:
        return _error(400, "ValidationError", f"Variant {variant} not found for Endpoint {endpoint_name}.")
    if live.delay_s:
        time.sleep(live.delay_s)
    return _ask(world, region, endpoint_name, server, (body, content_type))


def serve(world: World, environ: dict[str, object], body: bytes, region: str, service: str) -> Answer | None:
    """Answer a request of ``sagemaker-runtime``; ``None`` when it is none."""
    match = _PATH.fullmatch(str(environ.get("PATH_INFO", "")))
    if match is None or not service.startswith("sagemaker"):
        return None
    if match["verb"] != "invocations":
        return _error(501, "NotImplemented", f"the sandbox does not model {match['verb']} of an endpoint")
    variant = environ.get("HTTP_X_AMZN_SAGEMAKER_TARGET_VARIANT")
    kind = str(environ.get("CONTENT_TYPE") or "application/octet-stream")
    return invoke(world, region, match["name"], body, kind, str(variant) if variant else None)


def _choose(live: Live, variant: str | None) -> Server | None:
    if variant:
        return next((server for _, server in live.servers if server.variant == variant), None)
    if len(live.servers) == 1:
        return live.servers[0][1]
    weights = [weight for weight, _ in live.servers]
    return random.choices([server for _, server in live.servers], weights if any(weights) else None)[0]  # noqa: S311


def _ask(world: World, region: str, name: str, server: Server, request: tuple[bytes, str]) -> Answer:
    try:
        status, kind, content = server.ask(*request)
    except ContainerError as failed:
        if world.faults.is_down(region):
            return _error(503, "ServiceUnavailable", f"{region} is down")
        return _model_error(region, name, 500, str(failed))
    if status != 200:
        return _model_error(region, name, status, content.decode("utf-8", "replace"))
    return 200, [("Content-Type", kind), ("x-Amzn-Invoked-Production-Variant", server.variant)], content


def _model_error(region: str, name: str, status: int, message: str) -> Answer:
    party = "client" if status // 100 == _CLIENT_ERROR // 100 else "server"
    log = f"arn:aws:logs:{region}:{ACCOUNT}:log-group:/aws/sagemaker/Endpoints/{name}"
    text = f'Received {party} error ({status}) from primary with message "{message}".'
    more = {"OriginalStatusCode": status, "OriginalMessage": message, "LogStreamArn": log}
    return _error(424, "ModelError", text, more)


def _error(status: int, code: str, message: str, more: dict[str, object] | None = None) -> Answer:
    text = json.dumps({"Message": message, "message": message, **(more or {})})
    return status, [("Content-Type", "application/json"), ("x-amzn-ErrorType", code)], text.encode()
