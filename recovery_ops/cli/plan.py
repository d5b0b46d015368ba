"""``recovery-ops plan``: what a run would do, in which order, and how long it may take. Changes nothing."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from recovery_ops.catalog.quantities import in_words
from recovery_ops.cli.readiness import predictions_table, proof_line
from recovery_ops.cli.shelves import reported
from recovery_ops.model.plan import Intent, Mode, Plan
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import System
from recovery_ops.planning import control_plane_steps, plan_to_json

Name = Annotated[str, typer.Argument(metavar="SYSTEM", help="Name of the system.")]
To = Annotated[str, typer.Option("--to", help="Region to recover in.")]
From = Annotated[str | None, typer.Option("--from", help="Region to leave; by default home.")]
WithMode = Annotated[Mode, typer.Option("--mode", help="What the run is for.")]
Only = Annotated[str | None, typer.Option("--component", help="The one component to recover, in mode component.")]
Why = Annotated[Intent, typer.Option("--intent", help="Why we recover.")]
Offline = Annotated[bool, typer.Option("--offline", help="Do not read the record: estimates only.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@reported
def plan(
    system: Name,
    to: To,
    impaired: From = None,
    mode: WithMode = Mode.FAILOVER,
    component: Only = None,
    intent: Why = Intent.REGION_LOSS,
    offline: Offline = False,
    as_json: Json = False,
) -> None:
    """Show the steps of a run, what each waits for, objectives against predictions, the plan's hash and its proof."""
    from recovery_ops.execution.systems import load_system, plan_for
    from recovery_ops.readiness.forecast import forecast

    found = load_system(system, Settings.from_environment().catalogs)
    made = plan_for(found, to, mode=mode, impaired_region=impaired, component=component, intent=intent)
    seen = forecast(found, made, offline=offline)
    if as_json:
        typer.echo(json.dumps(plan_to_json(made) | seen.to_json()))
        return
    console = Console(markup=False)
    show_plan(console, found, made)
    if seen.unread and not offline:
        console.print(f"record not read, so nothing measured is known: {seen.unread}")
    console.print(predictions_table(seen.predictions, "Predicted from what runs and drills measured (from T3)"))
    console.print(proof_line(seen.proof))


def show_plan(console: Console, system: System, made: Plan) -> None:
    """Print ``made`` as tables: steps, then objectives, then the longest chain and the hash."""
    console.print(_steps(made))
    console.print(_objectives(system, made))
    console.print(f"longest chain (*): {' > '.join(made.estimates[0].chain)}")
    needing = control_plane_steps(made)
    console.print(f"control planes: {needing} of {len(made.steps)} steps need one; {_planes(made) or 'none'}")
    console.print(f"plan {made.hash}")


def _steps(made: Plan) -> Table:
    title = f"{made.mode} of {made.system}: {made.impaired_region} to {made.recovery_region}"
    table = Table("step", "needs", "plane", "estimate", "budget", title=title)
    critical = made.estimates[0].chain
    for step in made.steps:
        plane = f"control: {', '.join(step.control_planes)}" if step.control_planes else "data"
        mark = " *" if step.id in critical else ""
        times = (in_words(step.estimate_s), in_words(step.budget_s))
        table.add_row(step.id + mark, ", ".join(step.needs), plane, *times)
    return table


def _objectives(system: System, made: Plan) -> Table:
    table = Table("", "RTO", "forecast", "fits", "RPO", "slowest step", title="Objectives (forecast from T3)")
    rpos = {component.name: component.rpo_of(made.intent) for component in system.components}
    for estimate in made.estimates:
        rpo_s = rpos.get(estimate.name)
        table.add_row(
            estimate.name,
            in_words(estimate.objective_s),
            in_words(estimate.estimate_s),
            "yes" if estimate.fits else "NO",
            "" if rpo_s is None else in_words(rpo_s),
            max(estimate.chain, key=lambda step_id: made.step(step_id).estimate_s),
        )
    return table


def _planes(made: Plan) -> str:
    return ", ".join(sorted({plane for step in made.steps for plane in step.control_planes}))
