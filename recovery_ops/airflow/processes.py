"""Ending processes by id, with everything they started; never by name. Does not import airflow."""

import contextlib
import os
import signal
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

GRACE_S = 5.0
AT_ONCE = ("triggerer",)
"""Airflow's triggerer takes 10 s to leave by itself; it holds nothing that is not in the database."""


def runs(pid: int, born: float | None = None) -> bool:
    """Return whether process ``pid`` runs; with ``born`` (seconds since 1970) only if it is the one born then."""
    import psutil

    try:
        process = psutil.Process(pid)
        same = born is None or abs(process.create_time() - born) < 1.0
        return same and bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def born_at(pid: int) -> float | None:
    """Return when ``pid`` was started, seconds since 1970; ``None`` when there is no such process."""
    import psutil

    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def end_all(pids: Mapping[str, int]) -> None:
    """End each process and everything in its family or session: kindly first, then by force.

    Those that are called as in ``AT_ONCE`` are ended by force, after the others were told.
    """
    import psutil

    family = {process.pid: process for process in _family(pids.values())}
    for name, pid in pids.items():
        if name not in AT_ONCE:
            _signal(pid, signal.SIGTERM)
    for name in set(AT_ONCE) & pids.keys():
        end_session(pids[name])
    psutil.wait_procs(list(family.values()), timeout=GRACE_S)
    family |= {process.pid: process for process in _family([*pids.values(), *family])}
    alive = [process for process in family.values() if process.is_running() and process.pid != os.getpid()]
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=GRACE_S)


def end_session(leader: int) -> None:
    """Kill a process, which may be dead already, with what is left in its session and everything that has started."""
    import psutil

    for process in _family([process.pid for process in _family([leader])]):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _family(pids: Iterable[int]) -> "list[psutil.Process]":
    """Return the processes with all descendants, and whoever is in a session that one of them leads."""
    import psutil

    found: dict[int, psutil.Process] = {}
    leaders = set(pids)
    for pid in leaders:
        with contextlib.suppress(psutil.NoSuchProcess):
            parent = psutil.Process(pid)
            found |= {process.pid: process for process in (parent, *parent.children(recursive=True))}
    for process in psutil.process_iter():
        if _session(process.pid) in leaders:
            found[process.pid] = process
    return list(found.values())


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
