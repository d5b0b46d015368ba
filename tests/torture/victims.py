"""Kill a part of a real Airflow while a step runs, let it come back, and compare with a run that nobody disturbed."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
from ground import BEGIN, HOME, ROOT, TARGET, Ground
from matrix import Undisturbed, Verdict, judged, seen_at_the_end, undisturbed_end
from sent import Sent

from recovery_ops.airflow import stack
from recovery_ops.airflow.rest import AirflowApi, await_dags
from recovery_ops.cli import local
from recovery_ops.errors import RecoveryError
from recovery_ops.model.runs import RunRef
from recovery_ops.record.embedded import embedded_postgres

STEPS = ("network.provision", "features.rehydrate", "scoring.redeploy", "features.verify", "cutover", "reprotect")
"""One step of every type: the four phases, one that moves traffic, one that works long after it."""
BEGUN = ("running", "success", "failed")
TRIES = 3
LIMIT_S = 300.0
OFTEN_S, SELDOM_S = 0.05, 0.5
"""Between two looks: at what may be over at once, and at what takes long, while every look costs the api-server."""


@dataclass(slots=True)
class Airflow:
    """A real Airflow on the ground; comes back after whatever was done to it."""

    ground: Ground
    folder: Path
    running: stack.Stack
    api: AirflowApi
    dag: str
    sent: Sent
    run: str = ""

    def fail_over(self) -> None:
        """Trigger a run in the world that has just lost its home."""
        self.ground.back_to(BEGIN)
        self.sent = Sent(self.ground.log)
        impact = datetime.now(UTC).isoformat()
        form = {"target_region": TARGET, "reason": f"{HOME} does not answer", "impact_at": impact}
        self.run = self.api.trigger(self.dag, form)
        system = self.ground.system
        now = datetime.now(UTC)
        self.ground.ref = RunRef.asked(system, self.run, now, recovery_region=TARGET, impaired_region=HOME)

    def carry_on(self, ref: RunRef | None) -> None:
        """Take over an open run that this Airflow has never heard of, as a person does in the form."""
        assert ref is not None
        self.run = self.api.trigger(self.dag, {"resume_run": ref.run_id, "reason": "Airflow was lost"})

    def task(self, step_id: str) -> dict[str, object]:
        """Return the newest instance of a task, empty before it was made."""
        found = [
            task for task in self._asked(lambda: self.api.tasks(self.dag, self.run), []) if task["task_id"] == step_id
        ]
        return found[0] if found else {}

    def ended(self) -> str:
        """Wait for the end of the run and return its state."""
        until(self.over, f"the end of {self.run}", SELDOM_S)
        return self.api.run_state(self.dag, self.run)

    def over(self) -> bool:
        """Return whether the run has ended; nobody knows while the api-server comes back."""
        return self._asked(lambda: self.api.run_state(self.dag, self.run), "") in ("success", "failed")

    def _asked(self, call, otherwise):  # type: ignore[no-untyped-def]
        """While the api-server comes back there is no answer."""
        import httpx

        try:
            return call()
        except (httpx.HTTPError, RecoveryError):
            return otherwise


def kill_task(airflow: Airflow, step_id: str) -> bool:
    """Kill the process of the task, not what supervises it, unless it has ended."""
    task = airflow.task(step_id)
    if task.get("state") != "running":
        return False
    try:
        _kill(int(str(task["pid"])))
    except ProcessLookupError:
        return False
    return True


def kill_scheduler(airflow: Airflow, _step_id: str) -> bool:
    """Kill the scheduler; its keeper starts another one."""
    return _kill(_services(airflow)["scheduler"])


def kill_triggerer(airflow: Airflow, _step_id: str) -> bool:
    """Kill the triggerer; its keeper starts another one."""
    return _kill(_services(airflow)["triggerer"])


def kill_api_server(airflow: Airflow, _step_id: str) -> bool:
    """Kill the api-server, which every task talks to; its keeper starts another one."""
    return _kill(_services(airflow)["api-server"])


def kill_database(airflow: Airflow, _step_id: str) -> bool:
    """Kill PostgreSQL with everybody's connections, and start it again two seconds later."""
    home = embedded_postgres(airflow.folder / "postgres", durable=False).home
    _kill_family(int((home / "data" / "postmaster.pid").read_text().split()[0]))
    time.sleep(2.0)
    embedded_postgres(airflow.folder / "postgres", durable=False)
    return True


