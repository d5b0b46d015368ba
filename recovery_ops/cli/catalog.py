"""``recovery-ops catalog``: check catalog files; print their JSON Schema."""

import json
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from recovery_ops.catalog import catalog_files, json_schema, load_files
from recovery_ops.catalog.freeze import catalog_hash
from recovery_ops.catalog.quantities import in_words
from recovery_ops.cli.shelves import reported
from recovery_ops.errors import CatalogError
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import System

app = typer.Typer(name="catalog", help="Check catalog files; print their JSON Schema.", no_args_is_help=True)

Paths = Annotated[list[Path] | None, typer.Argument(help="Files or folders; by default the folder of catalogs.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
@reported
def check(paths: Paths = None, as_json: Json = False) -> None:
    """Check catalogs and print every problem of every file; exit code 2 when there is one."""
    from recovery_ops.execution.systems import kind_specs

    try:
        systems = load_files(_files(paths or [Settings.from_environment().catalogs]), kind_specs())
    except CatalogError as error:
        _refuse(error, as_json=as_json)
    if as_json:
        typer.echo(json.dumps({"ok": True, "problems": [], "systems": [_facts(system) for system in systems]}))
        return
    Console(markup=False).print(_table(systems))


@app.command()
@reported
def schema(as_json: Json = False) -> None:  # noqa: ARG001 - every command takes --json, and this one prints nothing else
    """Print the JSON Schema of catalog files, with the settings of every installed kind, for editors."""
    from recovery_ops.execution.systems import kind_specs

    typer.echo(json.dumps(json_schema(kind_specs()), indent=2))


def _files(paths: list[Path]) -> list[Path]:
    """Return the files among ``paths`` and the catalogs directly in the folders among them, each once."""
    found: list[Path] = []
    for path in paths:
        found += catalog_files(path) if path.is_dir() else [path]
    if not found:
        raise CatalogError.of([f"{path}: no catalog in this folder" for path in paths])
    return list(dict.fromkeys(found))


def _refuse(error: CatalogError, *, as_json: bool) -> NoReturn:
    if as_json:
        typer.echo(json.dumps({"ok": False, "problems": error.problems, "systems": []}))
    else:
        for problem in error.problems:
            typer.echo(problem)
        typer.echo(f"{len(error.problems)} problem{'s' if len(error.problems) > 1 else ''}", err=True)
    raise typer.Exit(error.exit_code)


def _facts(system: System) -> dict[str, object]:
    return {
        "system": system.name,
        "source": system.source,
        "home": system.home,
        "regions": list(system.regions),
        "rto_s": system.rto_s,
        "components": [component.name for component in system.components],
        "hash": catalog_hash(system),
    }


def _table(systems: list[System]) -> Table:
    table = Table("system", "file", "home", "regions", "RTO", "components", "hash", title="Catalogs without problems")
    for system in systems:
        table.add_row(
            system.name,
            system.source,
            system.home,
            ", ".join(system.regions),
            in_words(system.rto_s),
            str(len(system.components)),
            catalog_hash(system)[:12],
        )
    return table
