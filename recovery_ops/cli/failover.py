"""``recovery-ops failover`` and ``protect`` from a terminal."""

import enum
import getpass
import json
import os
import uuid
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.aws.traffic import probe
from recovery_ops.cli.interrupting import resumable
from recovery_ops.cli.shelves import reported
from recovery_ops.cli.showing import Watch, concluded
from recovery_ops.cli.triggering import airflow_of, run_in_airflow
from recovery_ops.execution.declare import plan_of
from recovery_ops.execution.direct import carry_on, open_direct
from recovery_ops.execution.protecting import protect
from recovery_ops.execution.systems import load_system
from recovery_ops.model.plan import Intent, Mode
from recovery_ops.model.runs import RunRef, RunRequest
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import System
from recovery_ops.planning import plan_to_json
from recovery_ops.protection.choice import choose_point

console = Console(stderr=True)


class Execution(enum.StrEnum):
    """Who carries a run out."""

    DIRECT = "direct"
    AIRFLOW = "airflow"


Catalogs = Annotated[Path, typer.Option(help="Folder with catalogs.", envvar="RECOVERY_OPS_CATALOGS")]


@reported
def failover(
    system: Annotated[str, typer.Argument(help="System to bring back.")],
    to: Annotated[str, typer.Option(help="Recovery region.")],
    reason: Annotated[str, typer.Option(help="What happened; stands in the evidence.")] = "",
    since: Annotated[datetime | None, typer.Option(help="T0: when users were first hit, UTC.")] = None,
    intent: Annotated[Intent, typer.Option(help="Newest state, or a point from before damage.")] = Intent.REGION_LOSS,
    before: Annotated[datetime | None, typer.Option(help="corruption: newest complete point until then, UTC.")] = None,
    point: Annotated[str | None, typer.Option(help="One exact recovery point.")] = None,
    override: Annotated[str | None, typer.Option(help="Reason to move traffic in spite of failed gates.")] = None,
    graceful: Annotated[bool, typer.Option("--graceful/--ungraceful")] = False,
    via: Annotated[Execution, typer.Option(help="Who carries it out.")] = Execution.DIRECT,
    dry_run: Annotated[bool, typer.Option(help="Show plan and recovery point, change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("out"),
    catalogs: Catalogs = Path("dags"),
) -> None:
    """Fail a system over, from here or through Airflow; exit code 0 only if the verdict is pass."""
    from datetime import UTC

    described = load_system(system, catalogs)
    request = RunRequest(
        system=system,
        mode=Mode.FAILOVER,
        recovery_region=to,
        person=getpass.getuser(),
        reason=reason or "declared from the command line",
        token=uuid.uuid4().hex,
        execution=via,
        graceful=graceful,
        intent=intent,
        impact_at=since.replace(tzinfo=UTC) if since else None,
        before=before.replace(tzinfo=UTC) if before else None,
        point_id=point,
        override=override,
    )
    if dry_run:
        show_plan(request, described, as_json=as_json)
        return
    carry_out(request, described, out, as_json=as_json)


def carry_out(request: RunRequest, described: System, out: Path, *, as_json: bool) -> None:
    """Run the request to its end, write the report and leave with its exit code."""
    from recovery_ops.drills.settling import publish_settled

    if request.execution == Execution.AIRFLOW:
        ref = run_in_airflow(
            airflow_of(os.environ), request, described, plan_of(request, described).impaired_region, console
        )
    else:
        ref = _directly(request, described)
    report = publish_settled(ref, out / ref.run_id, described)
    raise typer.Exit(concluded(report, console, out / ref.run_id, as_json=as_json))


def _directly(request: RunRequest, described: System) -> RunRef:
    ref = open_direct(request, described)
    console.print(
        f"run {ref.run_id} is open; control it with: recovery-ops runs pause|cancel|… {ref.system} {ref.run_id}"
    )
    with resumable(ref):
        carry_on(ref, progress=Watch(console.print).step)
    return ref


def show_plan(request: RunRequest, described: System, *, as_json: bool) -> None:
    """Show plan and recovery point of a request; changes nothing."""
    from datetime import UTC

    plan = plan_of(request, described)
    now = datetime.now(UTC)
    with calling_as(Caller(run_id="dry-run", step="declare", forbidden_region=plan.impaired_region)):
        choice = choose_point(described, request, impact_at=request.impact_at or now)
    answer = probe(described.traffic.name, described.traffic.path, b"{}", resolver=Settings.from_environment().resolver)
    age_s = ((request.impact_at or now) - choice.point.watermark).total_seconds()
    facts = {
        "plan": plan_to_json(plan),
        "point": {"id": choice.point.id, "age_s": age_s, "refused": dict(choice.refused)},
        "answered_by": answer.region or None,
    }
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    console.print(
        f"plan {plan.hash[:12]}: {len(plan.steps)} steps from {plan.impaired_region} to {plan.recovery_region}"
    )
    for estimate in plan.estimates:
        console.print(f"  {estimate.name}: {estimate.estimate_s:.0f} s of {estimate.objective_s:.0f} s")
    console.print(f"recovery point {choice.point.id}, {age_s:.0f} s old")
    for name, why in choice.refused.items():
        console.print(f"[yellow]  refused {name}: {why}[/yellow]")
    if answer.region == plan.impaired_region:
        console.print(
            f"[yellow]{plan.impaired_region} still answers for {described.traffic.name}: is it dead?[/yellow]"
        )


@reported
def protect_now(
    system: Annotated[str, typer.Argument(help="System to protect.")],
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout.")] = False,
    catalogs: Catalogs = Path("dags"),
) -> None:
    """Take a consistent recovery point of a system now."""
    point = protect(load_system(system, catalogs))
    facts = {"point_id": point.id, "taken_at": point.taken_at.isoformat(), "watermark": point.watermark.isoformat()}
    typer.echo(json.dumps(facts) if as_json else f"{point.id}: everything until {point.watermark:%H:%M:%S} UTC")
