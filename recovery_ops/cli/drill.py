"""``recovery-ops drill``: practise a recovery beside production, list drills, stop them, clean up after them."""

import getpass
import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from recovery_ops.cli.drill_calendar import show_calendar, show_plan
from recovery_ops.cli.drill_requests import request_of
from recovery_ops.cli.failover import Execution
from recovery_ops.cli.interrupting import resumable
from recovery_ops.cli.shelves import open_shelf, places, reported
from recovery_ops.cli.showing import Watch, concluded
from recovery_ops.errors import RecoveryError, RequestError
from recovery_ops.model.drills import DrillKind
from recovery_ops.model.runs import RunRef, RunRequest
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import System

app = typer.Typer(
    name="drill", help="Practise a recovery beside production; list, stop and clean up drills.", no_args_is_help=True
)
console = Console(stderr=True)

Name = Annotated[str, typer.Argument(metavar="SYSTEM", help="Name of the system.")]
Kind = Annotated[DrillKind, typer.Option(help="How much is drilled.")]
Component = Annotated[str | None, typer.Option(help="component drills: which; the least drilled unless given.")]
Region = Annotated[str | None, typer.Option(help="Where it is brought up; the first that does not serve.")]
Via = Annotated[Execution, typer.Option(help="Who carries it out.")]
Reason = Annotated[str, typer.Option(help="Why; stands in the evidence.")]
Inject = Annotated[bool, typer.Option("--inject/--no-inject", help="Break the region for the drill first.")]
Out = Annotated[Path, typer.Option(help="Folder for the report.")]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
Person = Annotated[str | None, typer.Option(help="Who asks; the user of this machine unless given.")]
EVERY_SYSTEM = "every system of the catalogs"

app.command("calendar")(show_calendar)
app.command("plan")(show_plan)


@app.command()
@reported
def run(
    system: Name,
    kind: Kind = DrillKind.COMPONENT,
    component: Component = None,
    region: Region = None,
    reason: Reason = "",
    inject: Inject = True,
    via: Via = Execution.DIRECT,
    scenario: Annotated[str, typer.Option(help="tabletop: name of a scenario, or a file.")] = "regional-loss",
    answers: Annotated[Path | None, typer.Option(help="tabletop: file with answers; they count as simulated.")] = None,
    simulate: Annotated[
        bool | None, typer.Option("--simulate/--attended", help="tabletop: nobody takes part; so unless at a terminal.")
    ] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="RUN", help="tabletop: go on with one that was cut off.")
    ] = None,
    announced: Annotated[bool, typer.Option("--announced/--unannounced", help="tabletop: people knew of it.")] = True,
    third_party: Annotated[list[str] | None, typer.Option(help="tabletop: who else takes part; repeatable.")] = None,
    ci: Annotated[bool, typer.Option("--ci", help="No colours; one line per step, for the log of a pipeline.")] = False,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML there.")] = None,
    local: Annotated[bool, typer.Option("--local", help="On a sandbox of its own, started and ended here.")] = False,
    as_json: Json = False,
    out: Out = Path("out"),
    catalogs: Annotated[Path | None, typer.Option(help="Folder with catalogs; that of the environment.")] = None,
) -> None:
    """Run a drill to its end, clean-up included; exit code 0 only if it passed."""
    screen = Console(stderr=True, no_color=True, width=200) if ci else console
    folder = catalogs or Settings.from_environment().catalogs
    asked: dict[str, Any] = {"kind": kind, "component": component, "reason": reason, "inject": inject}
    if kind is DrillKind.TABLETOP:
        from recovery_ops.cli.tabletop import Options

        asked["tabletop"] = Options(
            scenario=scenario, answers=answers, simulate=simulate, resume=resume, announced=announced,
            third_parties=tuple(third_party or ()), reason=reason, attended=sys.stdin.isatty(),
        )  # fmt: skip
    elif answers or resume or simulate is not None:
        raise RequestError(
            f"--answers, --simulate and --resume are for tabletops; a {kind} drill goes on by: runs resume"
        )
    if local:
        from recovery_ops.cli.drill_stage import play

        report, where = play(system, str(via), folder, out, asked, screen), out / "drill"
    elif kind is DrillKind.TABLETOP:
        report, where = _tabletop(_load(system, folder), asked["tabletop"], via, screen, out)
    else:
        described = _load(system, folder)
        request = request_of(described, kind, component, region, reason, inject, str(via))
        ref = _carry_out(request, described, screen)
        where = out / ref.run_id
        report = _published(ref, where)
    if junit is not None:
        write_junit(report, junit)
    raise typer.Exit(concluded(report, screen, where, as_json=as_json))


