"""``recovery-ops demo``: a region dies and the system comes back, on this machine, for real."""

import json
import os
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from recovery_ops.airflow import stack as airflow_stack
from recovery_ops.airflow.rest import AirflowApi, await_dags
from recovery_ops.cli import local
from recovery_ops.cli.outside import Outside, send_everybody
from recovery_ops.cli.shelves import reported
from recovery_ops.cli.showing import Watch, table_of
from recovery_ops.errors import RecoveryError
from recovery_ops.execution.direct import run_direct
from recovery_ops.execution.protecting import protect
from recovery_ops.execution.systems import load_system
from recovery_ops.execution.view import load_run
from recovery_ops.model.plan import Mode
from recovery_ops.model.runs import RunRef, RunRequest, mint_run_id
from recovery_ops.model.system import System
from recovery_ops.reporting.publish import publish
from recovery_ops.sandbox import process
from recovery_ops.sandbox.request_check import calls_of_run, strangers

OUT = Path("out")
REASON = "us-east-1 does not answer"
PERSON = "alice"
LIMIT_S = 240.0

console = Console(stderr=True)


@reported
def demo(
    system: Annotated[str, typer.Option(help="System to lose and recover.")] = "fraud-detection",
    via: Annotated[str, typer.Option(help="airflow or direct.")] = "airflow",
    catalogs: Annotated[Path, typer.Option(help="Folder with catalogs.")] = Path("dags"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON on stdout.")] = False,
) -> None:
    """Kill the home region of a sandbox and recover the system; exit code 0 only if the verdict is pass."""
    report = play(system, via, catalogs, OUT / "demo")
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    raise typer.Exit(0 if report["verdict"] == "pass" else 1)


def play(system: str, via: str, catalogs: Path, out: Path, *, tuned: bool = True) -> dict[str, Any]:
    """Play the demo, leave its files in ``out`` (emptied first) and no process behind; return the report.

    Args:
        system: System to lose and recover.
        via: ``airflow`` or ``direct``.
        catalogs: Folder with catalogs.
        out: Where ``report.json``, ``report.html`` and ``requests.jsonl`` go.
        tuned: ``False`` runs Airflow with its own default settings, for comparison.

    Raises:
        RecoveryError: The demo could not be played; a failed recovery is a report with the verdict ``fail``.
    """
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with ExitStack() as ending:
        return _Demo(system, via, catalogs, out, ending, tuned=tuned).play()


class _Demo:
    def __init__(
        self, name: str, via: str, catalogs: Path, out: Path, ending: ExitStack, *, tuned: bool = True
    ) -> None:
        self.via, self.catalogs, self.out, self.ending, self.tuned = via, catalogs, out, ending, tuned
        self.begin = time.monotonic()
        self.log = out / "requests.jsonl"
        self.sandbox = local.start_world(
            out / "sandbox",
            catalogs,
            cache=OUT / "cache",
            request_log=self.log.resolve(),
            parent_pid=os.getpid(),
            progress=self.say,
        )
        ending.callback(process.stop, self.sandbox)
        local.use(local.environment(self.sandbox) | {"RECOVERY_OPS_CATALOGS": str(catalogs.resolve())})
        self.system: System = load_system(name, catalogs)
        self.target = next(region for region in self.system.regions if region != self.system.home)

    def say(self, what: str) -> None:
        console.print(f"[dim]{time.monotonic() - self.begin:6.1f} s[/dim]  {what}")

    def play(self) -> dict[str, Any]:
        api = self._airflow() if self.via == "airflow" else None
        self._protect(api)
        outside = self._outside()
        time.sleep(2.0)
        impact = self._kill()
        ref = self._recover(api, impact)
        time.sleep(1.0)
        outside.leave()
        return self._evidence(ref, impact, outside)

    def _airflow(self) -> AirflowApi:
        folder = OUT / "stack"
        airflow_stack.down(folder)
        self.ending.callback(airflow_stack.down, folder)
        running = airflow_stack.up(
            folder,
            dags=self.catalogs,
            plugins=Path("plugins"),
            extra=local.environment(self.sandbox),
            tuned=self.tuned,
            parent_pid=os.getpid(),
            progress=self.say,
        )
        api = AirflowApi(running.airflow_url, PERSON, running.password(PERSON))
        self.say(f"Airflow answers at {running.airflow_url} after {running.started_s} s")
        await_dags(api, {self._dag, f"protect__{self.system.name}"})
        api.unpause(self._dag)
        return api

    @property
    def _dag(self) -> str:
        return f"failover__{self.system.name}"

    def _protect(self, api: AirflowApi | None) -> None:
        self.say("taking a consistent recovery point")
        if api is None:
            protect(self.system)
            return
        dag_id = f"protect__{self.system.name}"
        api.unpause(dag_id)  # its schedule starts a run at once
        self._await(lambda: bool({"success", "failed"} & set(api.runs(dag_id).values())), "protection")
        run, state = next((run, state) for run, state in api.runs(dag_id).items() if state in ("success", "failed"))
        if state != "success":
            raise RecoveryError(f"protection failed:\n{api.log(dag_id, run, 'protect')[-3000:]}")
        api.pause(dag_id)

    def _outside(self) -> Outside:
        self.say("sending out a client, one that ignores TTL, and a writer")
        outside = send_everybody(self.system, self.sandbox, self.out)
        self.ending.callback(outside.leave)
        return outside

    def _kill(self) -> datetime:
        home = self.system.home
        self.sandbox.control.fault(home, "reset")
        impact = datetime.now(UTC)
        self.say(f"[bold red]{home} is dead[/bold red]")
        return impact

    def _recover(self, api: AirflowApi | None, impact: datetime) -> RunRef:
        time.sleep(1.0)  # somebody has to notice
        decided = datetime.now(UTC)
        self.say(f"{PERSON} triggers the failover to {self.target}")
        watch = Watch(self.say)
        if api is None:
            request = RunRequest(
                system=self.system.name,
                mode=Mode.FAILOVER,
                recovery_region=self.target,
                person=PERSON,
                reason=REASON,
                token=decided.isoformat(),
                execution="direct",
                impact_at=impact,
                detected_at=decided,
                decided_at=decided,
            )
            return run_direct(request, self.system, progress=watch.step)
        noticed = decided.isoformat()
        times = {"impact_at": impact.isoformat(), "detected_at": noticed, "decided_at": noticed}
        run = api.trigger(self._dag, {"target_region": self.target, "reason": REASON, **times})
        ref = self._ref(run)
        self._await(lambda: self._over(api, run, watch), "the failover")
        return ref

    def _over(self, api: AirflowApi, run: str, watch: Watch) -> bool:
        for task in api.tasks(self._dag, run):
            watch.task(task["task_id"], task["state"])
        return api.run_state(self._dag, run) in ("success", "failed")

    def _ref(self, dag_run: str) -> RunRef:
        return RunRef(
            system=self.system.name,
            run_id=mint_run_id(f"{self.system.name}/{dag_run}", datetime.now(UTC)),
            recovery_region=self.target,
            impaired_region=self.system.home,
            record_bucket=self.system.record_bucket.format(region=self.target),
        )

    def _await(self, true: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + LIMIT_S
        while not true():
            if time.monotonic() > end:
                raise RecoveryError(f"{what} did not end within {LIMIT_S:.0f} s")
            time.sleep(0.2)

    def _evidence(self, ref: RunRef, impact: datetime, outside: Outside) -> dict[str, Any]:
        outside.testify(load_run(ref), impact)
        report = dict(publish(ref, self.out))
        calls = [json.loads(text) for text in self.log.read_text().splitlines()]
        forbidden = calls_of_run(calls, ref.run_id, self.system.home, impact)
        unknown = strangers(calls)
        console.print(table_of(report))
        self.say(f"report: {self.out / 'report.html'}")
        if forbidden:
            console.print(
                f"[red]{len(forbidden)} calls of the run to {self.system.home} after T0: {forbidden[:3]}[/red]"
            )
        if unknown:
            console.print(f"[red]{len(unknown)} refused requests of unknown callers: {unknown[:3]}[/red]")
        if forbidden or unknown:
            report = report | {"verdict": "fail"}
        return report
