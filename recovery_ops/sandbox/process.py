"""Run the sandbox as a child process: start, wait until it answers, stop; nothing outlives the one who asked."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from recovery_ops.errors import RequestError
from recovery_ops.sandbox.control import Control

HOST = "127.0.0.1"
REGIONS = ("us-east-1", "us-west-2", "eu-west-1")
FACTOR = 1 / 60

_START_S = 60.0
_STOP_S = 10.0
_POLL_S = 0.02
_LOG_TAIL = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSandbox:
    """A sandbox that answers. ``front_doors`` maps a region to the base URL of its front door."""

    base_url: str
    pid: int
    regions: tuple[str, ...]
    factor: float
    front_doors: Mapping[str, str]

    @property
    def control(self) -> Control:
        """Return a client of its control API."""
        return Control(self.base_url)


def start(
    folder: Path,
    *,
    host: str = HOST,
    port: int = 0,
    regions: Sequence[str] = REGIONS,
    factor: float = FACTOR,
    request_log: Path | None = None,
    restore: Path | None = None,
    parent_pid: int | None = None,
    switch_interval_s: float | None = None,
) -> RunningSandbox:
    """Start a sandbox and return when it answers.

    Args:
        folder: Where its ready file (``sandbox.json``) and its own log (``sandbox.log``) go.
        host: Address to listen on, or a name of this machine that has one; whoever reaches it may do anything.
        port: Port there; 0 takes a free one.
        regions: Regions it has.
        factor: Sandbox seconds per AWS second.
        request_log: Append a JSON line per AWS request to this file.
        restore: Start from this snapshot.
        parent_pid: Process whose end ends the sandbox; ``None`` leaves it running until ``stop``.
        switch_interval_s: Real seconds a thread of it runs at a stretch; small ones show races, for tests.

    Raises:
        RequestError: It ended, or did not answer in time; the message has the end of its log. Nothing is left running.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ready = folder / "sandbox.json"
    ready.unlink(missing_ok=True)
    options = {
        "--host": host,
        "--port": port,
        "--regions": ",".join(regions),
        "--factor": factor,
        "--ready-file": ready,
        "--request-log": request_log,
        "--restore": restore,
        "--parent-pid": parent_pid,
        "--switch-interval": switch_interval_s,
    }
    with (folder / "sandbox.log").open("wb") as log:
        child = subprocess.Popen(  # noqa: S603 - our own module
            _command(options), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        return _await_ready(child, ready, folder / "sandbox.log")
    except BaseException:
        child.kill()
        child.wait()
        raise


def find(ready: Path) -> RunningSandbox:
    """Return the sandbox that wrote ``ready``; RequestError when there is no such file."""
    try:
        facts = json.loads(ready.read_text())
    except FileNotFoundError:
        raise RequestError(f"no sandbox was started here: there is no {ready}") from None
    return RunningSandbox(**{**facts, "regions": tuple(facts["regions"])})


def stop(sandbox: RunningSandbox) -> None:
    """End the sandbox and wait until it is gone; kill it when it does not go by itself. Stopping twice is fine."""
    _signal(sandbox.pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_S
    while runs(sandbox.pid) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    if runs(sandbox.pid):
        _signal(sandbox.pid, signal.SIGKILL)


@contextmanager
def running_sandbox(
    folder: Path | None = None,
    *,
    regions: Sequence[str] = REGIONS,
    factor: float = FACTOR,
    request_log: Path | None = None,
    restore: Path | None = None,
    switch_interval_s: float | None = None,
) -> Iterator[RunningSandbox]:
    """Run a sandbox for the length of a ``with`` block; it also ends when this process dies."""
    with tempfile.TemporaryDirectory(prefix="recovery-ops-sandbox-") as own:
        where = Path(own) if folder is None else folder
        sandbox = start(
            where,
            regions=regions,
            factor=factor,
            request_log=request_log,
            restore=restore,
            parent_pid=os.getpid(),
            switch_interval_s=switch_interval_s,
        )
        try:
            yield sandbox
        finally:
            stop(sandbox)


def _command(options: Mapping[str, object]) -> list[str]:
    given = [str(part) for name, value in options.items() if value is not None for part in (name, value)]
    return [sys.executable, "-m", "recovery_ops.sandbox", *given]


def _await_ready(child: subprocess.Popen[bytes], ready: Path, log: Path) -> RunningSandbox:
    deadline = time.monotonic() + _START_S
    while not ready.exists():
        if (code := child.poll()) is not None:
            raise RequestError(f"the sandbox ended with {code} before it answered:\n{_tail(log)}")
        if time.monotonic() > deadline:
            raise RequestError(f"the sandbox did not answer within {_START_S:.0f} s:\n{_tail(log)}")
        time.sleep(_POLL_S)
    return find(ready)


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-_LOG_TAIL:]


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def runs(pid: int) -> bool:
    """Return whether the process ``pid`` is there and has not ended."""
    try:
        if os.waitpid(pid, os.WNOHANG) != (0, 0):
            return False
    except ChildProcessError:  # not ours to wait for: it was started by another process
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
