"""One inference process, and connections to it that are kept open."""

import http.client
import os
import select
import subprocess
import sys
from collections import deque
from pathlib import Path

_READY_S = 60.0
_ANSWER_S = 60.0

Answered = tuple[int, str, bytes]
"""Status, content type, body."""


class ContainerError(Exception):
    """The container did not start, or stopped answering."""


class Process:
    """A running ``recovery_ops.sandbox.container``. Safe to use from many threads."""

    def __init__(self, model_dir: Path, log: Path) -> None:
        """Start the container and return when it passes its health check; takes about half a second.

        Raises:
            ContainerError: It ended, or did not become ready within a minute; the text has the end of its log.
        """
        command = [sys.executable, "-m", "recovery_ops.sandbox.container", "--model-dir", str(model_dir)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        with log.open("wb") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - our own module with our own arguments
                [*command, "--parent-pid", str(os.getpid())], stdout=subprocess.PIPE, stderr=errors, env=environment
            )
        self._idle: deque[http.client.HTTPConnection] = deque()
        try:
            self._port = self._wait_for_port()
            if self.request("GET", "/ping", b"", "application/json")[0] != 200:
                raise ContainerError("the container did not pass its health check")
        except ContainerError as failed:
            self.stop()
            raise ContainerError(f"{failed}: {_end_of(log)}") from failed

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def alive(self) -> bool:
        """Return whether the process runs."""
        return self._process.poll() is None

    def request(self, method: str, path: str, body: bytes, content_type: str) -> Answered:
        """Send one request and return the answer.

        Raises:
            ContainerError: The container is gone or did not answer within a minute.
        """
        connection = self._idle.pop() if self._idle else self._connect()
        try:
            connection.request(method, path, body, {"Content-Type": content_type})
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as broken:
            connection.close()
            raise ContainerError(f"the container does not answer: {broken!r}") from broken
        self._idle.append(connection)
        return answer.status, answer.headers.get("Content-Type", "application/octet-stream"), content

    def stop(self) -> None:
        """End the process at once and reap it."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        while self._idle:
            self._idle.pop().close()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=_ANSWER_S)

    def _wait_for_port(self) -> int:
        assert self._process.stdout is not None  # it is a pipe
        readable, _, _ = select.select([self._process.stdout], [], [], _READY_S)
        line = self._process.stdout.readline().decode() if readable else ""
        if not line.startswith("ready "):
            raise ContainerError("the container did not start" if readable else f"not ready within {_READY_S:.0f} s")
        return int(line.split()[1])


def _end_of(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:500] if lines else "it wrote nothing"
