"""A run as people read it in a terminal: progress lines, then a table."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from recovery_ops.reporting.phrases import duration

GOOD, BAD = "[green]pass[/green]", "[red]fail[/red]"


class Watch:
    """Say each change of a step or task once."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._seen: dict[str, str] = {}

    def step(self, step_id: str, state: str) -> None:
        """Report a step of the direct runner."""
        self.task(step_id, state)

    def task(self, task_id: str, state: str | None) -> None:
        """Report the state of a task of Airflow."""
        if state in (None, "scheduled", "queued", "started") or self._seen.get(task_id) == state:
            return
        self._seen[task_id] = str(state)
        colour = {
            "success": "green",
            "succeeded": "green",
            "succeeded-before": "dim",
            "running": "cyan",
            "skipped": "dim",
        }.get(str(state), "red")
        self._say(f"  {task_id:<28} [{colour}]{state}[/{colour}]")


def table_of(report: Mapping[str, Any]) -> Table:
    """Return objectives against achieved, and what people outside saw."""
    table = Table(title=f"verdict: {GOOD if report['verdict'] == 'pass' else BAD}", title_justify="left")
    for column in ("component", "objective", "wanted", "achieved", "verdict"):
        table.add_column(column)
    for item in report["objectives"]:
        achieved = duration(item["achieved_s"])
        colour = GOOD if item["verdict"] == "pass" else f"[red]{item['verdict']}[/red]"
        kind = item["kind"].upper() + (" from point" if item["basis"] == "from-point" else "")
        table.add_row(item["component"], kind, duration(item["objective_s"]), achieved, colour)
    table.caption = "; ".join(_measured(report))
    return table


def _measured(report: Mapping[str, Any]) -> Iterator[str]:
    """What was measured outside and by the clock; a run that nobody watched from outside has nothing to say of it."""
    client, writer, clock = report.get("client") or {}, report.get("writer") or {}, report["time"]
    if client.get("measured"):
        yield f"client outage {client['outage_s']} s wall (TTL ignored: {client['sticky_outage_s']} s)"
        yield f"{client['failed']} of {client['requests']} requests failed"
    if writer.get("measured"):
        yield f"writer: {writer['lost']} of {writer['acknowledged']} acknowledged writes lost"
    if clock["wall_s"] is not None:
        yield f"wall {clock['wall_s']} s, modelled {clock['modelled_s']} s, overhead {clock['overhead_s']} s"


def table_of_tabletop(report: Mapping[str, Any]) -> Table:
    """Return who decided what, and whether the playbook supports it."""
    table = Table(title=f"verdict: {GOOD if report['verdict'] == 'pass' else BAD}", title_justify="left")
    for column in ("inject", "role", "by", "decision", "after", "playbook"):
        table.add_column(column)
    for inject in report["tabletop"]["injects"]:
        for made in inject["decisions"]:
            who = "simulated participant" if made["simulated"] else str(made["person"])
            agrees = {True: "yes", False: "[red]no[/red]", None: "-"}[made["supported"]]
            after = "-" if made["after_s"] is None else f"{made['after_s']:.0f} s"
            cells = [escape(str(text)) for text in (inject["inject"], made["role"], who, made["decision"])]
            table.add_row(*cells, after, agrees)
        for role in inject["undecided"]:
            table.add_row(escape(inject["inject"]), escape(role), "[red]nobody[/red]", "", "", "")
    people = report["tabletop"]["people"]
    met = sum(item["verdict"] == "pass" for item in people)
    table.caption = f"{met} of {len(people)} roles were filled by people throughout"
    return table


def concluded(report: Mapping[str, Any], console: Console, folder: Path, *, as_json: bool) -> int:
    """Show how a run ended and why, loudest that nobody serves; return the exit code: 0 only if the verdict is pass."""
    console.print(table_of_tabletop(report) if report.get("tabletop") else table_of(report))
    for reason in report["result"]["reasons"]:
        style = "bold white on red" if reason["rule"] == "serving" else "red"
        console.print(f" {reason['what']} ", style=style, markup=False)
    console.print(f"report: {folder / 'report.html'}")
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    return 0 if report["verdict"] == "pass" else 1
