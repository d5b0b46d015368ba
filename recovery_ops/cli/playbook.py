"""``recovery-ops playbook``: render the pages that a person follows; put them where they are found on the worst day."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from recovery_ops.cli.shelves import reported
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import System
from recovery_ops.playbooks.publishing import Copy

app = typer.Typer(name="playbook", help="Render and publish the pages that a person follows.", no_args_is_help=True)

Name = Annotated[str | None, typer.Argument(metavar="[SYSTEM]", help="Name of the system; by default every one.")]
Out = Annotated[Path, typer.Option(help="Folder; a subfolder per system is made.")]
Offline = Annotated[bool, typer.Option("--offline", help="Call nothing: without the history of earlier runs.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
@reported
def render(system: Name = None, out: Out = Path("playbooks"), offline: Offline = False, as_json: Json = False) -> None:
    """Write playbook.html and playbook.md of a system, or of all; exit code 1 when a copy does not read back."""
    from recovery_ops.playbooks import rendering
    from recovery_ops.playbooks.history import NO_HISTORY, history_of
    from recovery_ops.playbooks.publishing import write

    copies: list[Copy] = []
    for found in _systems(system):
        history = NO_HISTORY if offline else history_of(found)
        copies.append(write(found, rendering.render(found, history=history, made_at=datetime.now(UTC)), out))
    _tell(copies, as_json=as_json)


@app.command()
@reported
def publish(system: Name = None, out: Out = Path("playbooks"), as_json: Json = False) -> None:
    """Put the playbook into S3 in every region and into a folder; exit code 1 unless every copy reads back."""
    from recovery_ops.playbooks.publishing import publish

    _tell([copy for found in _systems(system) for copy in publish(found, out)], as_json=as_json)


def _systems(name: str | None) -> list[System]:
    from recovery_ops.catalog import system_files
    from recovery_ops.execution.systems import load_system

    folder = Settings.from_environment().catalogs
    return [load_system(item, folder) for item in ([name] if name else sorted(system_files(folder)))]


def _tell(copies: list[Copy], *, as_json: bool) -> None:
    if as_json:
        facts = [{"where": copy.where, "verified": copy.verified, "why": copy.why} for copy in copies]
        typer.echo(json.dumps(facts))
    else:
        for copy in copies:
            typer.echo(f"{copy.where}: {'verified' if copy.verified else 'FAILED: ' + copy.why}")
    if not all(copy.verified for copy in copies):
        raise typer.Exit(1)
