"""A real Airflow with small systems and the fake library, and words to drive it."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from catalogs import catalog_text, write_system
from fake_library import FakeLibrary

from recovery_ops.airflow import stack
from recovery_ops.airflow.rest import AirflowApi
from recovery_ops.model.runs import mint_run_id

PLUGINS = Path(__file__).parent / "plugins"
LIMIT_S = 180.0


class StackWorld:
    """One stack; ``api("alice")`` speaks to it as alice."""

    def __init__(self, running: stack.Stack, fake: FakeLibrary) -> None:
        self.running, self.fake = running, fake

    def api(self, user: str = "alice") -> AirflowApi:
        return AirflowApi(self.running.airflow_url, user, self.running.password(user))

    def trigger(self, dag_id: str, reason: str, user: str = "alice", **conf: Any) -> "DagRun":
        run = self.api(user).trigger(dag_id, {"target_region": "us-west-2", "reason": reason} | conf)
        return DagRun(self, dag_id, run)


class DagRun:
    """A DAG run, and what the fake library was asked in it."""

    def __init__(self, world: StackWorld, dag_id: str, run_id: str) -> None:
        self.world, self.dag_id, self.run_id = world, dag_id, run_id
        self.api = world.api()

    def ended(self) -> str:
        """Wait for the end and return the state of the DAG run."""
        until(lambda: self.api.run_state(self.dag_id, self.run_id) in ("success", "failed"), self.run_id)
        return self.api.run_state(self.dag_id, self.run_id)

    def states(self) -> dict[str, str]:
        """Return the state of every task."""
        return {task["task_id"]: task["state"] for task in self.api.tasks(self.dag_id, self.run_id)}

    def mapped(self) -> dict[tuple[str, int], str]:
        """Return the state of every task by its id and map index."""
        return {
            (task["task_id"], task["map_index"]): task["state"] for task in self.api.tasks(self.dag_id, self.run_id)
        }

    def awaits_an_answer(self) -> None:
        until(lambda: self.states().get("approve") == "awaiting_input", "the question")

    @property
    def _ours(self) -> str:
        return mint_run_id(self.run_id, datetime.now(UTC))

    def steps(self) -> list[str]:
        return self.world.fake.steps(self._ours)

    def asked(self, step: str) -> list[dict[str, Any]]:
        return self.world.fake.asked(self._ours, step)

    def lines(self) -> list[dict[str, Any]]:
        return self.world.fake.lines(self._ours)


def until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + LIMIT_S
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come within {LIMIT_S:.0f} s")
        time.sleep(0.4)  # every look costs the api-server, which the tasks need too


@contextmanager
def running_world(folder: Path) -> Iterator[StackWorld]:
    """Start a stack with the systems ``ranking`` (no approval), ``pricing`` (asks people) and ``broken``."""
    dags, calls = folder / "dags", folder / "calls"
    for made in (dags, calls):
        made.mkdir()
    write_system(dags, "ranking", catalog_text("ranking"))
    write_system(dags, "pricing", catalog_text("pricing", approval="ask"))
    write_system(dags, "broken", catalog_text("broken").replace("kind: s3-dataset", "kind: s3-datasett"))
    extra = {"FAKE_LIBRARY_FOLDER": str(calls), "RECOVERY_OPS_TIME_FACTOR": "0.2"}
    running = stack.up(folder / "stack", dags=dags, plugins=PLUGINS, extra=extra, parent_pid=os.getpid())
    try:
        world = StackWorld(running, FakeLibrary(calls))
        api = world.api()
        until(lambda: {"failover__ranking", "failover__pricing"} <= set(api.dags()), "the DAGs")
        yield world
    finally:
        stack.down(folder / "stack")
