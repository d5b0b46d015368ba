"""Who carries a run: a process of the direct runner, or a DAG run. Two that act for one run must be told apart."""

import functools
import hashlib
import os
import socket
import uuid
from pathlib import Path
from typing import NamedTuple

DIRECT, AIRFLOW = "direct", "airflow"


class Process(NamedTuple):
    """One process of one machine. ``began`` tells it from a later one with the same number; empty when unknown."""

    execution: str
    machine: str
    pid: int
    began: str


_acting_as: list[str] = []


def act_as(runner: str) -> None:
    """Let every step of this process act for ``runner`` from now on, for example ``airflow:manual__2026-11-25``."""
    _acting_as[:] = [runner]


def current_runner() -> str:
    """Return whom this process acts for: what :func:`act_as` said, or this process itself as a direct runner."""
    return _acting_as[-1] if _acting_as else this_process(DIRECT)


def this_process(execution: str | None = None) -> str:
    """Return the name of this process, ``<execution>@<machine>/<pid>/<began>``."""
    kind = execution or (current_runner().partition(":")[0] if _acting_as else DIRECT)
    return f"{kind}@{_machine()}/{os.getpid()}/{_began(os.getpid())}"


def process_of(name: str) -> Process | None:
    """Return what :func:`this_process` put into ``name``, or ``None`` when it is no such name."""
    execution, _, rest = name.partition("@")
    parts = rest.split("/")
    if len(parts) != 3 or not parts[1].isdecimal():
        return None
    return Process(execution, parts[0], int(parts[1]), parts[2])


def has_ended(name: str) -> bool:
    """Return whether the process called ``name`` provably lives no more; another machine's can not be proven."""
    process = process_of(name)
    if process is None or process.machine != _machine():
        return False
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _is_zombie(process.pid) or (bool(process.began) and _began(process.pid) not in ("", process.began))


@functools.cache
def _machine() -> str:
    """Two laptops may have one name and two containers one address; the boot and the process namespace differ."""
    facts = [socket.gethostname(), f"{uuid.getnode():x}", _text("/proc/sys/kernel/random/boot_id"), _namespace()]
    return f"{socket.gethostname()}:{hashlib.sha256('/'.join(facts).encode()).hexdigest()[:8]}".replace("/", "-")


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _began(pid: int) -> str:
    """Clock ticks since boot at which a process began; empty where the system does not tell."""
    fields = _stat(pid)
    return fields[19] if len(fields) > 19 else ""


def _is_zombie(pid: int) -> bool:
    """A process that was killed and that nobody has waited for yet."""
    return _stat(pid)[:1] == ["Z"]


def _stat(pid: int) -> list[str]:
    return _text(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
