"""Airflow on this machine: PostgreSQL, api-server, scheduler, dag-processor and triggerer as child processes.

Everything listens on 127.0.0.1 or a socket, lives under one folder and is ended by process id. Does not import airflow.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from recovery_ops.airflow.settings import Place, environment
from recovery_ops.errors import RecoveryError, RequestError
from recovery_ops.record.embedded import EmbeddedPostgres, embedded_postgres, stop_embedded
from recovery_ops.record.projection import Projection

USERS = {"alice": "op", "bob": "user", "victor": "viewer", "admin": "admin"}
SERVICES = ("api-server", "scheduler", "dag-processor", "triggerer")
READY_LIMIT_S = 180.0
STOP_LIMIT_S = 15.0

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A running stack: what ``stack.json`` says."""

    folder: Path
    airflow_url: str
    users: list[dict[str, str]]
    pids: Mapping[str, int]
    started_s: float

    def password(self, name: str) -> str:
        """Return the password of a user."""
        return next(user["password"] for user in self.users if user["name"] == name)

    def to_json(self) -> dict[str, Any]:
        """Return what ``stack.json`` holds."""
        return {
            "folder": str(self.folder),
            "airflow_url": self.airflow_url,
            "users": self.users,
            "pids": dict(self.pids),
            "started_s": self.started_s,
        }


def up(
    folder: Path,
    *,
    dags: Path,
    plugins: Path,
    extra: Mapping[str, str],
    tuned: bool = True,
    progress: Progress = lambda _: None,
) -> Stack:
    """Start the stack in ``folder`` and return when it answers.

    Args:
        folder: Its files; made when missing. One stack at a time lives there.
        dags: Folder with DAG files and catalogs.
        plugins: Folder with plugins.
        extra: More environment for every process, for example the AWS endpoint.
        tuned: ``False`` runs Airflow with its own defaults.
        progress: Told what happens now.

    Raises:
        RequestError: A stack is running there already.
        RecoveryError: A process ended or nothing answered in time; the end of its log is in the message and nothing is
            left running.
    """
    begin = time.monotonic()
    if _alive(_read(folder)):
        raise RequestError(f"a stack runs in {folder} already; end it with: make down")
    folder.mkdir(parents=True, exist_ok=True)
    progress("starting PostgreSQL")
    postgres = embedded_postgres(folder / "postgres", durable=False)
    postgres.create_database("airflow")
    place = _place(folder, dags, plugins, postgres)
    env = _environment(place, postgres, extra, tuned=tuned)
    pids: dict[str, int] = {}
    try:
        progress("preparing the database")
        _migrate(folder, env)
        Projection(postgres.url).migrate()
        progress("starting Airflow: " + ", ".join(SERVICES))
        for name in SERVICES:
            pids[name] = _spawn(name, folder, env)
        stack = _describe(folder, place, pids, begin)
        _write(folder, stack)
        _await_ready(stack, progress)
    except BaseException:
        _end(pids)
        postgres.stop()
        raise
    stack = _describe(folder, place, pids, begin)
    _write(folder, stack)
    return stack


def down(folder: Path) -> bool:
    """End the stack of ``folder`` and everything it started; return whether there was one. Its files stay."""
    facts = _read(folder)
    if facts:
        _end(facts["pids"])
        (folder / "stack.json").unlink(missing_ok=True)
    stopped = stop_embedded(folder / "postgres")
    return bool(facts) or stopped


def find(folder: Path) -> Stack | None:
    """Return the stack that runs in ``folder``, if any."""
    facts = _read(folder)
    if not _alive(facts):
        return None
    return Stack(**(facts | {"folder": Path(facts["folder"])}))


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _place(folder: Path, dags: Path, plugins: Path, postgres: EmbeddedPostgres) -> Place:
    passwords = folder / "passwords.json"
    if not passwords.exists():
        passwords.touch(mode=0o600)
        passwords.write_text(json.dumps({name: secrets.token_urlsafe(9) for name in USERS}))
    return Place(
        home=folder.resolve(),
        dags=dags.resolve(),
        plugins=plugins.resolve(),
        port=free_port(),
        log_port=free_port(),
        database=postgres.url_of("airflow", "psycopg2"),
        database_async=postgres.url_of("airflow", "asyncpg"),
        users=USERS,
    )


