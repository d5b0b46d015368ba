"""The executor has its workers before there is work, wakes when a task ends, and starts no crowd."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from airflow.executors.local_executor import LocalExecutor

from recovery_ops.airflow import warming
from recovery_ops.airflow.bell import ring
from recovery_ops.airflow.executor import PromptExecutor

FOR_EVER_S = 3600.0


@pytest.fixture
def executor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PromptExecutor]:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    made = PromptExecutor(parallelism=3)
    made.is_mp_using_fork = False  # as with the fork server: Airflow itself makes no worker before the first task
    made.longest_sleep_s = FOR_EVER_S
    made.start()
    yield made
    made.end()


def test_every_worker_exists_before_the_first_task(executor: PromptExecutor) -> None:
    assert len(executor.workers) == 3
    assert all(worker.is_alive() for worker in executor.workers.values())


def test_a_scheduler_that_waited_long_for_its_workers_does_not_count_as_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[tuple[datetime, int]] = []
    executor = PromptExecutor(parallelism=3)
    executor.is_mp_using_fork = False

    class Job:
        latest_heartbeat = datetime.now(UTC) - timedelta(minutes=1)

    class Session:
        def merge(self, job: Job) -> None:
            kept.append((job.latest_heartbeat, len(executor.workers)))

    @contextmanager
    def create_session() -> Iterator[Session]:
        yield Session()

    monkeypatch.setattr("airflow.utils.session.create_session", create_session)
    monkeypatch.setattr(warming, "_starting", [])
    monkeypatch.setattr(warming.multiprocessing, "get_start_method", lambda **_: "forkserver")
    monkeypatch.setattr(warming.forkserver, "ensure_running", lambda: None)
    warming.on_starting(Job())
    began = datetime.now(UTC)
    executor.start()
    executor.end()
    ((seen, workers),) = kept
    assert seen >= began
    assert workers == 3


def test_a_task_that_ends_wakes_the_scheduler(executor: PromptExecutor) -> None:
    threading.Timer(0.1, ring).start()
    executor.heartbeat()


def test_a_ring_while_nobody_slept_is_not_lost(executor: PromptExecutor) -> None:
    ring()
    executor.heartbeat()


def test_one_task_is_started_at_a_time_and_none_while_every_slot_is_taken(
    executor: PromptExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []
    monkeypatch.setattr(LocalExecutor, "trigger_tasks", lambda _, slots: started.append(slots))
    monkeypatch.setattr("recovery_ops.airflow.executor.START_S", FOR_EVER_S)
    executor.queued_tasks = {"urgent": None, "less urgent": None}
    executor.trigger_tasks(0)
    executor.trigger_tasks(8)
    executor.trigger_tasks(8)
    assert started == [1]
    executor.queued_tasks = {}


def test_the_next_task_is_started_without_anybody_ringing(
    executor: PromptExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []
    monkeypatch.setattr(LocalExecutor, "trigger_tasks", lambda _, slots: started.append(slots))
    executor.queued_tasks = {"urgent": None, "less urgent": None}
    executor.heartbeat()
    executor.heartbeat()
    executor.queued_tasks = {}
    assert started == [1, 1]


def test_nobody_listens_and_the_ring_harms_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    ring()


def test_a_home_too_long_for_a_socket_costs_only_the_bell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / ("long" * 40)
    home.mkdir()
    monkeypatch.setenv("AIRFLOW_HOME", str(home))
    silent = PromptExecutor(parallelism=1)
    silent.longest_sleep_s = 0.01
    silent.start()
    ring()
    silent.heartbeat()
    silent.end()
