"""One inference process, and connections to it that are kept open."""

import http.client
import multiprocessing
from collections import deque
from multiprocessing.connection import Connection
from pathlib import Path

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["recovery_ops.sandbox.container", __name__])
_READY_S = 60.0
_ANSWER_S = 60.0

Answered = tuple[int, str, bytes]
"""Status, content type, body."""


class ContainerError(Exception):
    """The container did not start, or stopped answering."""


class Process:
    """A running ``recovery_ops.sandbox.container``. Safe to use from many threads."""

    def __init__(self, model_dir: Path, log: Path) -> None:
        """Start the container and return when it passes its health check; half a second the first time, then less.

        Raises:
            ContainerError: It ended, or did not become ready within a minute; the text has the end of its log.
        """
        log.touch()
        told, telling = _FORKS.Pipe(duplex=False)
        self._process = _FORKS.Process(target=_contain, args=(model_dir, log, telling), daemon=True)
        self._process.start()
        telling.close()
        self._idle: deque[http.client.HTTPConnection] = deque()
        try:
            self._port = _port(told)
            if self.request("GET", "/ping", b"", "application/json")[0] != 200:
                raise ContainerError("the container did not pass its health check")
        except ContainerError as failed:
            self.stop()
            raise ContainerError(f"{failed}: {_end_of(log)}") from failed

    @property
    def pid(self) -> int | None:
        """Process id."""
        return self._process.pid

    def alive(self) -> bool:
        """Return whether the process runs."""
        return self._process.is_alive()

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
        self._process.join()
        while self._idle:
            self._idle.pop().close()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=_ANSWER_S)


def _contain(model_dir: Path, log: Path, ready: Connection) -> None:
    """Be the container. Its module is in the fork server's memory; nobody else needs what it imports."""
    from recovery_ops.sandbox import container

    container.run(model_dir, log, ready)


def _port(told: Connection) -> int:
    with told:
        if not told.poll(_READY_S):
            raise ContainerError(f"not ready within {_READY_S:.0f} s")
        try:
            return int(told.recv())
        except EOFError:
            raise ContainerError("the container did not start") from None


def _end_of(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:500] if lines else "it wrote nothing"
