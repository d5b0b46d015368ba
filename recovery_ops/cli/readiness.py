"""``recovery-ops readiness`` and ``recovery-ops rpo``: would a recovery work today, and how much would it lose."""

import json
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from recovery_ops.catalog.quantities import in_words
from recovery_ops.cli.shelves import reported
from recovery_ops.errors import RequestError
from recovery_ops.model.findings import Severity
from recovery_ops.model.readiness import Direction, Outlook, Prediction, Proof, Sweep
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import System

Name = Annotated[str, typer.Argument(metavar="SYSTEM", help="Name of the system.")]
To = Annotated[str | None, typer.Option("--to", help="Recovery region to ask; all by default.")]
Store = Annotated[bool, typer.Option("--store/--no-store", help="Keep the sweep in the record.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@reported
def readiness(system: Name, to: To = None, store: Store = True, as_json: Json = False) -> None:
    """Ask everything a recovery depends on; exit code 1 when a blocker stands. Changes nothing but its own record."""
    from recovery_ops.readiness.sweeping import sweep

    found = _system(system)
    made = sweep(found, regions=_regions(found, to), store=store and to is None)
    if as_json:
        typer.echo(json.dumps(made.to_json()))
    else:
        show_sweep(Console(markup=False), made)
    if any(item.finding.severity is Severity.BLOCKER for item in made.open):
        raise typer.Exit(1)


@reported
def rpo(system: Name, to: To = None, as_json: Json = False) -> None:
    """Show the age of the newest recoverable state of every component; exit code 1 when an RPO is exceeded."""
    from recovery_ops.readiness.rpo import as_rows, live_rpo

    loaded = _system(system)
    found = live_rpo(loaded, regions=_regions(loaded, to))
    if as_json:
        ways = [
            {"region": way.region, "dark": way.dark, "point_id": way.point_id, "within": way.within,
             "findings": [item.to_json() for item in way.findings]}
            for way in found
        ]  # fmt: skip
        typer.echo(json.dumps({"system": system, "regions": ways, "components": as_rows(found)}))
    else:
        console = Console(markup=False)
        table = Table("region", "component", "from", "captured until", "age", "RPO", "within", title=f"RPO of {system}")
        for row in as_rows(found):
            age = "nothing to recover" if row["age_s"] is None else _time(float(str(row["age_s"])))
            goal = "" if row["objective_s"] is None else in_words(float(str(row["objective_s"])))
            within = {True: "yes", False: "NO", None: ""}[row["within"]]  # type: ignore[index]
            until = str(row["watermark"] or "")[:19]
            table.add_row(str(row["region"]), str(row["component"]), str(row["source"]), until, age, goal, within)
        console.print(table)
        for way in found:
            console.print(f"{way.region}: {'does not answer' if way.dark else f'newest point {way.point_id}'}")
            for item in way.findings:
                console.print(f"  {item.code}: {item.message}")
    if not all(way.within for way in found):
        raise typer.Exit(1)


def show_sweep(console: Console, made: Sweep) -> None:
    """Print findings, what changed, and for every way its state, predictions and proof."""
    console.print(_findings(made))
    for item in made.resolved:
        console.print(f"resolved: {item.finding.component or made.system} {item.finding.code}: {item.finding.message}")
    for way in made.directions:
        console.print(predictions_table(way.predictions, f"{way.from_region} to {way.region}: {way.state}"))
        console.print(longest_chain(way, made.system))
        console.print(proof_line(way.proof))
    dark = f"; no answer from {', '.join(made.dark)}" if made.dark else ""
    console.print(f"{made.system} is {made.state} ({made.took_s:.1f} s{dark})")


def predictions_table(predictions: Sequence[Prediction], title: str) -> Table:
    """Return predicted against wanted, one row per objective."""
    table = Table("", "", "objective", "likely (p50)", "late (p90)", "measured", "verdict", title=title)
    for item in predictions:
        likely, late = (("not known" if value is None else _time(value)) for value in (item.likely_s, item.late_s))
        basis = f"{item.basis}, {item.runs}x" if item.runs else str(item.basis)
        verdict = str(item.verdict).upper() if item.verdict is Outlook.NOT_ACHIEVABLE else str(item.verdict)
        table.add_row(item.name, item.objective.upper(), in_words(item.objective_s), likely, late, basis, verdict)
    return table


def longest_chain(way: Direction, system: str) -> str:
    """Return the longest chain of a way in one line."""
    found = way.prediction(system, "rto")
    return f"longest chain: {' > '.join(found.chain)} ({found.why})" if found else ""


def proof_line(proof: Proof) -> str:
    """Return whether the plan is proven, in one line."""
    drill = f"; rehearsed by drill {proof.rehearsed_by}" if proof.rehearsed_by else ""
    return f"plan {proof.plan_hash[:12]} is {proof.state}: {proof.why}{drill}"


def _findings(made: Sweep) -> Table:
    table = Table(
        "severity", "region", "component", "code", "what", "hint", "since", title=f"Readiness of {made.system}"
    )
    for item in made.open:
        facts = item.finding
        since = f"{item.first_seen:%Y-%m-%d %H:%M}{' (new)' if item.key in made.new else ''}"
        table.add_row(
            facts.severity, item.region, facts.component or "(system)", facts.code, facts.message, facts.hint, since
        )
    return table


def _system(name: str) -> System:
    from recovery_ops.execution.systems import load_system

    return load_system(name, Settings.from_environment().catalogs)


def _regions(system: System, wanted: str | None) -> tuple[str, ...]:
    if wanted is not None and wanted not in system.regions:
        raise RequestError(f"{system.name} has the regions {', '.join(system.regions)}, not {wanted}")
    return () if wanted is None else (wanted,)


def _time(seconds: float) -> str:
    return (
        f"{seconds:.1f} s"
        if seconds < 60
        else f"{seconds / 60:.1f} min"
        if seconds < 3600
        else f"{seconds / 3600:.1f} h"
    )
