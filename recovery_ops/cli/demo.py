"""``recovery-ops demo``: a region dies and the system comes back, on this machine, for real."""

import json
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from recovery_ops.airflow.rest import AirflowApi
from recovery_ops.cli.outside import Outside
from recovery_ops.cli.scene import PERSON, Scene, emptied
from recovery_ops.cli.shelves import reported
from recovery_ops.cli.showing import Watch, table_of
from recovery_ops.drills.settling import publish_settled
from recovery_ops.execution.direct import run_direct
from recovery_ops.execution.view import load_run
from recovery_ops.model.plan import Mode
from recovery_ops.model.runs import RunRef, RunRequest
from recovery_ops.sandbox.request_check import calls_of_run, strangers

OUT = Path("out")
REASON = "us-east-1 does not answer"

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
    emptied(out)
    with ExitStack() as ending:
        return _Demo(system, via, catalogs, out, ending, tuned=tuned).play()


class _Demo:
    def __init__(
        self, name: str, via: str, catalogs: Path, out: Path, ending: ExitStack, *, tuned: bool = True
    ) -> None:
        self.via, self.out, self.tuned = via, out, tuned
        self.scene = Scene(name, catalogs, out, OUT, ending, console)
        self.sandbox, self.system, self.target = self.scene.sandbox, self.scene.system, self.scene.target
        self.log, self.say = self.scene.log, self.scene.say

    def play(self) -> dict[str, Any]:
        api = self.scene.airflow([self._dag], tuned=self.tuned) if self.via == "airflow" else None
        self.scene.protect(api)
        outside = self.scene.outside()
        time.sleep(2.0)
        impact = self._kill()
        ref = self._recover(api, impact)
        time.sleep(1.0)
        outside.leave()
        return self._evidence(ref, impact, outside)

    @property
    def _dag(self) -> str:
        return f"failover__{self.system.name}"

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
        self.scene.wait_for(lambda: self._over(api, run, watch), "the failover")
        return ref

    def _over(self, api: AirflowApi, run: str, watch: Watch) -> bool:
        for task in api.tasks(self._dag, run):
            watch.task(task["task_id"], task["state"])
        return api.run_state(self._dag, run) in ("success", "failed")

    def _ref(self, dag_run: str) -> RunRef:
        home, now = self.system.home, datetime.now(UTC)
        return RunRef.asked(self.system, dag_run, now, recovery_region=self.target, impaired_region=home)

    def _evidence(self, ref: RunRef, impact: datetime, outside: Outside) -> dict[str, Any]:
        outside.testify(load_run(ref), impact)
        report = dict(publish_settled(ref, self.out, self.system))
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
