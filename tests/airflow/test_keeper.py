"""A service that dies is started again, without what it started; when the keeper ends, nothing is left."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import NoReturn

import pytest

from recovery_ops.airflow import keeper, processes
from recovery_ops.testing.patience import until


def sleep(log: Path, _words: list[str]) -> NoReturn:
    """Stand in for a service, in its process; has a worker that does not notice when it dies."""
    os.setsid()
    if worker := os.fork():
        log.with_name(f"worker-of-{os.getpid()}").write_text(str(worker))
    time.sleep(0.2)  # the keeper may want to end it before it has let go of the keeper's handlers
    for number in keeper.ENDING:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, keeper.ENDING)
    time.sleep(60)
    os._exit(0)


def test_a_service_that_is_killed_comes_back_and_ends_with_the_keeper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "_become", sleep)
    monkeypatch.setattr(keeper, "WATCH_S", 0.02)
    monkeypatch.setattr(keeper, "AGAIN_S", (0.05,))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    watching = keeper.Keeper(tmp_path, {"scheduler": ["scheduler"]}, parent_pid=None)
    first = watching.pids["scheduler"] = watching.started["scheduler"] = keeper.fork(tmp_path / "scheduler.log", [])
    seen: list[int] = []
    workers: list[int] = []

    def kill_and_wait() -> None:
        workers.append(worker_of(tmp_path, first))
        os.kill(first, signal.SIGKILL)
        end = time.monotonic() + 20
        while watching.started["scheduler"] == first and time.monotonic() < end:
            time.sleep(0.01)
        seen.append(watching.started["scheduler"])
        workers.append(worker_of(tmp_path, seen[0]))
        watching.ending = True

    threading.Thread(target=kill_and_wait, daemon=True).start()
    try:
        assert watching.stay() == 0
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert seen != [first]
    assert (tmp_path / "services.json").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(seen[0], 0)
    until(lambda: not any(map(processes.runs, workers)), "the end of the workers", limit_s=20)


def worker_of(folder: Path, service: int) -> int:
    told = folder / f"worker-of-{service}"
    return int(until(lambda: told.exists() and told.read_text(), "a worker"))
