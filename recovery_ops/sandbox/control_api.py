"""The control API under ``/_sandbox/``: outages, capacity, damage, snapshots. JSON in, JSON out."""

import dataclasses
import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from recovery_ops.sandbox import snapshot
from recovery_ops.sandbox.calls import GLOBAL_SERVICES, Answer
from recovery_ops.sandbox.faults import Fault
from recovery_ops.sandbox.loading import Overlays
from recovery_ops.sandbox.request_log import RequestLog
from recovery_ops.sandbox.world import Capacity, World

Request = dict[str, Any]


class ControlApi:
    """Handlers by method and path. A wrong request is answered 400 with ``{"error": why}`` and changes nothing."""

    def __init__(self, world: World, overlays: Overlays, requests: RequestLog, stopping: threading.Event) -> None:
        self._world = world
        self._overlays = overlays
        self._requests = requests
        self._stopping = stopping
        self._started = time.monotonic()
        self._handlers: Mapping[tuple[str, str], Callable[[Request], Any]] = {
            ("GET", "status"): self._status,
            ("GET", "inventory"): lambda _: overlays.inventory(),
            ("POST", "fault"): self._fault,
            ("POST", "heal"): self._heal,
            ("POST", "control-plane"): self._control_plane,
            ("POST", "capacity"): self._capacity,
            ("POST", "replication"): self._replication,
            ("POST", "damage"): overlays.damage,
            ("POST", "snapshot"): lambda request: snapshot.save(Path(request["path"]), world, overlays),
            ("POST", "restore"): lambda request: snapshot.load(Path(request["path"]), world, overlays),
            ("POST", "shutdown"): self._shutdown,
        }

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """Answer one request; never raises."""
        handler = self._handlers.get((method, path.removeprefix("/_sandbox/").strip("/")))
        if handler is None:
            return _json(404, {"error": f"no {method} {path}", "known": [f"{m} {p}" for m, p in self._handlers]})
        try:
            return _json(200, handler(json.loads(body) if body else {}))
        except (KeyError, TypeError, ValueError, OSError) as wrong:
            return _json(400, {"error": f"{type(wrong).__name__}: {wrong}"})

    def _status(self, _: Request) -> Request:
        world = self._world
        return {
            "regions": list(world.regions),
            "factor": world.clock.factor,
            "faults": [_plain(fault) for fault in world.faults.all()],
            "control_planes": {service: world.control_plane_down(service) for service in sorted(GLOBAL_SERVICES)},
            "uptime_s": time.monotonic() - self._started,
            "requests": self._requests.count,
            "front_doors": dict(world.front_doors),
            "base_url": world.base_url,
            "pid": os.getpid(),
            "capacity": [_capacity_entry(*key, capacity) for key, capacity in world.capacity.items()],
            "replication_paused": sorted(world.replication_paused),
            **self._overlays.status(),
        }

    def _fault(self, request: Request) -> Request:
        wanted = request | {name: frozenset(request.get(name) or ()) for name in ("services", "operations")}
        fault = Fault(**{name: value for name, value in wanted.items() if value is not None})
        self._known_region(fault.region)
        self._world.faults.inject(fault)
        return {"faults": [_plain(fault) for fault in self._world.faults.all()]}

    def _heal(self, request: Request) -> Request:
        self._world.faults.heal(request.get("region"), request.get("callers"))
        return {"faults": [_plain(fault) for fault in self._world.faults.all()]}

    def _control_plane(self, request: Request) -> Request:
        service = request["service"]
        if service not in GLOBAL_SERVICES:
            raise ValueError(f"no global control plane {service!r}; one of {', '.join(sorted(GLOBAL_SERVICES))}")
        self._world.control_planes[service] = request.get("down")
        return {"service": service, "down": self._world.control_plane_down(service)}

    def _capacity(self, request: Request) -> Request:
        key = (self._known_region(request["region"]), str(request["instance_type"]))
        capacity = Capacity(available=request.get("available"), quota=request.get("quota"))
        self._world.capacity[key] = capacity
        return _capacity_entry(*key, capacity)

    def _replication(self, request: Request) -> Request:
        direction = (self._known_region(request["source"]), self._known_region(request["target"]))
        paused = self._world.replication_paused
        (paused.add if request["paused"] else paused.discard)(direction)
        return {"paused": sorted(paused)}

    def _shutdown(self, _: Request) -> Request:
        self._stopping.set()
        return {"stopping": True}

    def _known_region(self, region: str) -> str:
        if region not in self._world.regions:
            raise ValueError(f"no region {region!r}; the sandbox has {', '.join(self._world.regions)}")
        return region


def _plain(fault: Fault) -> Request:
    return {**dataclasses.asdict(fault), "services": sorted(fault.services), "operations": sorted(fault.operations)}


def _capacity_entry(region: str, instance_type: str, capacity: Capacity) -> Request:
    return {"region": region, "instance_type": instance_type, **dataclasses.asdict(capacity)}


def _json(status: int, value: Any) -> Answer:
    return status, [("Content-Type", "application/json")], json.dumps(value).encode()
