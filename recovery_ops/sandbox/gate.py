"""What is refused before moto sees it: outages, dead control planes, and whatever moto would lie about."""

import os
import re
import select
import socket
import struct
import time
from collections.abc import Mapping
from typing import Any

from recovery_ops.sandbox.calls import GLOBAL, Answer, Call, error
from recovery_ops.sandbox.faults import Fault
from recovery_ops.sandbox.world import World

SERVICES = frozenset(
    {
        "apigateway",
        "application-autoscaling",
        "cloudformation",
        "cloudwatch",
        "dynamodb",
        "dynamodbstreams",
        "ec2",
        "ecr",
        "iam",
        "route53",
        "s3",
        "sagemaker",
        "sagemaker-runtime",
        "service-quotas",
        "sns",
        "sqs",
        "ssm",
        "sts",
    }
)
_READS = re.compile(r"(Get|List|Test|Simulate|Generate|Describe)")
_THROTTLED = {"s3": (503, "SlowDown"), "ec2": (503, "RequestLimitExceeded")}
_DEFAULT_LATENCY_S = 0.5


class Gate:
    """Decides about each call. ``modelled`` and ``refused`` are operations by service, collected from the overlays."""

    def __init__(
        self, world: World, modelled: Mapping[str, frozenset[str]], refused: Mapping[str, frozenset[str]]
    ) -> None:
        self._world = world
        self._modelled = modelled
        self._refused = refused

    def fault(self, call: Call) -> Fault | None:
        """Return the fault that hits ``call``; services without a region are not hit by the fault of one."""
        if call.region == GLOBAL:
            return None
        find = self._world.faults.find
        found = (find(region, call.service, call.caller, call.operation) for region in (call.region, *call.sources))
        return next((fault for fault in found if fault is not None), None)

    def refusal(self, call: Call) -> Answer | None:
        """Return the refusal of ``call``, if it is not one that is modelled or its control plane is down."""
        if reason := self._not_modelled(call):
            return error(call, 501, "NotImplemented", f"the sandbox does not model {reason}")
        if call.region == GLOBAL and not _READS.match(call.operation) and self._world.control_plane_down(call.service):
            message = f"the control plane of {call.service} is down; reads and what was set up before go on"
            return error(call, 503, "ServiceUnavailable", message)
        return None

    def _not_modelled(self, call: Call) -> str | None:
        if call.service not in SERVICES:
            return f"the service {call.service}"
        if call.region not in (GLOBAL, *self._world.regions):
            return f"the region {call.region}; it has {', '.join(self._world.regions)}"
        modelled = self._modelled.get(call.service)
        unmodelled = modelled is not None and call.operation not in modelled
        if unmodelled or call.operation in self._refused.get(call.service, ()):
            return f"{call.service}:{call.operation}"
        return f"{', '.join(call.unknown)} of {call.service}:{call.operation}" if call.unknown else None


def answer_to(fault: Fault, call: Call) -> Answer | None:
    """Return what a faulty region answers; ``None`` after added latency, when the call is served after all."""
    if fault.mode == "503":
        return error(call, 503, "ServiceUnavailable", f"{fault.region} is down (injected)")
    if fault.mode == "throttle":
        usual = "Throttling" if call.protocol == "query" else "ThrottlingException"
        status, code = _THROTTLED.get(call.service, (400, usual))
        return error(call, status, code, "Rate exceeded (injected)")
    time.sleep(_DEFAULT_LATENCY_S if fault.seconds is None else fault.seconds)
    return None


def hold(fault: Fault, world: World, connection: socket.socket) -> None:
    """Keep a hanging connection open until its time is over, the fault is healed or the client has left."""
    ends = None if fault.seconds is None else time.monotonic() + fault.seconds
    while fault in world.faults.all() and (ends is None or time.monotonic() < ends) and not _left(connection):
        time.sleep(0.02)


def _left(connection: socket.socket) -> bool:
    look = select.poll()
    look.register(connection, select.POLLIN)
    return bool(look.poll(0)) and connection.recv(1, socket.MSG_PEEK) == b""


def reset(connection: socket.socket) -> None:
    """Break the connection with a TCP RST, as a host that lost its state does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())


def union(modules: list[Any], attribute: str) -> dict[str, frozenset[str]]:
    """Return the operations by service that ``modules`` name in ``attribute``."""
    merged: dict[str, frozenset[str]] = {}
    for module in modules:
        for service, names in getattr(module, attribute, {}).items():
            merged[service] = merged.get(service, frozenset()) | frozenset(names)
    return merged
