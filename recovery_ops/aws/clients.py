"""Boto3 clients: one per service and region for the whole process, with bounded timeouts and attempts.

``AWS_ENDPOINT_URL`` decides between the sandbox and AWS; nothing here knows which it is.
"""

import functools
import random
import threading
import time
from typing import Any

from recovery_ops.aws.calls import check_again, check_allowed, current_caller
from recovery_ops.aws.limits import (
    ATTEMPTS,
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    SUSPECT_ATTEMPTS,
    SUSPECT_READ_TIMEOUT_S,
    THROTTLED_PAUSE_S,
    THROTTLED_S,
)
from recovery_ops.aws.translate import THROTTLED

_lock = threading.Lock()


def client(service: str, region: str, *, suspect: bool = False) -> Any:
    """Return the client of ``service`` in ``region``.

    Args:
        service: boto3 service name, for example ``s3``.
        region: AWS region code; always explicit.
        suspect: The region may be dead: one attempt and short timeouts, so that asking costs seconds. For an impatient
            caller there is one attempt too, with the usual timeouts: a busy answer is better than none.
    """
    with _lock:
        return _client(service, region, suspect, current_caller().impatient)


def forget() -> None:
    """Let go of every client and of the session: whoever asks next speaks to the endpoint of that time."""
    with _lock:
        _client.cache_clear()
        _session.cache_clear()


@functools.cache
def _session() -> Any:
    import boto3

    return boto3.session.Session()


@functools.cache
def _client(service: str, region: str, suspect: bool, impatient: bool) -> Any:  # noqa: FBT001 - cache key
    from botocore.config import Config

    config = Config(
        region_name=region,
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=SUSPECT_READ_TIMEOUT_S if suspect else READ_TIMEOUT_S,
        retries={"mode": "standard", "total_max_attempts": SUSPECT_ATTEMPTS if suspect or impatient else ATTEMPTS},
        max_pool_connections=32,
        s3={"addressing_style": "path"} if _endpoint_overridden() else {},
    )
    made = _session().client(service, region_name=region, config=config)
    made.meta.events.register("before-parameter-build.*.*", functools.partial(_check, region=region))
    made.meta.events.register("request-created.*.*", _sign_as_caller)
    if not (suspect or impatient):
        made.meta.events.register("needs-retry.*.*", _wait_while_busy)
    return made


def _wait_while_busy(response: Any, attempts: int, request_dict: dict[str, Any], **_: Any) -> float | None:
    """Return how long to wait before a throttled call is sent again; ``None`` leaves that to botocore.

    Botocore counts attempts, and gives up sooner when many calls of a client are throttled: just when a whole region is
    busy because everybody recovers in it.
    """
    if response is None or response[1].get("Error", {}).get("Code") not in THROTTLED:
        return None
    now = time.monotonic()
    since = request_dict["context"].setdefault("recovery_ops_busy_since", now)
    if now - since > THROTTLED_S:
        return None
    return random.uniform(0.0, min(THROTTLED_PAUSE_S, 2.0 ** (attempts - 1)))  # noqa: S311 - no secret


SERVICES = (
    "application-autoscaling",
    "cloudformation",
    "dynamodb",
    "iam",
    "s3",
    "sagemaker",
    "sagemaker-runtime",
    "ssm",
)


def preload(region: str = "us-east-1") -> None:
    """Read the models of every service we call, before a process forks; nothing is called and no client is kept.

    Children inherit the session's cache: a client then costs milliseconds instead of a quarter of a second.
    """
    for service in SERVICES:
        _session().client(service, region_name=region)


def _endpoint_overridden() -> bool:
    import os

    return bool(os.environ.get("AWS_ENDPOINT_URL"))


def _check(params: dict[str, Any], model: Any, region: str, **_: Any) -> None:
    check_allowed(model.name, region, params)


def _sign_as_caller(request: Any, operation_name: str, **_: Any) -> None:
    """Runs before every attempt: a process may have slept between two of them."""
    check_again(operation_name)
    agent = request.headers.get("User-Agent", "")
    agent = agent.decode() if isinstance(agent, bytes) else agent
    request.headers["User-Agent"] = f"{agent} {current_caller().user_agent}"
