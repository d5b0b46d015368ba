"""``recovery-ops cost``: what the protection of a system costs a month, beside what it promises."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from recovery_ops.catalog.quantities import in_words
from recovery_ops.cli.shelves import reported
from recovery_ops.model.cost import Bill
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import System

Name = Annotated[str, typer.Argument(metavar="SYSTEM", help="Name of the system.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@reported
def cost(system: Name, as_json: Json = False) -> None:
    """Show the monthly list price of a system's protection beside its objectives. Reads only."""
    from recovery_ops.execution.systems import load_system
    from recovery_ops.readiness.spending import monthly_bill

    found = load_system(system, Settings.from_environment().catalogs)
    made = monthly_bill(found)
    if as_json:
        goals = {item.name: {"rto_s": item.rto_s, "rpo_s": item.rpo_s} for item in found.components}
        typer.echo(json.dumps(made.to_json() | {"objectives": {found.name: {"rto_s": found.rto_s}, **goals}}))
        return
    console = Console(markup=False)
    console.print(_objectives(found, made))
    console.print(_lines(made))
    bound = "" if made.complete else " at least (something has no price)"
    console.print(f"{found.name}: {made.total_usd:.2f} USD a month{bound}, list prices of {made.as_of}")
    for item in made.not_counted:
        console.print(f"not counted: {item}")


def _objectives(system: System, made: Bill) -> Table:
    table = Table("", "tier", "standby", "RTO", "RPO", "USD a month", title=f"Protection of {system.name}")
    table.add_row(f"{system.name} (shared)", system.lead_tier, "", in_words(system.rto_s), "", f"{made.of(''):.2f}")
    for item in system.components:
        goal = "" if item.rpo_s is None else in_words(item.rpo_s)
        table.add_row(item.name, item.tier, item.standby, in_words(item.rto_s), goal, f"{made.of(item.name):.2f}")
    return table


def _lines(made: Bill) -> Table:
    table = Table("component", "region", "for", "what", "a month", "unit", "USD per unit", "USD", title="Lines")
    for line in made.lines:
        usage = line.usage
        prices = ("no price", "no price") if line.usd is None else (f"{line.unit_usd:g}", f"{line.usd:.4f}")
        name = usage.component or "(shared)"
        table.add_row(name, usage.region, usage.purpose, usage.what, f"{usage.quantity:.6g}", line.unit, *prices)
    return table
