"""Airflow on this machine: PostgreSQL, api-server, scheduler, dag-processor and triggerer as child processes.

Everything listens on 127.0.0.1 or a socket, lives under one folder and is ended by process id. Does not import airflow:
the process that does is :mod:`recovery_ops.airflow.keeper`.
"""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from recovery_ops.airflow.processes import born_at, end_all, runs
from recovery_ops.airflow.settings import Place, environment
from recovery_ops.errors import RecoveryError, RequestError
from recovery_ops.record.embedded import EmbeddedPostgres, embedded_postgres, stop_embedded
from recovery_ops.record.projection import Projection

USERS = {"alice": "op", "bob": "user", "carol": "user", "dave": "user", "victor": "viewer", "admin": "admin"}
SERVICES = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
"""Airflow's command line of each service. Logs are read from the folder, so that nobody serves them by network."""
DATABASE = "airflow"
READY_LIMIT_S = 180.0

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A running stack: what ``stack.json`` says. ``born`` is when each process was started, seconds since 1970."""

    folder: Path
    airflow_url: str
    users: list[dict[str, str]]
    pids: Mapping[str, int]
    born: Mapping[str, float]
    started_s: float

    def password(self, name: str) -> str:
        """Return the password of a user."""
        return next(user["password"] for user in self.users if user["name"] == name)

    def to_json(self) -> dict[str, Any]:
        """Return what ``stack.json`` holds."""
        return asdict(self) | {"folder": str(self.folder)}


def up(
    folder: Path,
    *,
    dags: Path,
    plugins: Path,
    extra: Mapping[str, str],
    tuned: bool = True,
    keep: bool = False,
    users: Mapping[str, str] = USERS,
    parent_pid: int | None = None,
    progress: Progress = lambda _: None,
) -> Stack:
    """Start the stack in ``folder`` and return when it answers.

    Args:
        folder: Its files; made when missing. One stack at a time lives there.
        dags: Folder with DAG files and catalogs.
        plugins: Folder with plugins.
        extra: More environment for every process, for example the AWS endpoint.
        tuned: ``False`` runs Airflow with its own defaults.
        keep: Go on with the DAG runs of the last time; otherwise the history starts empty, so that a run that was cut
            off does not go on in another world.
        users: Name to role: ``viewer``, ``user``, ``op`` or ``admin``. Passwords are generated.
        parent_pid: End everything when this process is gone.
        progress: Told what happens now.

    Raises:
        RequestError: A stack is running there already.
        RecoveryError: A process ended or nothing answered in time; the end of its log is in the message and nothing is
            left running.
    """
    if find(folder) is not None:
        raise RequestError(f"a stack runs in {folder} already; end it with: make down")
    folder.mkdir(parents=True, exist_ok=True)
    start = _Start(folder, users, time.monotonic())
    progress("starting PostgreSQL")
    postgres = embedded_postgres(folder / "postgres", durable=False)
    try:
        _prepare(postgres, keep=keep)
        place = start.place(dags, plugins, postgres)
        progress("starting Airflow: " + ", ".join(SERVICES))
        start.keeper(_environment(place, postgres, extra, tuned=tuned), parent_pid)
        Projection(postgres.url).migrate()
        start.services()
        start.await_ready(place.url, progress)
        return start.described(place.url)
    except BaseException:
        end_all(start.pids)
        postgres.stop()
        raise


def down(folder: Path) -> bool:
    """End the stack of ``folder`` and everything it started; return whether there was one. Its files stay."""
    facts = _read(folder)
    if facts:
        end_all(_living(facts))
        (folder / "stack.json").unlink(missing_ok=True)
    stopped = stop_embedded(folder / "postgres")
    return bool(facts) or stopped


def find(folder: Path) -> Stack | None:
    """Return the stack that runs in ``folder``, if any."""
    facts = _read(folder)
    if not _living(facts):
        return None
    return Stack(**(facts | {"folder": Path(facts["folder"])}))


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class _Start:
    """One start: who runs so far."""

    def __init__(self, folder: Path, users: Mapping[str, str], begin: float) -> None:
        self.folder, self.users, self.begin = folder, users, begin
        self.pids: dict[str, int] = {}
        self.born: dict[str, float] = {}
        (folder / "services.json").unlink(missing_ok=True)

    def place(self, dags: Path, plugins: Path, postgres: EmbeddedPostgres) -> Place:
        """Choose ports, make passwords."""
        self.passwords = _passwords(self.folder, self.users)
        return Place(
            home=self.folder.resolve(),
            dags=dags.resolve(),
            plugins=plugins.resolve(),
            port=free_port(),
            log_port=free_port(),
            database=postgres.url_of(DATABASE, "psycopg2"),
            database_async=postgres.url_of(DATABASE, "asyncpg"),
            users=self.users,
        )

    def keeper(self, env: Mapping[str, str], parent_pid: int | None) -> None:
        """Start the process that forks all services."""
        spec = self.folder / "keeper.json"
        spec.write_text(
            json.dumps({"folder": str(self.folder.resolve()), "services": SERVICES, "parent_pid": parent_pid})
        )
        command = [sys.executable, "-m", "recovery_ops.airflow.keeper", str(spec.resolve())]
        with (self.folder / "keeper.log").open("wb") as log:
            child = subprocess.Popen(  # noqa: S603 - our own module
                command, env=dict(env), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._child = child  # kept, so that a zombie is reaped by poll()
        self._note({"keeper": child.pid})

    def services(self) -> None:
        """Wait until the keeper has forked them."""
        path = self.folder / "services.json"
        self._wait(path.exists)
        self._note(json.loads(path.read_text()))

    def await_ready(self, url: str, progress: Progress) -> None:
        """Wait until every service is healthy and the first task will not have to wait for the execution API."""
        progress("waiting until Airflow answers")
        with httpx.Client(base_url=url, timeout=20.0) as http:
            self._wait(lambda: _healthy(http))

    def _wait(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + READY_LIMIT_S
        while not true():
            self._refuse_dead()
            if time.monotonic() > end:
                raise RecoveryError(
                    f"Airflow did not answer within {READY_LIMIT_S:.0f} s; its logs are in {self.folder}"
                )
            time.sleep(0.2)

    def _refuse_dead(self) -> None:
        self._child.poll()
        for name, pid in self.pids.items():
            if not runs(pid):
                logs = (self.folder / f"{name}.log", self.folder / "migrate.log")
                raise RecoveryError(f"airflow {name} ended:\n" + "\n".join(_tail(log) for log in logs))

    def _note(self, pids: Mapping[str, int]) -> None:
        self.pids |= pids
        self.born |= {name: born for name, pid in pids.items() if (born := born_at(pid)) is not None}
        self.described("")

    def described(self, url: str) -> Stack:
        """Write ``stack.json`` and return what it says."""
        stack = Stack(
            folder=self.folder,
            airflow_url=url,
            users=[{"name": name, "role": role, "password": self.passwords[name]} for name, role in self.users.items()],
            pids=dict(self.pids),
            born=dict(self.born),
            started_s=round(time.monotonic() - self.begin, 1),
        )
        path = self.folder / "stack.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(stack.to_json(), indent=2))
        return stack


def _prepare(postgres: EmbeddedPostgres, *, keep: bool) -> None:
    if not keep:
        postgres.drop_database(DATABASE)
    postgres.create_database(DATABASE)


def _passwords(folder: Path, users: Mapping[str, str]) -> dict[str, str]:
    path = folder / "passwords.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    passwords = {name: known.get(name) or secrets.token_urlsafe(9) for name in users}
    path.touch(mode=0o600)
    path.write_text(json.dumps(passwords))
    return passwords


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


def _healthy(http: httpx.Client) -> bool:
    """Ask for health; ``/execution/health`` makes the api-server build what tasks talk to, which takes seconds."""
    try:
        warm = http.get("/execution/health")
        parts = http.get("/api/v2/monitor/health").json()
    except (httpx.HTTPError, ValueError):
        return False
    wanted = ("metadatabase", "scheduler", "dag_processor", "triggerer")
    return warm.is_success and all((parts.get(name) or {}).get("status") == "healthy" for name in wanted)


def _read(folder: Path) -> dict[str, Any]:
    path = folder / "stack.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _living(facts: Mapping[str, Any]) -> dict[str, int]:
    """Return the processes of ``stack.json`` that still run, and not others that got their numbers."""
    born = facts.get("born", {})
    return {name: pid for name, pid in facts.get("pids", {}).items() if runs(pid, born.get(name))}


def _tail(path: Path, size: int = 2000) -> str:
    return path.read_text(errors="replace")[-size:] if path.exists() else ""
