"""What one hop between two tasks costs: from the start of a task to the start of the next, on the local stack.

Ours (settings shipped as code) against Airflow's own defaults, on PostgreSQL, in the same run. The first DAG run of a
chain is not counted. ``python -m benchmarks.hops`` prints rows as JSON.
"""

import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from recovery_ops.airflow import stack
from recovery_ops.airflow.rest import AirflowApi

ROOT = Path(__file__).parents[1]
GOAL_S = 0.35
LIMIT_S = 400.0
OURS = {"chain_noop": 6, "chain_judge": 6}
"""DAG runs that count, per chain."""
DEFAULTS = {"chain_noop": 2, "chain_judge_short": 1}
"""Fewer, because a hop that imports Great Expectations costs some 10 s there."""


def rows() -> list[dict[str, Any]]:
    """Measure hops without work and with a validation; return ``{name, value, unit, goal, ok, peer, method}`` each."""
    peers = _measure(tuned=False, runs=DEFAULTS)
    ours = _measure(tuned=True, runs=OURS)
    return [
        _row("hop", ours["chain_noop"], peers["chain_noop"], "a task that does nothing"),
        _row(
            "hop with Great Expectations",
            ours["chain_judge"],
            peers["chain_judge_short"],
            "a task that judges 1000 rows by 4 expectations",
        ),
    ]


def _row(name: str, ours: list[float], peers: list[float], task: str) -> dict[str, Any]:
    value = round(statistics.median(ours), 3)
    return {
        "name": name,
        "value": value,
        "unit": "s",
        "goal": GOAL_S,
        "ok": value <= GOAL_S,
        "peer": round(statistics.median(peers), 3),
        "method": f"median start to start of {task}, {len(ours)} hops; peer: Airflow's defaults, {len(peers)} hops",
    }


def _measure(*, tuned: bool, runs: dict[str, int]) -> dict[str, list[float]]:
    with _running(tuned=tuned) as api:
        found: dict[str, list[float]] = {}
        for dag_id, count in runs.items():
            _hops(api, dag_id)
            found[dag_id] = [hop for _ in range(count) for hop in _hops(api, dag_id)]
        return found


@contextmanager
def _running(*, tuned: bool) -> Iterator[AirflowApi]:
    folder = Path(tempfile.mkdtemp(prefix="recovery-ops-hops-"))
    running = stack.up(
        folder / "stack",
        dags=ROOT / "benchmarks" / "hop_dags",
        plugins=ROOT / "plugins",
        extra={"PYTHONPATH": str(ROOT)},
        tuned=tuned,
        parent_pid=os.getpid(),
    )
    try:
        api = AirflowApi(running.airflow_url, "admin", running.password("admin"))
        _until(lambda: len(api.dags()) >= 3)
        yield api
    finally:
        stack.down(folder / "stack")


def _hops(api: AirflowApi, dag_id: str) -> list[float]:
    """Run a chain once and return its hops, seconds.

    Raises:
        RuntimeError: A task failed; nothing was measured.
    """
    run = api.trigger(dag_id, {})
    _until(lambda: api.run_state(dag_id, run) in ("success", "failed"))
    tasks = sorted(api.tasks(dag_id, run), key=lambda task: str(task["task_id"]))
    if any(task["state"] != "success" for task in tasks):
        raise RuntimeError(f"{dag_id} failed: {api.log(dag_id, run, 't00')[-2000:]}")
    starts = [datetime.fromisoformat(task["start_date"]) for task in tasks]
    return [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(starts)]


def _until(true: Any) -> None:
    end = time.monotonic() + LIMIT_S
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"no answer of Airflow within {LIMIT_S:.0f} s")
        time.sleep(0.5)


if __name__ == "__main__":
    print(json.dumps(rows(), indent=2))
