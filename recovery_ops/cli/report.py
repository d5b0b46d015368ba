"""``recovery-ops report``: make the report of a run from its record."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from recovery_ops.cli.record import Bucket, Json, Region, Run, _log_of
from recovery_ops.cli.shelves import open_shelf, places, reported
from recovery_ops.reporting import as_bytes
from recovery_ops.reporting.html import duration
from recovery_ops.reporting.publish import HTML_NAME, publish_log

System = Annotated[str, typer.Option(help="Name of the system.")]
Out = Annotated[Path | None, typer.Option(help="Folder for report.json and report.html; without it none is written.")]


@reported
def report(
    run: Run, system: System, region: Region = None, bucket: Bucket = None, out: Out = None, as_json: Json = False
) -> None:
    """Verify the record of a run and make its report; exit code 1 when the verdict is fail."""
    shelf, found = open_shelf(system, places(system, region, bucket))
    made = publish_log(_log_of(shelf, found, run), out)
    if as_json:
        typer.echo(as_bytes(made), nl=False)
    else:
        _show(made, out)
    if made["verdict"] != "pass":
        raise typer.Exit(1)


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
