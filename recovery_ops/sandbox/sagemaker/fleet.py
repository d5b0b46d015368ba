"""The inference processes of all endpoints: which answers for whom, and how many may run.

A process is started when an endpoint is deployed and ended when its region is out, its endpoint is gone, or more than
``MAX_RUNNING`` would run: then the one that was idle longest is parked and started again by its next request.
"""

import shutil
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from recovery_ops.sandbox.sagemaker import archive
from recovery_ops.sandbox.sagemaker.process import Answered, ContainerError, Process
from recovery_ops.sandbox.world import World

log = structlog.get_logger(__name__)

MAX_RUNNING = 8
_WATCH_WALL_S = 0.1

EndpointId = tuple[str, str]
"""Region and endpoint name."""


class Server:
    """One variant's model: its archive, unpacked, and a process that answers with it, started when needed."""

    def __init__(self, fleet: "Fleet", region: str, variant: str, packed: bytes, url: str) -> None:
        """Unpack the archive; the process is not started yet.

        Raises:
            ArtifactError: The archive must not be unpacked.
        """
        self.region, self.variant, self.packed, self.url = region, variant, packed, url
        self.used_at = time.monotonic()
        self.held = False
        self._fleet = fleet
        self._process: Process | None = None
        self._lock = threading.Lock()
        self._closed = False
        self.directory = Path(tempfile.mkdtemp(prefix="sandbox-model-", dir=fleet.directory))
        try:
            archive.unpack(packed, self.directory / "model", url)
        except archive.ArtifactError:
            self.close()
            raise

    @property
    def pid(self) -> int | None:
        """Id of the running process, if one runs."""
        process = self._process
        return process.pid if process else None

    def ask(self, body: bytes, content_type: str) -> Answered:
        """Send one invocation, starting the process first when it was parked.

        Raises:
            ContainerError: The container does not start or does not answer.
        """
        self.used_at = time.monotonic()
        return self.running().request("POST", "/invocations", body, content_type)

    def running(self) -> Process:
        """Return the running process, started if need be.

        Raises:
            ContainerError: It does not start, was stopped on purpose, or its region is out.
        """
        process = self._process
        if process is not None and process.alive():
            return process
        with self._lock:
            if self._process is None or not self._process.alive():
                self._start()
            assert self._process is not None  # _start raises otherwise
            return self._process

    def park(self) -> None:
        """End the process; the next request starts another."""
        with self._lock:
            self._end()

    def close(self) -> None:
        """End the process for good and remove the unpacked model."""
        with self._lock:
            self._closed = True
            self._end()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _start(self) -> None:
        if self._closed or self.held or self._fleet.is_out(self.region):
            raise ContainerError("the container is stopped")
        self._end()
        self._fleet.make_room(self)
        self._process = Process(self.directory / "model", self.directory / "stderr.log")

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.stop()


@dataclass(kw_only=True)
class Live:
    """What answers for one endpoint: a server with its traffic weight per variant. ``delay_s`` is injected latency."""

    servers: list[tuple[float, Server]] = field(default_factory=list)
    delay_s: float = 0.0


class Fleet:
    """All servers of the sandbox. ``live`` is replaced entry by entry and read without a lock."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.live: dict[EndpointId, Live] = {}
        self.directory = Path(tempfile.mkdtemp(prefix="recovery-ops-sandbox-"))
        self._servers: set[Server] = set()
        self._guard = threading.Lock()
        self._stopped = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="sandbox-fleet", daemon=True)

    def start(self) -> None:
        """Begin to end the processes of regions that are out, and to start them again when they are back."""
        self._watcher.start()

    def stop(self) -> None:
        """End every process and remove every unpacked model."""
        self._stopped.set()
        self.live = {}
        self.discard(list(self._servers))
        shutil.rmtree(self.directory, ignore_errors=True)

    def deploy(self, region: str, variant: str, packed: bytes, url: str) -> Server:
        """Return a server that passed its health check.

        Raises:
            ArtifactError: The archive must not be unpacked.
            ContainerError: The container does not start on this model.
        """
        server = self.add(region, variant, packed, url)
        try:
            server.running()
        except ContainerError:
            self.discard([server])
            raise
        return server

    def add(self, region: str, variant: str, packed: bytes, url: str) -> Server:
        """Return a server whose process is started by its first request."""
        server = Server(self, region, variant, packed, url)
        with self._guard:
            self._servers.add(server)
        return server

    def put(self, endpoint: EndpointId, servers: list[tuple[float, Server]]) -> None:
        """Let ``servers`` answer for ``endpoint`` from now on; those that did before are ended."""
        before = self.live.get(endpoint)
        self.live[endpoint] = Live(servers=servers, delay_s=before.delay_s if before else 0.0)
        self.discard(server for _, server in (before.servers if before else []))

    def remove(self, endpoint: EndpointId) -> None:
        """Nothing answers for ``endpoint`` any more."""
        before = self.live.pop(endpoint, None)
        self.discard(server for _, server in (before.servers if before else []))

    def discard(self, servers: Iterable[Server]) -> None:
        """End ``servers`` for good."""
        for server in servers:
            with self._guard:
                self._servers.discard(server)
            server.close()

    def is_out(self, region: str) -> bool:
        """Return whether the whole of ``region`` is out."""
        return self._world.faults.is_down(region)

    def make_room(self, newcomer: Server) -> None:
        """Park the server that was idle longest when no more may run."""
        with self._guard:
            running = [server for server in self._servers if server.pid and server is not newcomer]
        if len(running) >= MAX_RUNNING:
            min(running, key=lambda server: server.used_at).park()

    def running(self) -> dict[str, int]:
        """Return how many processes run, by region."""
        with self._guard:
            regions = [server.region for server in self._servers if server.pid]
        return {region: regions.count(region) for region in sorted(set(regions))}

    def _watch(self) -> None:
        out: set[str] = set()
        while not self._stopped.wait(_WATCH_WALL_S):
            now = {region for region in self._world.regions if self.is_out(region)}
            for server in [s for s in list(self._servers) if s.region in now and s.pid]:
                server.park()
            if back := out - now:
                self.wake(back)
            out = now

    def wake(self, regions: Iterable[str]) -> None:
        """Start the processes of the endpoints in ``regions``, in the background."""
        threading.Thread(target=self._wake, args=(set(regions),), name="sandbox-wake", daemon=True).start()

    def _wake(self, regions: set[str]) -> None:
        for (region, name), live in list(self.live.items()):
            for _, server in live.servers if region in regions else []:
                try:
                    server.running()
                except ContainerError as failed:
                    log.warning("container did not come back", region=region, endpoint=name, reason=str(failed))