def _tabletop(system: System, said: Any, via: Execution, screen: Console, out: Path) -> tuple[Mapping[str, Any], Path]:
    from recovery_ops.cli.tabletop import hold
    from recovery_ops.cli.triggering import airflow_of

    api = airflow_of(os.environ) if via is Execution.AIRFLOW else None
    ref = hold(system, said, screen, api, screen.print)
    return _published(ref, out / ref.run_id), out / ref.run_id


@app.command("list")
@reported
def list_drills(system: Name, as_json: Json = False) -> None:
    """List drills, newest first, each with what its report says."""
    from recovery_ops.reporting.drill_history import held

    described = _load(system, Settings.from_environment().catalogs)
    shelf, _ = open_shelf(system, places(system, None, None))
    found = list(held(described.name, shelf.stores))
    if as_json:
        rows = [
            {"run_id": item.run_id, "kind": str(item.kind), "component": item.component or None,
             "scenario": item.scenario or None, "at": item.at.isoformat(), "passed": item.passed}
            for item in found
        ]  # fmt: skip
        typer.echo(json.dumps(rows))
        return
    table = Table("run", "kind", "component", "closed", "passed", title=f"Drills of {system}")
    for item in found:
        name = item.component or item.scenario
        table.add_row(item.run_id, item.kind, name, f"{item.at:%Y-%m-%d %H:%M} UTC", "yes" if item.passed else "no")
    Console(markup=False).print(table)


@app.command()
@reported
def stop(
    system: Annotated[str | None, typer.Argument(metavar="[SYSTEM]", help=EVERY_SYSTEM + " unless given.")] = None,
    reason: Reason = "asked from the command line",
    person: Person = None,
    as_json: Json = False,
) -> None:
    """Let no drill start, and end those that go on: they clean up and close. Real runs never look at this."""
    from recovery_ops.record.drill_stops import Stop, Stops

    made = Stop(system=system or "", person=person or getpass.getuser(), reason=reason, at=datetime.now(UTC))
    reached = _everywhere(system, lambda store: Stops(store).put(made))
    typer.echo(json.dumps({"stopped": reached}) if as_json else f"{made.told}\nwritten to: {', '.join(reached)}")


@app.command()
@reported
def allow(
    system: Annotated[str | None, typer.Argument(metavar="[SYSTEM]", help=EVERY_SYSTEM + " unless given.")] = None,
    as_json: Json = False,
) -> None:
    """Take back a stop of the same scope; drills may start again."""
    from recovery_ops.record.drill_stops import Stops

    reached = _everywhere(system, lambda store: Stops(store).lift(system or ""))
    typer.echo(json.dumps({"allowed": reached}) if as_json else f"drills may start again: {', '.join(reached)}")


