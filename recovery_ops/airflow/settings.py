"""Airflow's settings that matter for a recovery, shipped as code with the reason for each.

Measured on Airflow 3.3 with two cores: a hop between tasks costs 1.1 s by default (10 s when tasks import heavy
packages themselves) and about 0.3 s with these.
"""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

RECOVERY: Mapping[str, str] = {
    # The scheduler sleeps when it found nothing to do, and the default of 1 s is most of a hop. This executor sleeps
    # for it, until a task ends.
    "CORE__EXECUTOR": "recovery_ops.airflow.executor.PromptExecutor",
    "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0",
    # A task that ended is noticed at this interval when its sockets closed first; default 5 s.
    "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    # Tasks are forked from a process that has the heavy packages in memory already.
    "SCHEDULER__MP_START_METHOD": "forkserver",
    "CORE__MP_FORKSERVER_PRELOAD": "recovery_ops.airflow.preload",
    # After a crash: find orphans and dead schedulers in seconds, not in five minutes.
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "SCHEDULER__TASK_QUEUED_TIMEOUT": "120",
    "SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "2",
    # A restarting api-server must not fail the task that talks to it.
    "WORKERS__EXECUTION_API_RETRIES": "30",
    "WORKERS__EXECUTION_API_RETRY_WAIT_MIN": "0.2",
    "WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "2",
    "CORE__PARALLELISM": "8",
}
"""What we change for recoveries; everything else is Airflow's own default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One installation of Airflow on one machine. ``database`` and ``database_async`` are SQLAlchemy URLs."""

    home: Path
    dags: Path
    plugins: Path
    port: int
    log_port: int
    database: str
    database_async: str
    users: Mapping[str, str]

    @property
    def url(self) -> str:
        """Return where the api-server answers."""
        return f"http://127.0.0.1:{self.port}"


def environment(place: Place, *, tuned: bool = True) -> dict[str, str]:
    """Return the environment of every Airflow process of ``place``.

    Args:
        place: Where it lives; keys and passwords must exist in its home (see :func:`keys`).
        tuned: ``False`` leaves Airflow's own defaults in place, for comparison.
    """
    own = {
        "API__BASE_URL": place.url,
        "API__HOST": "127.0.0.1",
        "API__PORT": str(place.port),
        "API__WORKERS": "1",
        "CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "CORE__DAGS_FOLDER": str(place.dags),
        "CORE__EXECUTION_API_SERVER_URL": f"{place.url}/execution/",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__PLUGINS_FOLDER": str(place.plugins),
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(place.home / "passwords.json"),
        "CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in place.users.items()),
        "DATABASE__SQL_ALCHEMY_CONN": place.database,
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": place.database_async,
        "LOGGING__BASE_LOG_FOLDER": str(place.home / "logs"),
        "LOGGING__WORKER_LOG_SERVER_PORT": str(place.log_port),
        "TRIGGERER__CAPACITY": "100",
    }
    chosen = own | _keys(place.home) | (dict(RECOVERY) if tuned else {})
    return {"AIRFLOW_HOME": str(place.home)} | {f"AIRFLOW__{name}": value for name, value in chosen.items()}


def _keys(home: Path) -> dict[str, str]:
    """Return this installation's keys; made once, readable by its owner only."""
    wanted = {
        "API_AUTH__JWT_SECRET": secrets.token_urlsafe(48),
        "API__SECRET_KEY": secrets.token_urlsafe(32),
        "CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }
    return {name: _kept(home / "keys" / name.lower(), value) for name, value in wanted.items()}


def _kept(path: Path, value: str) -> str:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.write_text(value)
    return path.read_text()
