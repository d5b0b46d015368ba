"""``recovery-ops report``: make the report of a run from its record, sign it, and show how runs went over time."""

import getpass
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperGroup

from recovery_ops.cli import record
from recovery_ops.cli.record import Bucket, Json, Region, Run, _log_of
from recovery_ops.cli.shelves import open_shelf, places, reported
from recovery_ops.drills.settling import settle_quietly
from recovery_ops.errors import RecordError
from recovery_ops.record.shelf import Shelf
from recovery_ops.reporting import as_bytes
from recovery_ops.reporting.html import render, render_summary, render_trend
from recovery_ops.reporting.phrases import DASH, day, duration, value
from recovery_ops.reporting.publish import HTML_NAME, SUMMARY_NAME, publish_log, report_of, write
from recovery_ops.reporting.trend import kind_of, trend

MAKE = "make"
System = Annotated[str, typer.Option(help="Name of the system.")]
Out = Annotated[Path | None, typer.Option(help="Folder for report.json and report.html; without it none is written.")]
Summary = Annotated[bool, typer.Option("--summary", help="Write summary.html too, one page for management.")]
Pdf = Annotated[Path | None, typer.Option(help="Print the report to this file; needs Chromium.")]
Person = Annotated[str | None, typer.Option(help="Who signs; the user of this machine unless given.")]
Comment = Annotated[str, typer.Option(help="Stands in the evidence.")]


class ReportGroup(TyperGroup):
    """``recovery-ops report RUN`` makes a report, as ``recovery-ops report make RUN`` does."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put ``make`` before whatever is neither a command nor a call for help."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [MAKE, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    name="report",
    cls=ReportGroup,
    help="Make the report of a run (report RUN --system SYSTEM), sign it, and show runs over time.",
    no_args_is_help=True,
)


@app.command(MAKE)
@reported
def report(
    run: Run,
    system: System,
    region: Region = None,
    bucket: Bucket = None,
    out: Out = None,
    summary: Summary = False,
    pdf: Pdf = None,
    as_json: Json = False,
) -> None:
    """Verify the record of a run and make its report; exit code 1 when the verdict is fail."""
    shelf, found = open_shelf(system, places(system, region, bucket))
    made = publish_log(_log_of(shelf, found, run), out)
    settle_quietly(system, made, shelf.stores)
    if summary:
        write(out or Path(), {SUMMARY_NAME: render_summary(made).encode()})
    if pdf is not None:
        from recovery_ops.reporting.pdf import print_pdf

        print_pdf(render_summary(made) if summary and out is None else render(made), pdf)
    if as_json:
        typer.echo(as_bytes(made), nl=False)
    else:
        _show(made, out)
    if made["verdict"] != "pass":
        raise typer.Exit(1)


@app.command()
@reported
def sign(
    system: record.System,
    run: Run,
    comment: Comment = "",
    person: Person = None,
    reject: Annotated[bool, typer.Option("--reject", help="Do not accept the report.")] = False,
    region: Region = None,
    bucket: Bucket = None,
    as_json: Json = False,
) -> None:
    """Accept the report of a closed run, or reject it: an event of the person, that later reports show.

    Accepting says that the evidence is complete and understood; it makes no failed run a pass.
    """
    from recovery_ops.execution.debts import LEDGER
    from recovery_ops.reporting import signatures

    shelf, found = open_shelf(system, places(system, region, bucket))
    log = _log_of(shelf, found, run)
    who, decision = person or getpass.getuser(), signatures.REJECT if reject else signatures.ACCEPT
    payments = shelf.events(LEDGER)
    event = signatures.sign(log, report_of(log), person=who, decision=decision, comment=comment, payments=payments)
    made = publish_log(log)
    if as_json:
        typer.echo(json.dumps(made["sign_off"]))
    else:
        typer.echo(f"{run}: {made['sign_off']['state']} by {who}, verdict {made['verdict']}; event {event.hash[:12]}")


@app.command("trend")
@reported
def show_trend(
    system: record.System,
    region: Region = None,
    bucket: Bucket = None,
    html: Annotated[Path | None, typer.Option(help="Write a page to this file.")] = None,
    last: Annotated[int, typer.Option(min=1, help="So many of the newest runs.")] = 50,
    as_json: Json = False,
) -> None:
    """Show every closed run of a system in figures, oldest first, and how recovery times moved."""
    shelf, _ = open_shelf(system, places(system, region, bucket))
    found = _trend(shelf, last)
    if html is not None:
        write(html.parent, {html.name: render_trend(found).encode()})
    if as_json:
        typer.echo(json.dumps(found))
    else:
        _list(found)


def _trend(shelf: Shelf, last: int) -> dict[str, Any]:
    runs, not_read = [], []
    for run_id in [run.run_id for run in shelf.summaries() if run.closed_at is not None][:last]:
        try:
            runs.append(shelf.events(run_id))
        except RecordError:
            not_read.append(run_id)
    return trend(shelf.system, runs, not_read=not_read)


def _list(found: dict[str, Any]) -> None:
    table = Table("run", "closed", "kind", "RTO", "objective", "lost", "checks", "verdict", title=found["system"])
    for run in found["runs"]:
        wanted = DASH if run["rto_objective_s"] is None else duration(run["rto_objective_s"])
        checks = f"{run['checks_passed']} of {run['checks']}"
        shown = (day(run["closed_at"]), kind_of(run), duration(run["rto_s"]), wanted, value(run["lost"]), checks)
        table.add_row(run["run_id"], *shown, run["verdict"])
    Console(markup=False).print(table)
    for run_id in found["not_read"]:
        typer.echo(f"{run_id}: its record cannot be read")


def _show(made: dict[str, Any], out: Path | None) -> None:
    table = Table("component", "kind", "achieved", "objective", "verdict", title=f"Run {made['identity']['run_id']}")
    for item in made["objectives"]:
        shown = (duration(item["achieved_s"]), duration(item["objective_s"]))
        table.add_row(item["component"], item["kind"].upper(), *shown, item["verdict"])
    Console(markup=False).print(table)
    for reason in made["result"]["reasons"]:
        typer.echo(f"{reason['rule']}: {reason['what']}")
    typer.echo(f"verdict: {made['verdict']}")
    if out is not None:
        typer.echo(f"report: {out / HTML_NAME}")
