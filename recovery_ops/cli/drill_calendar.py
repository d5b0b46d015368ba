"""``recovery-ops drill calendar`` and ``drill plan``: what is due, and what a drill would do. Both change nothing."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from recovery_ops.catalog.quantities import in_words
from recovery_ops.cli.drill_requests import request_of
from recovery_ops.cli.shelves import reported
from recovery_ops.model.drills import DrillKind
from recovery_ops.model.settings import Settings

if TYPE_CHECKING:
    from recovery_ops.drills.scheduling import Agenda
    from recovery_ops.planning.drill_calendar import Due

Json = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]


@reported
def show_calendar(
    system: Annotated[
        str | None, typer.Argument(metavar="[SYSTEM]", help="Every system of the catalogs unless given.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Exit code 1 when a drill is overdue.")] = False,
    as_json: Json = False,
) -> None:
    """Show which drills are due, when each may start, what it waits for, and what is overdue."""
    from recovery_ops.catalog import system_files
    from recovery_ops.drills.scheduling import agenda
    from recovery_ops.execution.systems import load_system

    folder = Settings.from_environment().catalogs
    names = [system] if system else sorted(system_files(folder))
    found = [agenda(load_system(name, folder)) for name in names]
    if as_json:
        typer.echo(json.dumps([item.to_json() for item in found]))
    else:
        for item in found:
            _show(item)
    if check and any(item.overdue for item in found):
        raise typer.Exit(1)


@reported
def show_plan(
    system: Annotated[str, typer.Argument(metavar="SYSTEM", help="Name of the system.")],
    kind: Annotated[DrillKind, typer.Option(help="How much would be drilled.")] = DrillKind.COMPONENT,
    component: Annotated[
        str | None, typer.Option(help="component drills: which; the least drilled unless given.")
    ] = None,
    region: Annotated[str | None, typer.Option(help="Where; the first that does not serve.")] = None,
    inject: Annotated[bool, typer.Option("--inject/--no-inject", help="Break the region for the drill first.")] = True,
    as_json: Json = False,
) -> None:
    """Show what a drill would do: steps, names, blast radius, guards, cost, and whether it may start now."""
    from recovery_ops.cli.plan import show_plan as show_steps
    from recovery_ops.drills.preview import preview
    from recovery_ops.drills.scheduling import agenda
    from recovery_ops.execution.declare import plan_of
    from recovery_ops.execution.systems import load_system

    described = load_system(system, Settings.from_environment().catalogs)
    request = request_of(described, kind, component, region, "", inject, "direct")
    made = plan_of(request, described)
    facts = preview(described, request, made, agenda(described))
    if as_json:
        typer.echo(json.dumps(facts))
        return
    console = Console(markup=False)
    show_steps(console, described, made)
    for line in _told(facts):
        console.print(line)


def _show(found: "Agenda") -> None:
    table = Table("kind", "component", "due", "starts at", "state", "why", "overdue", title=f"Drills of {found.system}")
    for line in found.lines:
        table.add_row(*_row(line))
    console = Console(markup=False)
    console.print(table)
    console.print(f"now: {found.why}")


def _row(line: "Due") -> tuple[str, ...]:
    due = f"{line.due_at:%Y-%m-%d %H:%M}" if line.due_at else "now"
    starts = f"{line.starts_at:%Y-%m-%d %H:%M}" if line.starts_at else "not known"
    late = "" if not line.overdue else "never held" if line.overdue_s is None else in_words(line.overdue_s)
    return str(line.kind), line.component or line.scenario, due, starts, str(line.state), line.why, late


def _told(facts: dict[str, Any]) -> Iterable[str]:
    radius, cost, apart = facts["blast_radius"], facts["cost"], facts["isolated"]
    yield f"recovery point: {facts['point'] or 'none'}"
    yield f"blast radius: {', '.join(radius['components'])} in {radius['region']}; fault: {radius['fault']}"
    for what in radius["untouched"]:
        yield f"  untouched: {what}"
    for name, names in apart["components"].items():
        yield f"  {name}: {', '.join(names) or 'makes nothing of its own'}"
    yield f"  traffic: {apart['traffic'] or 'is not moved'}; asked as {apart['host'] or 'its own address'}"
    for guard in facts["guards"]:
        yield f"guard {guard['guard']}: ends the drill unless: {guard['limit']}"
    yield (
        f"cost: at most {cost['estimate_usd']:.2f} USD for {cost['at_most_hours']:g} h "
        f"at prices of {cost['prices_of']}, ended at {cost['ceiling_usd']:.2f} USD; "
        f"not priced: {'; '.join(cost['not_priced'])}"
    )
    yield f"calendar: {facts['calendar_says']}"
    yield "may start now" if facts["may_start"] else f"may NOT start now: {facts['why_not']}"
