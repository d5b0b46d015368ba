"""``recovery-ops runs``: what runs there were, and what one of them did, read from the record."""

import json
from collections import defaultdict
from datetime import datetime

import typer
from rich.console import Console
from rich.table import Table

from recovery_ops.cli.record import Bucket, Json, Region, Run, System
from recovery_ops.cli.shelves import open_shelf, places, reported
from recovery_ops.errors import RequestError
from recovery_ops.model.events import EventType
from recovery_ops.record.state import RunState
from recovery_ops.record.views import state_json, summary_json

app = typer.Typer(
    name="runs", help="List runs, show one from the record, and control one that goes on.", no_args_is_help=True
)


@app.command("list")
@reported
def list_runs(system: System, region: Region = None, bucket: Bucket = None, as_json: Json = False) -> None:
    """List the runs of a system, newest first."""
    shelf, _ = open_shelf(system, places(system, region, bucket))
    found = shelf.summaries()
    if as_json:
        typer.echo(json.dumps([summary_json(state) for state in found]))
        return
    table = Table("run", "mode", "from", "to", "declared", "closed", "outcome", "by", title=f"Runs of {system}")
    for state in found:
        table.add_row(
            state.run_id, state.mode, state.impaired_region, state.recovery_region,
            _time(state.declared_at), _time(state.closed_at), state.outcome or "open", state.person,
        )  # fmt: skip
    Console(markup=False).print(table)


@app.command()
@reported
def show(system: System, run: Run, region: Region = None, bucket: Bucket = None, as_json: Json = False) -> None:
    """Show clocks, steps, checks and debts of one run."""
    shelf, found = open_shelf(system, places(system, region, bucket))
    state = shelf.state(run)
    if not state.events:
        raise RequestError(f"{system} has no run {run} in {', '.join(place.bucket for place in found)}")
    if as_json:
        typer.echo(json.dumps(state_json(state)))
        return
    console = Console(markup=False)
    for table in (_facts(state), _steps(state), _checks(state)):
        console.print(table)


def _facts(state: RunState) -> Table:
    table = Table(show_header=False, title=f"Run {state.run_id}")
    table.add_row("outcome", state.outcome or "open")
    table.add_row("what", f"{state.mode} from {state.impaired_region} to {state.recovery_region} ({state.intent})")
    table.add_row("who", f"{state.person}: {state.reason}")
    table.add_row("serving", state.serving_region or "not known")
    for name, at in state.clocks.items():
        table.add_row(name, _time(at))
    for debt in state.debts:
        table.add_row("debt", f"{debt.debt} {debt.component} in {debt.region}: {debt.what} ({debt.why})")
    for gap in state.notes.get(EventType.RECORD_GAP_CLOSED, ()):
        told = "{events} events from {from} to {until} came later: {reason}".format_map(defaultdict(str, gap.facts))
        table.add_row("record gap", told)
    for override in state.overrides:
        table.add_row("override", f"{override.person}: {override.reason}")
    return table


def _steps(state: RunState) -> Table:
    table = Table("step", "status", "attempts", "started", "ended", "worked s", "waited s", "error", title="Steps")
    for step in state.steps.values():
        table.add_row(
            step.id, step.status.value, str(step.attempts), _time(step.started_at), _time(step.ended_at),
            f"{step.worked_s:.1f}", f"{step.waited_s:.1f}", step.error.message if step.error else step.reason,
        )  # fmt: skip
    return table


def _checks(state: RunState) -> Table:
    table = Table("component", "gate", "check", "expected", "observed", "outcome", title="Checks")
    for item in state.current_checks:
        check = item.check
        shown = (json.dumps(check.expected)[:60], json.dumps(check.observed)[:60])
        table.add_row(check.component, check.gate.value, check.name, *shown, check.outcome.value)
    return table


def _time(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S.%f}"[:-3] + " UTC"
