"""``recovery-ops record``: verify the record of a run, rebuild the projection from it."""

import json
from typing import Annotated

import typer

from recovery_ops.cli.shelves import Place, open_shelf, places, reported
from recovery_ops.errors import RecordTamperedError, RequestError, SettingsError
from recovery_ops.model.settings import Settings
from recovery_ops.record.log import EventLog
from recovery_ops.record.shelf import Shelf
from recovery_ops.record.verify import verify_run

app = typer.Typer(
    name="record", help="Verify the record of runs; rebuild the projection from it.", no_args_is_help=True
)

System = Annotated[str, typer.Argument(help="Name of the system.")]
Run = Annotated[str, typer.Argument(help="Id of the run.")]
Region = Annotated[str | None, typer.Option(help="Region of the record; by default all of the catalog.")]
Bucket = Annotated[str | None, typer.Option(help="Bucket of the record; needs --region, and no catalog.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Database = Annotated[str | None, typer.Option(help="URL; by default RECOVERY_OPS_DATABASE_URL.")]


@app.command()
@reported
def verify(system: System, run: Run, region: Region = None, bucket: Bucket = None, as_json: Json = False) -> None:
    """Recompute every hash, chain and anchor of a run; exit code 1 and each broken key when something is wrong.

    The record is read in the recovery region of the run; copies in other regions are compared with it.
    """
    shelf, found = open_shelf(system, places(system, region, bucket))
    log = _log_of(shelf, found, run)
    broken = verify_run(log)
    facts = {"run_id": run, "system": system, "verified": not broken, "broken": [item.to_json() for item in broken]}
    if as_json:
        typer.echo(json.dumps(facts | {"events": len(log.store.list(log.prefix))}))
    else:
        for item in broken:
            typer.echo(f"{item.key}: {item.reason}")
        typer.echo(f"{run}: {'the record verifies' if not broken else f'{len(broken)} places are broken'}")
    if broken:
        raise typer.Exit(1)


@app.command()
@reported
def rebuild(
    system: System, region: Region = None, bucket: Bucket = None, database: Database = None, as_json: Json = False
) -> None:
    """Bring the projection's tables to the newest revision and fill them from the record of ``system``."""
    from recovery_ops.record.projection import Projection

    url = database or Settings.from_environment().database_url
    if url is None:
        raise SettingsError("no database to rebuild: neither --database nor RECOVERY_OPS_DATABASE_URL is set")
    projection = Projection(url)
    shelf, _ = open_shelf(system, places(system, region, bucket))
    runs = {run_id: shelf.events(run_id) for run_id in shelf.run_ids()}
    projection.migrate()
    count = projection.rebuild(runs, system=system)
    projection.close()
    facts = {"system": system, "runs": len(runs), "events": count}
    typer.echo(json.dumps(facts) if as_json else f"{system}: {count} events of {len(runs)} runs and protections")


def _log_of(shelf: Shelf, found: list[Place], run: str) -> EventLog:
    """The log in the run's recovery region, its copies as mirrors; unread bytes must not hide which region that is."""
    holding = [number for number, store in enumerate(shelf.stores) if EventLog(store, shelf.system, run).exists()]
    if not holding:
        raise RequestError(f"{shelf.system} has no run {run} in {', '.join(place.bucket for place in found)}")
    declared = [number for number in holding if _recovery_region(shelf, number, run) == found[number].region]
    home = (declared or holding)[0]
    mirrors = [shelf.stores[number] for number in holding if number != home]
    return EventLog(shelf.stores[home], shelf.system, run, mirrors=mirrors)


def _recovery_region(shelf: Shelf, number: int, run: str) -> str:
    try:
        return Shelf(shelf.system, [shelf.stores[number]]).declaration(run).recovery_region
    except RecordTamperedError:
        return ""
