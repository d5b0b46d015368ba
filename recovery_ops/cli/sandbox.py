"""``recovery-ops sandbox``: AWS on this machine, its outages and their end."""

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from recovery_ops.cli import local
from recovery_ops.cli.outside import send_everybody
from recovery_ops.cli.shelves import reported
from recovery_ops.errors import RequestError
from recovery_ops.execution.systems import load_system
from recovery_ops.sandbox import process
from recovery_ops.sandbox.control import Control
from recovery_ops.sandbox.process import FACTOR, HOST, REGIONS, RunningSandbox

app = typer.Typer(name="sandbox", help="AWS on this machine: start it, break it, heal it.", no_args_is_help=True)

Folder = Annotated[Path, typer.Option(help="Where the sandbox keeps its ready file and its log.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

OUT = Path("out/sandbox")
_LOOK_S = 0.2
console = Console(stderr=True)


@app.command()
@reported
def up(
    detach: Annotated[
        bool, typer.Option("--detach", help="Return when it answers; end it with: sandbox down.")
    ] = False,
    host: Annotated[str, typer.Option(help="Address, or name of this machine, to listen on.")] = HOST,
    port: Annotated[int, typer.Option(help="Port there; 0 takes a free one.")] = 0,
    regions: Annotated[str, typer.Option(help="Regions it has, separated by commas.")] = ",".join(REGIONS),
    factor: Annotated[float, typer.Option(min=0, help="Sandbox seconds per AWS second.")] = FACTOR,
    request_log: Annotated[Path | None, typer.Option(help="Append a JSON line per request.")] = None,
    restore: Annotated[Path | None, typer.Option(help="Start from this snapshot.")] = None,
    seeded: Annotated[
        bool, typer.Option("--seeded", help=f"Put {local.SYSTEM} into it, with clients and a writer outside.")
    ] = False,
    catalogs: Annotated[Path, typer.Option(help="Folder with catalogs, for --seeded.")] = Path("dags"),
    folder: Folder = OUT,
    as_json: Json = False,
) -> None:
    """Start the sandbox; without --detach it runs until this command is interrupted.

    Nobody has to log in: listen only where everybody who reaches it may do anything.
    """
    _refuse_second(folder)
    if seeded and restore:
        raise RequestError("--seeded and --restore both say what is in the sandbox; give one of them")
    if seeded:
        restore = local.seeded_world(folder, catalogs, cache=folder.parent / "cache", progress=console.print)
    sandbox = process.start(
        folder,
        host=host,
        port=port,
        regions=[region.strip() for region in regions.split(",")],
        factor=factor,
        request_log=request_log,
        restore=restore,
        parent_pid=None if detach else os.getpid(),
    )
    if seeded:
        _send_out(sandbox, catalogs, folder)
    _show_start(sandbox, as_json=as_json)
    if not detach:
        _until_interrupted(sandbox, folder)


@app.command()
@reported
def status(folder: Folder = OUT, as_json: Json = False) -> None:
    """Say what is in force: faults, control planes, capacity, and what is on its way between the regions."""
    facts = _control(folder).status()
    if as_json:
        typer.echo(json.dumps(facts))
        return
    Console().print(_table(facts))


@app.command()
@reported
def outage(
    region: Annotated[str, typer.Argument(help="The region that fails.")],
    mode: Annotated[str, typer.Option(help="reset, 503, hang, throttle or latency.")] = "reset",
    service: Annotated[list[str] | None, typer.Option(help="Only this service, as boto3 calls it; repeatable.")] = None,
    probability: Annotated[float, typer.Option(min=0, max=1, help="Share of the requests that are hit.")] = 1.0,
    seconds: Annotated[float | None, typer.Option(min=0, help="How long hang holds or latency adds.")] = None,
    folder: Folder = OUT,
    as_json: Json = False,
) -> None:
    """Put a region, or services of it, out of order; prints since when, which a recovery takes as --since."""
    since = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"
    answer = _control(folder).fault(region, mode, services=service or (), probability=probability, seconds=seconds)
    what = ", ".join(service) if service else "every service"
    _say(answer | {"since": since}, f"{region}: {what} {mode} since {since} UTC", as_json=as_json)


@app.command()
@reported
def heal(
    region: Annotated[str | None, typer.Argument(help="The region to heal; all when left out.")] = None,
    folder: Folder = OUT,
    as_json: Json = False,
) -> None:
    """End the faults of a region, or all."""
    _say(_control(folder).heal(region), f"{region or 'every region'}: healed", as_json=as_json)


@app.command()
@reported
def down(folder: Folder = OUT, as_json: Json = False) -> None:
    """End the sandbox; what was in it is gone."""
    ready = folder / "sandbox.json"
    running = ready.exists()
    if running:
        process.stop(process.find(ready))
        ready.unlink(missing_ok=True)
    _say({"stopped": running}, "ended" if running else "nothing was running", as_json=as_json)


def _send_out(sandbox: RunningSandbox, catalogs: Path, folder: Path) -> None:
    """Let clients ask and a writer write as long as the sandbox runs; it ends with them when they are not served."""
    console.print("sending out clients and a writer")
    described = load_system(local.SYSTEM, catalogs)
    try:
        send_everybody(described, sandbox, folder / "outside", every_s=local.CROWD_EVERY_S, stay_with=sandbox.pid)
    except BaseException:
        process.stop(sandbox)
        raise


def _refuse_second(folder: Path) -> None:
    try:
        running = process.find(folder / "sandbox.json")
        running.control.status()
    except RequestError:
        return
    raise RequestError(f"a sandbox runs at {running.base_url} already (pid {running.pid}); end it with: sandbox down")


def _until_interrupted(sandbox: RunningSandbox, folder: Path) -> None:
    try:
        while process.runs(sandbox.pid):
            time.sleep(_LOOK_S)
    except KeyboardInterrupt:
        process.stop(sandbox)
    finally:
        (folder / "sandbox.json").unlink(missing_ok=True)


def _control(folder: Path) -> Control:
    return process.find(folder / "sandbox.json").control


def _show_start(sandbox: RunningSandbox, *, as_json: bool) -> None:
    facts = {
        "base_url": sandbox.base_url,
        "pid": sandbox.pid,
        "regions": list(sandbox.regions),
        "factor": sandbox.factor,
        "front_doors": dict(sandbox.front_doors),
    }
    if as_json:
        typer.echo(json.dumps(facts))
        return
    console = Console()
    console.print(f"AWS in {', '.join(sandbox.regions)}; one AWS minute takes {60 * sandbox.factor:g} s")
    console.print(f"export AWS_ENDPOINT_URL={sandbox.base_url} AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any")
    for region, url in sandbox.front_doors.items():
        console.print(f"front door of {region}: {url}")


def _say(facts: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(facts))
    else:
        Console().print(sentence)


def _table(facts: dict[str, Any]) -> Table:
    table = Table(title=f"sandbox at {facts['base_url']}, pid {facts['pid']}", show_header=False, title_justify="left")
    faults = [f"{one['region']} {one['mode']} {' '.join(one['services']) or 'whole region'}" for one in facts["faults"]]
    capacity = [
        f"{one['region']} {one['instance_type']}: available {_limit(one['available'])}, quota {_limit(one['quota'])}"
        for one in facts["capacity"]
    ]
    backlog = facts["replication"]
    table.add_row("regions", ", ".join(facts["regions"]))
    table.add_row("time", f"{facts['factor']:g} s per AWS second, up for {facts['uptime_s']:.0f} s")
    table.add_row("requests", str(facts["requests"]))
    table.add_row("faults", "\n".join(faults) or "none")
    table.add_row("control planes down", ", ".join(n for n, down in facts["control_planes"].items() if down) or "none")
    table.add_row("capacity", "\n".join(capacity) or "unlimited")
    table.add_row("on its way", f"{backlog['pending']} changes, the oldest for {backlog['oldest_age_s']:.1f} s")
    return table


def _limit(value: int | None) -> str:
    return "unlimited" if value is None else str(value)
