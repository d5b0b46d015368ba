"""``recovery-ops debts``: what is owed since a region did not answer, and paying it."""

import getpass
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from recovery_ops.cli.shelves import reported
from recovery_ops.execution.debts import OpenDebt, Payment, open_debts, pay_debts, settle_by_hand
from recovery_ops.execution.systems import load_system

app = typer.Typer(name="debts", help="Show and pay what runs could not do in a dead region.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="System.")]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
Catalogs = Annotated[Path, typer.Option(help="Folder with catalogs.", envvar="RECOVERY_OPS_CATALOGS")]


@app.command("list")
@reported
def list_debts(system: Name, as_json: Json = False, catalogs: Catalogs = Path("dags")) -> None:
    """List open debts, fences first; exit code 1 while there are any."""
    owed = open_debts(load_system(system, catalogs))
    if as_json:
        typer.echo(json.dumps([debt.to_json() for debt in owed]))
    else:
        Console(markup=False).print(_table(owed) if owed else f"{system} owes nothing")
    raise typer.Exit(1 if owed else 0)


@app.command()
@reported
def pay(
    system: Name,
    by_hand: Annotated[str | None, typer.Option(help="Component whose debt a person has paid outside of AWS.")] = None,
    reason: Annotated[str, typer.Option(help="With --by-hand: what was done; stands in the record.")] = "",
    as_json: Json = False,
    catalogs: Catalogs = Path("dags"),
) -> None:
    """Pay every debt that can be paid now; exit code 4 when some are left."""
    described, person = load_system(system, catalogs), getpass.getuser()
    if by_hand is not None:
        if not reason:
            raise typer.BadParameter("--by-hand needs --reason")
        payments = settle_by_hand(described, by_hand, person=person, reason=reason)
    else:
        payments = pay_debts(described, person=person)
    if as_json:
        typer.echo(json.dumps([_json(payment) for payment in payments]))
    else:
        for payment in payments:
            what = "; ".join(payment.done) if payment.paid else f"not paid: {payment.why}"
            typer.echo(f"{payment.debt.debt} {payment.debt.component} in {payment.debt.region}: {what}")
    raise typer.Exit(0 if all(payment.paid for payment in payments) else 4)


def _json(payment: Payment) -> dict[str, object]:
    return payment.debt.to_json() | {"paid": payment.paid, "done": list(payment.done), "not_paid_because": payment.why}


def _table(owed: tuple[OpenDebt, ...]) -> Table:
    table = Table("debt", "component", "region", "what", "noted by", "since")
    for debt in owed:
        table.add_row(debt.debt, debt.component, debt.region, debt.what, debt.noted_by, f"{debt.at:%Y-%m-%d %H:%M} UTC")
    return table