@app.command()
@reported
def clean(
    system: Name,
    run_id: Annotated[str | None, typer.Argument(metavar="[RUN]", help="Only this drill.")] = None,
    reason: Reason = "its runner is gone",
    person: Person = None,
    as_json: Json = False,
    out: Out = Path("out"),
) -> None:
    """End drills whose runner is gone: remove, close, report. Exit code 1 when something is left or not reported."""
    from recovery_ops.drills.clearing import clear, told

    described = _load(system, Settings.from_environment().catalogs)
    watch = Watch(console.print)
    who = person or getpass.getuser()
    found = clear(described, person=who, reason=reason, run_id=run_id, progress=watch.step, out=out)
    if as_json:
        rows = [
            {"run_id": item.run_id, "removed": item.removed, "leftovers": item.leftovers, "why": item.why or None,
             "verdict": item.verdict or None, "unreported": item.unreported or None}
            for item in found
        ]  # fmt: skip
        typer.echo(json.dumps(rows))
    else:
        typer.echo(told(found))
    if not all(item.done for item in found):
        raise typer.Exit(1)


@app.command("restore-test")
@reported
def restore(
    system: Name,
    component: Annotated[str | None, typer.Option(help="Which; one by chance unless given.")] = None,
    point: Annotated[str | None, typer.Option(help="Which recovery point; one by chance unless given.")] = None,
    region: Region = None,
    person: Person = None,
    as_json: Json = False,
) -> None:
    """Restore a component from a recovery point beside production, verify and remove it; the result stands with it."""
    from recovery_ops.drills.restoring import restore_test

    described = _load(system, Settings.from_environment().catalogs)
    test = restore_test(
        described, person=person or getpass.getuser(), point_id=point, component=component, region=region
    )
    took = "" if test.rto_s is None else f", {test.rto_s:.0f} s"
    said = f"{test.point_id} {test.component} in {test.region}: {'pass' if test.passed else 'FAIL'}{took} {test.why}"
    typer.echo(json.dumps(test.to_json()) if as_json else said.rstrip())
    if not test.passed:
        raise typer.Exit(1)


def write_junit(report: Mapping[str, Any], path: Path) -> None:
    """Write the report as JUnit XML.

    Raises:
        RequestError: The file cannot be written.
    """
    from recovery_ops.drills.junit import junit

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(junit(report))
    except OSError as error:
        raise RequestError(f"JUnit XML cannot be written to {path}: {error.strerror or error}") from error


def _carry_out(request: RunRequest, system: System, screen: Console) -> RunRef:
    from recovery_ops.execution.declare import plan_of
    from recovery_ops.execution.direct import carry_on, open_direct

    if request.execution == Execution.AIRFLOW:
        from recovery_ops.cli.triggering import airflow_of, run_in_airflow

        return run_in_airflow(airflow_of(os.environ), request, system, plan_of(request, system).impaired_region, screen)
    ref = open_direct(request, system)
    screen.print(f"drill {ref.run_id} is open; stop it with: recovery-ops runs cancel {ref.system} {ref.run_id}")
    with resumable(ref):
        carry_on(ref, progress=Watch(screen.print).step)
    return ref


def _published(ref: RunRef, folder: Path) -> Mapping[str, Any]:
    from recovery_ops.drills.settling import publish_settled

    return publish_settled(ref, folder)


def _everywhere(system: str | None, write: Any) -> list[str]:
    """Write to the record of every region that answers; return where.

    Raises:
        RecoveryError: No record answers.
    """
    from recovery_ops.catalog import system_files
    from recovery_ops.execution.view import record_store

    folder = Settings.from_environment().catalogs
    names = [system] if system else sorted(system_files(folder))
    buckets = {
        (region, described.record_bucket.format(region=region)): described
        for described in (_load(name, folder) for name in names)
        for region in described.regions
    }
    reached: list[str] = []
    last: RecoveryError | None = None
    for (region, bucket), described in buckets.items():
        try:
            write(record_store(described, region, suspect=True))
        except RecoveryError as error:
            last = error
            console.print(f"not written to {bucket} in {region}: {error.message}")
            continue
        reached.append(bucket)
    if not reached and last is not None:
        raise last
    return reached


def _load(name: str, folder: Path) -> System:
    from recovery_ops.execution.systems import load_system

    return load_system(name, folder)
