"""``recovery-ops up`` and ``down``: the whole local stack, left running."""

import json
import secrets
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from recovery_ops.airflow import stack
from recovery_ops.airflow.dashboard import PREFIX as DASHBOARD
from recovery_ops.airflow.rest import AirflowApi, await_dags
from recovery_ops.catalog import system_files
from recovery_ops.cli import local
from recovery_ops.cli.outside import send_everybody
from recovery_ops.cli.shelves import reported
from recovery_ops.errors import RequestError
from recovery_ops.execution.systems import load_system
from recovery_ops.sandbox import process

OUT = Path("out")
console = Console(stderr=True)


@reported
def up(
    catalogs: Annotated[Path, typer.Option(help="Folder with catalogs.")] = Path("dags"),
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout.")] = False,
) -> None:
    """Start sandbox, PostgreSQL and Airflow, leave them running, print where they are."""
    if stack.find(OUT / "stack"):
        raise RequestError("the stack is running already; end it with: make down")
    sandbox = local.start_world(
        OUT / "sandbox", catalogs, cache=OUT / "cache", request_log=None, parent_pid=None, progress=console.print
    )
    token = _metrics_token(OUT / "stack" / "metrics.token")
    try:
        running = stack.up(
            OUT / "stack",
            dags=catalogs,
            plugins=Path("plugins"),
            extra=local.environment(sandbox) | {"RECOVERY_OPS_METRICS_TOKEN_FILE": str(token)},
            progress=console.print,
        )
        _enliven(sandbox, running, catalogs)
    except BaseException:
        stack.down(OUT / "stack")
        process.stop(sandbox)
        raise
    facts = {
        "airflow_url": running.airflow_url,
        "metrics_url": f"{running.airflow_url}/recovery-ops-metrics/metrics",
        "metrics_token_file": str(token),
        "dashboard_url": f"{running.airflow_url}{DASHBOARD}/",
        "sandbox_url": sandbox.base_url,
        "users": running.users,
        "environment": local.environment(sandbox),
    }
    path = OUT / "stack.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(facts, indent=2))
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    console.print(f"\nrecovery {running.airflow_url}{DASHBOARD}/")
    console.print(f"Airflow  {running.airflow_url}")
    for user in running.users:
        console.print(f"         {user['name']} ({user['role']}), password {user['password']}")
    console.print(f"sandbox  {sandbox.base_url}\nsettings {path}\nend it with: make down")


def _metrics_token(path: Path) -> Path:
    """Return a file with the token that Prometheus shows; made once, readable by its owner only."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32))
    return path.resolve()


def _enliven(sandbox: process.RunningSandbox, running: stack.Stack, catalogs: Path) -> None:
    """Send out clients and a writer; protect and look on their cadence: an idle system proves nothing."""
    console.print("sending out clients and a writer, protecting and looking on schedule")
    known = system_files(catalogs)
    described = load_system(local.SYSTEM if local.SYSTEM in known else next(iter(known)), catalogs)
    send_everybody(described, sandbox, OUT / "outside", every_s=local.CROWD_EVERY_S, stay_with=sandbox.pid)
    api = AirflowApi(running.airflow_url, "admin", running.password("admin"))
    kept_up = [f"protect__{described.name}", *([f"detect__{described.name}"] if described.detection else [])]
    await_dags(api, {f"failover__{described.name}", *kept_up})
    for dag_id in kept_up:
        api.unpause(dag_id)


@reported
def down() -> None:
    """End the local stack and everything it started."""
    ended = stack.down(OUT / "stack")
    ready = OUT / "sandbox" / "sandbox.json"
    if ready.exists():
        process.stop(process.find(ready))
        ready.unlink()
        ended = True
    (OUT / "stack.json").unlink(missing_ok=True)
    console.print("ended" if ended else "nothing was running")
