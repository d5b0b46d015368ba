"""``recovery-ops detection``: what is thought of a region, and switching automatic failover off and on."""

import getpass
import json
from pathlib import Path
from typing import Annotated

import typer

from recovery_ops.cli.shelves import reported
from recovery_ops.detection.sweeping import LOOKING, override, watches_of
from recovery_ops.execution.systems import load_system

app = typer.Typer(name="detection", help="Watch the watcher, and overrule it.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="System.")]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
Catalogs = Annotated[Path, typer.Option(help="Folder with catalogs.", envvar="RECOVERY_OPS_CATALOGS")]
Reason = Annotated[str, typer.Option(help="Why; people see it in every judgment until it is taken back.")]


@app.command()
@reported
def status(system: Name, as_json: Json = False, catalogs: Catalogs = Path("dags")) -> None:
    """Show policy, last judgment and the last word of a person; exit code 1 while a region is in trouble."""
    from recovery_ops.aws.calls import calling_as

    described = load_system(system, catalogs)
    with calling_as(LOOKING):
        watches = watches_of(described)
        judgment, said = watches.read().judgment, watches.override()
    mode = described.detection.mode if described.detection else None
    paused = said is not None and said.paused
    if as_json:
        word = {"person": said.person, "reason": said.reason, "at": said.at.isoformat()} if said else None
        facts = {"mode": mode, "paused": paused, "override": word}
        typer.echo(json.dumps(facts | {"judgment": judgment.to_json() if judgment else None}))
    else:
        typer.echo(f"{system}: mode {mode or 'none (the catalog has no detection)'}{', paused' if paused else ''}")
        if said is not None:
            typer.echo(f"  {said.person} at {said.at:%Y-%m-%d %H:%M:%S} UTC: {said.reason}")
        if judgment is None:
            typer.echo("  nothing was judged yet")
        else:
            at = f"{judgment.at:%Y-%m-%d %H:%M:%S} UTC"
            typer.echo(f"  {judgment.region}: {judgment.verdict} at {at}: {judgment.why}")
            for signal in judgment.signals:
                typer.echo(f"  {signal.name}: {signal.state} since {signal.since:%H:%M:%S} {signal.detail}".rstrip())
    raise typer.Exit(1 if judgment is not None and judgment.verdict != "healthy" else 0)


@app.command()
@reported
def pause(system: Name, reason: Reason, as_json: Json = False, catalogs: Catalogs = Path("dags")) -> None:
    """Switch automatic failover off: people are still told."""
    _say(system, catalogs, paused=True, reason=reason, as_json=as_json)


@app.command()
@reported
def resume(system: Name, reason: Reason, as_json: Json = False, catalogs: Catalogs = Path("dags")) -> None:
    """Let the policy of the catalog count again."""
    _say(system, catalogs, paused=False, reason=reason, as_json=as_json)


def _say(system: str, catalogs: Path, *, paused: bool, reason: str, as_json: bool) -> None:
    said = override(load_system(system, catalogs), paused=paused, person=getpass.getuser(), reason=reason)
    word = "paused" if paused else "as the catalog says"
    facts = {"system": system, "paused": paused, "person": said.person, "reason": reason, "at": said.at.isoformat()}
    typer.echo(json.dumps(facts) if as_json else f"automatic failover of {system} is {word}")