def _environment(place: Place, postgres: EmbeddedPostgres, extra: Mapping[str, str], *, tuned: bool) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")}
    ours = {
        "RECOVERY_OPS_CATALOGS": str(place.dags),
        "RECOVERY_OPS_DATABASE_URL": postgres.url,
        "GX_ANALYTICS_ENABLED": "false",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
    }
    return inherited | environment(place, tuned=tuned) | ours | dict(extra)


def _airflow() -> list[str]:
    return [sys.executable, "-m", "airflow"]


def _migrate(folder: Path, env: Mapping[str, str]) -> None:
    with (folder / "migrate.log").open("wb") as log:
        done = subprocess.run([*_airflow(), "db", "migrate"], env=dict(env), stdout=log, stderr=log, check=False)  # noqa: S603
    if done.returncode:
        raise RecoveryError(f"airflow db migrate failed:\n{_tail(folder / 'migrate.log')}")


def _spawn(name: str, folder: Path, env: Mapping[str, str]) -> int:
    with (folder / f"{name}.log").open("wb") as log:
        child = subprocess.Popen(  # noqa: S603 - Airflow itself
            [*_airflow(), name], env=dict(env), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    return child.pid


def _await_ready(stack: Stack, progress: Progress) -> None:
    end = time.monotonic() + READY_LIMIT_S
    progress("waiting until Airflow answers")
    while time.monotonic() < end:
        for name, pid in stack.pids.items():
            if not _runs(pid):
                raise RecoveryError(f"airflow {name} ended:\n{_tail(stack.folder / f'{name}.log')}")
        if _healthy(stack.airflow_url):
            return
        time.sleep(0.25)
    raise RecoveryError(f"Airflow did not answer within {READY_LIMIT_S:.0f} s; its logs are in {stack.folder}")


def _healthy(url: str) -> bool:
    try:
        parts = httpx.get(f"{url}/api/v2/monitor/health", timeout=5.0).json()
        warm = httpx.get(f"{url}/execution/health", timeout=15.0)
    except (httpx.HTTPError, ValueError):
        return False
    wanted = ("metadatabase", "scheduler", "dag_processor", "triggerer")
    return warm.is_success and all((parts.get(name) or {}).get("status") == "healthy" for name in wanted)


def _describe(folder: Path, place: Place, pids: Mapping[str, int], begin: float) -> Stack:
    passwords = json.loads((folder / "passwords.json").read_text())
    return Stack(
        folder=folder,
        airflow_url=f"http://127.0.0.1:{place.port}",
        users=[{"name": name, "role": role, "password": passwords[name]} for name, role in USERS.items()],
        pids=dict(pids),
        started_s=round(time.monotonic() - begin, 1),
    )


def _write(folder: Path, stack: Stack) -> None:
    path = folder / "stack.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(stack.to_json(), indent=2))


def _read(folder: Path) -> dict[str, Any]:
    path = folder / "stack.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _alive(facts: Mapping[str, Any]) -> bool:
    return any(_runs(pid) for pid in facts.get("pids", {}).values())


def _runs(pid: int) -> bool:
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _end(pids: Mapping[str, int]) -> None:
    """End each process with all its descendants: kindly first, then by force."""
    import psutil

    family: list[psutil.Process] = []
    for pid in pids.values():
        try:
            parent = psutil.Process(pid)
            family += [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
    for pid in pids.values():
        _signal(pid, signal.SIGTERM)
    _, alive = psutil.wait_procs(family, timeout=STOP_LIMIT_S)
    for process in alive:
        _signal(process.pid, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=STOP_LIMIT_S)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _tail(path: Path, size: int = 2000) -> str:
    return path.read_text(errors="replace")[-size:] if path.exists() else ""
