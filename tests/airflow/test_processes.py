"""Processes are ended kindly, but nobody waits for one that takes long to leave and holds nothing."""

import signal
import subprocess
import sys

import psutil
import pytest

from recovery_ops.airflow import processes

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
KIND = "import time; print('up', flush=True); time.sleep(60)"


def started(script: str) -> int:
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, start_new_session=True)
    assert child.stdout is not None
    assert child.stdout.readline() == b"up\n"
    child.stdout.close()
    return child.pid


@pytest.mark.parametrize(("name", "waited_for"), [("triggerer", False), ("scheduler", True)])
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # psutil waits for what Popen has started
def test_a_triggerer_is_not_waited_for(name: str, waited_for: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[tuple[dict[int, int], set[int]]] = []
    wait = psutil.wait_procs

    def waiting(family: list[psutil.Process], timeout: float) -> object:
        gone, alive = wait(family, timeout)
        rounds.append(({item.pid: item.returncode for item in gone}, {item.pid for item in alive}))
        return gone, alive

    monkeypatch.setattr(psutil, "wait_procs", waiting)
    monkeypatch.setattr(processes, "GRACE_S", 1.0 if waited_for else 30.0)
    kind, stubborn = started(KIND), started(STUBBORN)
    processes.end_all({"api-server": kind, name: stubborn})
    (first, left), (last, nobody) = rounds
    assert first[kind] == -signal.SIGTERM
    assert left == ({stubborn} if waited_for else set())
    assert (first | last)[stubborn] == -signal.SIGKILL
    assert nobody == set()
