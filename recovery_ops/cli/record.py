"""``recovery-ops record``: verify the record of a run, merge what waits in the spool, rebuild the projection."""

import json
from typing import Annotated

import typer

from recovery_ops.cli.shelves import Place, open_shelf, places, reported
from recovery_ops.errors import RecordTamperedError, RequestError, SettingsError
from recovery_ops.model.events import EventType
from recovery_ops.model.settings import Settings
from recovery_ops.record.log import EventLog
from recovery_ops.record.merging import WRITER
from recovery_ops.record.merging import merge as merge_spool
from recovery_ops.record.seal import complete
from recovery_ops.record.shelf import Shelf
from recovery_ops.record.spool import Spool, runs_in, spool_of
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

    The record is read in the recovery region of the run; copies in other regions are compared with it. Events that
    wait in this machine's spool are counted and not judged; closed gaps are named.
    """
    shelf, found = open_shelf(system, places(system, region, bucket))
    log = _log_of(shelf, found, run)
    broken = verify_run(log)
    waiting, gaps = len(_spool_of(log).entries()), _gaps(log)
    facts = {"run_id": run, "system": system, "verified": not broken, "broken": [item.to_json() for item in broken]}
    if as_json:
        events = len(log.store.list(log.prefix))
        typer.echo(json.dumps(facts | {"events": events, "waiting": waiting, "gaps": gaps}))
    else:
        for item in broken:
            typer.echo(f"{item.key}: {item.reason}")
        for gap in gaps:
            typer.echo(f"gap: {gap['events']} events from {gap['from']} to {gap['until']} came later: {gap['reason']}")
        if waiting:
            typer.echo(f"{waiting} events wait in the spool of this machine; merge them: recovery-ops record merge")
        typer.echo(f"{run}: {'the record verifies' if not broken else f'{len(broken)} places are broken'}")
    if broken:
        raise typer.Exit(1)


@app.command()
@reported
def merge(
    system: System,
    run: Annotated[str | None, typer.Argument(help="Id of the run; by default every run that waits.")] = None,
    region: Region = None,
    bucket: Bucket = None,
    as_json: Json = False,
) -> None:
    """Write what waits in this machine's spool to the record; an error says why the store still does not take it."""
    done = [_merged(place, name, system) for place, name in _waiting(system, run, places(system, region, bucket))]
    if as_json:
        typer.echo(json.dumps({"system": system, "merged": done}))
        return
    for item in done:
        typer.echo(f"{item['run_id']}: {item['events']} events merged into {item['bucket']}")
    if not done:
        typer.echo(f"{system}: nothing waits in {Settings.from_environment().spool}")


@app.command()
@reported
def rebuild(
    system: System, region: Region = None, bucket: Bucket = None, database: Database = None, as_json: Json = False
) -> None:
    """Bring the projection's tables to the newest revision and fill them from the record of ``system``."""
    from recovery_ops.record.projection import Projection

    projection = Projection(_url(database))
    shelf, _ = open_shelf(system, places(system, region, bucket))
    runs = {run_id: shelf.events(run_id) for run_id in shelf.run_ids()}
    projection.migrate()
    count = projection.rebuild(runs, system=system)
    projection.close()
    facts = {"system": system, "runs": len(runs), "events": count}
    typer.echo(json.dumps(facts) if as_json else f"{system}: {count} events of {len(runs)} runs and protections")


@app.command()
@reported
def migrate(database: Database = None, as_json: Json = False) -> None:
    """Bring the projection's tables to the newest revision; what is in them stays. Needs no record."""
    from recovery_ops.record.projection import Projection

    projection = Projection(_url(database))
    projection.migrate()
    projection.close()
    typer.echo(json.dumps({"migrated": True}) if as_json else "the tables of the projection are the present ones")


def _url(database: str | None) -> str:
    url = database or Settings.from_environment().database_url
    if url is None:
        raise SettingsError("no database: neither --database nor RECOVERY_OPS_DATABASE_URL is set")
    return url


def _waiting(system: str, run: str | None, found: list[Place]) -> list[tuple[Place, str]]:
    """Place and run of everything of ``system`` in the spool of this machine."""
    root = Settings.from_environment().spool
    folders = ((place, folder.name) for place in found for folder in runs_in(root, place.bucket, system))
    return [(place, name) for place, name in folders if run in (None, name)]


def _merged(place: Place, run: str, system: str) -> dict[str, object]:
    from recovery_ops.aws.object_store import open_store

    log = EventLog(open_store(place.bucket, place.region), system, run)
    log.spool = _spool_of(log, place.bucket)
    gap = merge_spool(log)
    complete(log)
    return {"run_id": run, "bucket": place.bucket, "events": gap.payload["events"] if gap else 0}


def _spool_of(log: EventLog, bucket: str | None = None) -> Spool:
    named = bucket or str(getattr(log.store, "bucket", ""))
    return spool_of(Settings.from_environment().spool, named, log.system, log.run_id)


def _gaps(log: EventLog) -> list[dict[str, object]]:
    """What merges told of gaps; nothing when the record cannot be read."""
    try:
        told = [event for event in log.events_of(WRITER) if event.type is EventType.RECORD_GAP_CLOSED]
    except RecordTamperedError:
        return []
    return [{name: event.payload.get(name) for name in ("events", "from", "until", "reason")} for event in told]


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