def kill_stack(airflow: Airflow, _step_id: str) -> bool:
    """Kill every process of Airflow and its database at once, then start all of it again on what they left."""
    lose_everything(airflow)
    time.sleep(1.0)
    airflow.running, airflow.api = _up(airflow.ground, airflow.folder, keep=True)
    return True


def lose_everything(airflow: Airflow) -> None:
    """Kill every process of Airflow and its database at once."""
    for pid in (airflow.running.pids["keeper"], *_services(airflow).values()):
        _kill_family(pid)
    home = embedded_postgres(airflow.folder / "postgres", durable=False).home
    _kill_family(int((home / "data" / "postmaster.pid").read_text().split()[0]))


VICTIMS: dict[str, Callable[[Airflow, str], bool]] = {
    "task": kill_task,
    "scheduler": kill_scheduler,
    "triggerer": kill_triggerer,
    "api-server": kill_api_server,
    "database": kill_database,
    "stack": kill_stack,
}
"""How each of them dies; true when there was somebody to kill."""


@contextmanager
def real_airflow(ground: Ground, folder: Path) -> Iterator[Airflow]:
    """Start Airflow with the catalogs of ``ground``."""
    running, api = _up(ground, folder, keep=False)
    try:
        yield Airflow(ground, folder, running, api, f"failover__{ground.system.name}", Sent(ground.log))
    finally:
        stack.down(folder)


def undisturbed(airflow: Airflow) -> Undisturbed:
    """Return what a run leaves when nobody dies.

    Raises:
        AssertionError: It does not succeed.
    """
    airflow.fail_over()
    state = airflow.ended()
    assert state == "success", f"the undisturbed run ended {state}"
    return undisturbed_end(airflow.ground, airflow.sent)


def lose(airflow: Airflow, victim: str, step_id: str, known: Undisturbed) -> Verdict:
    """Kill ``victim`` while ``step_id`` runs, and judge what the run leaves.

    A short step may be over before anybody has looked: the death of its process is tried again then, that of a part of
    Airflow came between two steps, which the verdict says.
    """
    for _ in range(TRIES):
        airflow.fail_over()
        until(lambda: airflow.task(step_id).get("state") in BEGUN or airflow.over(), f"{step_id} to run")
        moment = str(airflow.task(step_id).get("state"))
        killed = VICTIMS[victim](airflow, step_id)
        state = airflow.ended()
        if killed:
            break
    problems = [] if state == "success" else [f"the DAG run ended {state}"]
    problems += [] if killed else [f"{victim} was over before it could be killed, {TRIES} times"]
    seen = seen_at_the_end(airflow.ground, airflow.sent)
    return judged(victim, step_id, "running" if moment == "running" else "over", known, seen, problems)


def until(true: Callable[[], bool], what: str, every_s: float = OFTEN_S) -> None:
    """Wait until something is true; look every ``every_s`` wall seconds.

    Raises:
        TimeoutError: It is not, after five minutes.
    """
    end = time.monotonic() + LIMIT_S
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come within {LIMIT_S:.0f} s")
        time.sleep(every_s)


def _up(ground: Ground, folder: Path, *, keep: bool) -> tuple[stack.Stack, AirflowApi]:
    running = stack.up(
        folder,
        dags=ground.folder / "dags",
        plugins=ROOT / "plugins",
        extra=local.environment(ground.sandbox),
        keep=keep,
        parent_pid=os.getpid(),
    )
    api = AirflowApi(running.airflow_url, "admin", running.password("admin"))
    await_dags(api, [f"failover__{ground.system.name}"])
    return running, api


def _services(airflow: Airflow) -> dict[str, int]:
    return dict(json.loads((airflow.folder / "services.json").read_text()))


def _kill(pid: int) -> bool:
    os.kill(pid, signal.SIGKILL)
    return True


def _kill_family(pid: int) -> None:
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
