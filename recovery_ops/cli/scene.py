"""A scene for demo and drills: a sandbox with a system in it, Airflow if wanted, people outside; nothing stays."""

import os
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from recovery_ops.airflow import stack as airflow_stack
from recovery_ops.airflow.rest import AirflowApi, await_dags
from recovery_ops.aws.worlds import speaking_to
from recovery_ops.cli import local
from recovery_ops.cli.outside import Outside, send_everybody
from recovery_ops.errors import RecoveryError
from recovery_ops.execution.protecting import protect
from recovery_ops.execution.systems import load_system
from recovery_ops.model.system import System
from recovery_ops.sandbox import process

PERSON = "alice"
LIMIT_S = 240.0


def emptied(folder: Path) -> Path:
    """Return ``folder``, which is there and empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


class Scene:
    """The sandbox runs as soon as there is a scene; ``ending`` ends everything."""

    def __init__(self, name: str, catalogs: Path, out: Path, cache: Path, ending: ExitStack, console: Console) -> None:
        self.catalogs, self.out, self.cache, self.ending, self.console = catalogs, out, cache, ending, console
        self.begin = time.monotonic()
        self.users: list[dict[str, str]] = []
        self.log = out / "requests.jsonl"
        self.sandbox = local.start_world(
            out / "sandbox",
            catalogs,
            cache=cache / "cache",
            request_log=self.log.resolve(),
            parent_pid=os.getpid(),
            progress=self.say,
        )
        ending.callback(process.stop, self.sandbox)
        here = {"RECOVERY_OPS_CATALOGS": str(catalogs.resolve())}
        ending.enter_context(speaking_to(local.environment(self.sandbox) | here))
        self.system: System = load_system(name, catalogs)
        self.target = next(region for region in self.system.regions if region != self.system.home)

    def say(self, what: str) -> None:
        """Print a line with the seconds since the beginning."""
        self.console.print(f"[dim]{time.monotonic() - self.begin:6.1f} s[/dim]  {what}")

    def airflow(self, dags: Iterable[str], *, tuned: bool = True) -> AirflowApi:
        """Start Airflow and return it when it has ``dags`` and that of protection; ``dags`` are unpaused."""
        folder, wanted = self.cache / "stack", list(dags)
        airflow_stack.down(folder)
        self.ending.callback(airflow_stack.down, folder)
        running = airflow_stack.up(
            folder,
            dags=self.catalogs,
            plugins=Path("plugins"),
            extra=local.environment(self.sandbox),
            tuned=tuned,
            parent_pid=os.getpid(),
            progress=self.say,
        )
        self.users = running.users
        api = AirflowApi(running.airflow_url, PERSON, running.password(PERSON))
        self.say(f"Airflow answers at {running.airflow_url} after {running.started_s} s")
        await_dags(api, {*wanted, f"protect__{self.system.name}"})
        for dag_id in wanted:
            api.unpause(dag_id)
        return api

    def protect(self, api: AirflowApi | None) -> None:
        """Take a recovery point, here or by its DAG."""
        self.say("taking a consistent recovery point")
        if api is None:
            protect(self.system)
            return
        dag_id = f"protect__{self.system.name}"
        api.unpause(dag_id)  # its schedule starts a run at once
        self.wait_for(lambda: bool({"success", "failed"} & set(api.runs(dag_id).values())), "protection")
        run, state = next((run, state) for run, state in api.runs(dag_id).items() if state in ("success", "failed"))
        if state != "success":
            raise RecoveryError(f"protection failed:\n{api.log(dag_id, run, 'protect')[-3000:]}")
        api.pause(dag_id)

    def outside(self) -> Outside:
        """Send out clients and a writer; return when each was served."""
        self.say("sending out a client, one that ignores TTL, and a writer")
        outside = send_everybody(self.system, self.sandbox, self.out)
        self.ending.callback(outside.leave)
        return outside

    def wait_for(self, true: Callable[[], bool], what: str, limit_s: float = LIMIT_S) -> None:
        """Look until it is true.

        Raises:
            RecoveryError: It was not within ``limit_s``.
        """
        end = time.monotonic() + limit_s
        while not true():
            if time.monotonic() > end:
                raise RecoveryError(f"{what} did not end within {limit_s:.0f} s")
            time.sleep(0.5)  # every look costs the api-server, which the tasks need too
