"""``recovery-ops findings``: what drills, runs and readiness found wrong, who owns it, and who took the risk."""

import getpass
import json
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from recovery_ops.cli.shelves import open_shelf, places, reported
from recovery_ops.errors import RequestError
from recovery_ops.model.drill_findings import DrillFinding, EntryKind, FindingEntry, FindingStatus
from recovery_ops.record.findings import append_everywhere, known_findings
from recovery_ops.record.store import ObjectStore

app = typer.Typer(
    name="findings", help="List, assign and accept findings; a passing re-test alone closes one.", no_args_is_help=True
)
System = Annotated[str, typer.Argument(metavar="SYSTEM", help="Name of the system.")]
Id = Annotated[str, typer.Argument(metavar="FINDING", help="Id of the finding, as in findings list.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Person = Annotated[str | None, typer.Option(help="Who says so; the user of this machine unless given.")]
Days = Annotated[int | None, typer.Option(min=1, help="Due in so many days; as it was unless given.")]


@app.command("list")
@reported
def list_findings(
    system: System,
    every: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    as_json: Json = False,
) -> None:
    """List open and accepted findings; exit code 1 when one is overdue or an acceptance has expired."""
    now = datetime.now(UTC)
    found = [item for item in known_findings(_stores(system), system) if every or item.closed_at is None]
    if as_json:
        typer.echo(json.dumps([item.to_json(now) for item in found]))
    else:
        table = Table("id", "status", "severity", "component", "what", "owner", "due", title=f"Findings of {system}")
        for item in found:
            what = f"{item.code} {item.subject}: {item.message}"
            due = f"{item.due:%Y-%m-%d}{' OVERDUE' if item.overdue(now) else ''}"
            name = item.component or "(system)"
            table.add_row(item.id, _status(item, now), item.severity, name, what, item.owner or "nobody", due)
        Console(markup=False).print(table)
    if any(item.overdue(now) or item.acceptance_expired(now) for item in found):
        raise typer.Exit(1)


@app.command()
@reported
def show(system: System, finding: Id, as_json: Json = False) -> None:
    """Show one finding with everything that became of it."""
    now, found = datetime.now(UTC), _find(_stores(system), system, finding)
    if as_json:
        typer.echo(json.dumps(found.to_json(now)))
        return
    typer.echo(f"{found.id} {found.component or system} {found.code} {found.subject}: {_status(found, now)}")
    for entry in found.entries:
        until = f" until {entry.until:%Y-%m-%d}" if entry.until else ""
        who = entry.person or entry.run_id or entry.source
        typer.echo(f"  {entry.at:%Y-%m-%d %H:%M} {entry.kind} {entry.owner or ''}{until} by {who}: {entry.reason}")


@app.command()
@reported
def assign(
    system: System,
    finding: Id,
    owner: Annotated[str, typer.Option(help="Who mends it.")],
    due: Days = None,
    person: Person = None,
    as_json: Json = False,
) -> None:
    """Name who mends a finding, and until when."""
    now = datetime.now(UTC)
    until = now + timedelta(days=due) if due is not None else None
    _append(system, finding, EntryKind.ASSIGNED, person, now, as_json=as_json, owner=owner, due=until)


@app.command()
@reported
def accept(
    system: System,
    finding: Id,
    days: Annotated[int, typer.Option(min=1, max=365, help="The acceptance expires in so many days.")],
    reason: Annotated[str, typer.Option(help="Why the risk is taken; stands in the evidence.")],
    person: Person = None,
    as_json: Json = False,
) -> None:
    """Take the risk of a finding for a time; after it the finding is open again. This closes nothing."""
    now = datetime.now(UTC)
    until = now + timedelta(days=days)
    _append(system, finding, EntryKind.ACCEPTED, person, now, as_json=as_json, reason=reason, until=until)


def _append(
    system: str, finding: str, kind: EntryKind, person: str | None, now: datetime, *, as_json: bool, owner: str = "",
    reason: str = "", due: datetime | None = None, until: datetime | None = None,
) -> None:  # fmt: skip
    stores = _stores(system)
    found = _find(stores, system, finding)
    if found.closed_at is not None:
        raise RequestError(f"{finding} was closed by {found.closed_by}; there is nothing to {kind.removesuffix('ed')}")
    entry = FindingEntry(
        finding_id=found.id, at=now, kind=kind, component=found.component, code=found.code, subject=found.subject,
        severity=found.severity, source=found.source, person=person or getpass.getuser(), owner=owner, due=due,
        until=until, reason=reason,
    )  # fmt: skip
    for why in append_everywhere(stores, system, [entry]):
        typer.echo(f"warning: one copy lacks this entry: {why}", err=True)
    after = _find(stores, system, finding)
    typer.echo(json.dumps(after.to_json(now)) if as_json else f"{finding}: {_status(after, now)}")


def _find(stores: list[ObjectStore], system: str, finding: str) -> DrillFinding:
    for item in known_findings(stores, system):
        if item.id == finding:
            return item
    raise RequestError(f"{system} has no finding {finding}; recovery-ops findings list {system} --all names them")


def _stores(system: str) -> list[ObjectStore]:
    return list(open_shelf(system, places(system, None, None))[0].stores)


def _status(found: DrillFinding, now: datetime) -> str:
    if found.acceptance_expired(now):
        return "open, ACCEPTANCE EXPIRED"
    if found.status(now) is FindingStatus.ACCEPTED and found.acceptance is not None:
        return f"accepted until {found.acceptance.until:%Y-%m-%d}"
    return str(found.status(now))
