"""A failover that Airflow carries out, triggered and watched from a terminal."""

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from recovery_ops.airflow.rest import AirflowApi
from recovery_ops.cli.showing import Watch
from recovery_ops.errors import RequestError
from recovery_ops.model.plan import Mode
from recovery_ops.model.runs import RunRef, RunRequest
from recovery_ops.model.system import System

STACK = Path("out/stack.json")
LOOK_S = 1.0


def airflow_of(environment: Mapping[str, str], stack: Path = STACK) -> AirflowApi:
    """Return the Airflow of ``RECOVERY_OPS_AIRFLOW_URL``, ``_USER`` and ``_PASSWORD``, or that of ``make up``.

    Raises:
        RequestError: Neither is there.
    """
    names = [f"RECOVERY_OPS_AIRFLOW_{name}" for name in ("URL", "USER", "PASSWORD")]
    if all(environment.get(name) for name in names):
        return AirflowApi(*(environment[name] for name in names))
    if not stack.exists():
        message = f"no Airflow is known: set {', '.join(names)}, or start one with make up; --via direct needs none"
        raise RequestError(message)
    known = json.loads(stack.read_text())
    user = next(user for user in known["users"] if user["role"] == "op")
    return AirflowApi(known["airflow_url"], user["name"], user["password"])


def form_of(request: RunRequest) -> dict[str, Any]:
    """Return the fields of the trigger form that say what ``request`` says."""
    times = ("impact_at", "detected_at", "decided_at", "before")
    plain = ("reason", "graceful", "point_id", "person", "override")
    facts = {name: getattr(request, name) for name in plain}
    facts |= {name: at.isoformat() for name in times if (at := getattr(request, name)) is not None}
    facts |= {"target_region": request.recovery_region, "intent": str(request.intent)}
    return {name: value for name, value in facts.items() if value is not None}


def drill_form_of(request: RunRequest) -> dict[str, Any]:
    """Return the fields of the form of a drill that say what ``request`` says."""
    facts = {
        "kind": str(request.drill),
        "component": request.component,
        "target_region": request.recovery_region,
        "inject": request.inject,
        "reason": request.reason,
        "person": request.person,
    }
    return {name: value for name, value in facts.items() if value is not None}


def run_in_airflow(
    api: AirflowApi,
    request: RunRequest,
    system: System,
    impaired: str,
    console: Console,
    say: Callable[[str], None] | None = None,
) -> RunRef:
    """Trigger the DAG of ``system`` and watch it to its end; it goes on when the watching ends early.

    Raises:
        RequestError: Airflow refused the form; its own words.
    """
    drill = request.mode is Mode.DRILL
    dag_id = f"{'drill' if drill else 'failover'}__{system.name}"
    dag_run = api.trigger(dag_id, drill_form_of(request) if drill else form_of(request))
    ref = RunRef.asked(
        system, dag_run, datetime.now(UTC), recovery_region=request.recovery_region, impaired_region=impaired
    )
    console.print(f"{dag_id} {dag_run}: run {ref.run_id}")
    follow(api, dag_id, dag_run, say or console.print)
    return ref


def follow(
    api: AirflowApi,
    dag_id: str,
    dag_run: str,
    say: Callable[[str], None],
    seen: Callable[[list[dict[str, Any]]], None] = lambda _: None,
) -> None:
    """Say each change of a task until the DAG run has ended; ``seen`` is given all tasks at each look."""
    watch = Watch(say)
    while api.run_state(dag_id, dag_run) not in ("success", "failed"):
        tasks = api.tasks(dag_id, dag_run)
        for task in tasks:
            index = task.get("map_index", -1)
            watch.task(task["task_id"] if index < 0 else f"{task['task_id']} [{index}]", task["state"])
        seen(tasks)
        time.sleep(LOOK_S)
