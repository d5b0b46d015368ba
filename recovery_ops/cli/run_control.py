"""``recovery-ops runs resume|pause|cancel|…``: what a person asks of a run that goes on."""

import getpass
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from recovery_ops.cli.interrupting import resumable
from recovery_ops.cli.record import Json, Run, System
from recovery_ops.cli.runs import app
from recovery_ops.cli.shelves import reported
from recovery_ops.cli.showing import Watch, concluded
from recovery_ops.execution import controls
from recovery_ops.execution.direct import carry_on
from recovery_ops.execution.open_runs import find_run
from recovery_ops.execution.systems import load_system
from recovery_ops.execution.taking_over import take_over
from recovery_ops.model.events import Event
from recovery_ops.model.runs import RunRef
from recovery_ops.model.settings import Settings

console = Console(stderr=True)

Person = Annotated[str | None, typer.Option(help="Who asks; the user of this machine unless given.")]
Reason = Annotated[str, typer.Option(help="Why; stands in the evidence.")]
Step = Annotated[str, typer.Argument(help="Id of the step, as in runs show.")]
Comment = Annotated[str, typer.Option(help="Stands in the evidence.")]
ASKED = "asked from the command line"


@app.command()
@reported
def resume(
    system: System,
    run: Run,
    reason: Reason = "its runner is gone",
    person: Person = None,
    as_json: Json = False,
    out: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("out"),
) -> None:
    """Take over a run whose runner was lost, carry it to its close, write the report; 0 only if the verdict is pass.

    Refused while its runner lives: a runner renews its lease as long as it works. Without
    that it ends within a minute; after a question of Airflow, when the time to answer is over.
    """
    from recovery_ops.drills.settling import publish_settled

    ref = _find(system, run)
    event = take_over(ref, person=_who(person), reason=reason)
    facts = event.payload
    console.print(f"{run}: taken over from {facts['from_execution']} by {facts['person']} ({facts['runner']})")
    with resumable(ref):
        carry_on(ref, progress=Watch(console.print).step)
    report = publish_settled(ref, out / ref.run_id)
    raise typer.Exit(concluded(report, console, out / ref.run_id, as_json=as_json))


@app.command()
@reported
def pause(system: System, run: Run, reason: Reason = ASKED, person: Person = None, as_json: Json = False) -> None:
    """Let no further step start; a step that works ends what it has begun."""
    _say(controls.pause(_find(system, run), person=_who(person), reason=reason), "paused", as_json=as_json)


@app.command()
@reported
def unpause(system: System, run: Run, reason: Reason = ASKED, person: Person = None, as_json: Json = False) -> None:
    """Let a paused run go on."""
    _say(controls.resume(_find(system, run), person=_who(person), reason=reason), "goes on", as_json=as_json)


@app.command()
@reported
def cancel(system: System, run: Run, reason: Reason = ASKED, person: Person = None, as_json: Json = False) -> None:
    """End a run; traffic that moved and was not committed is put back where the old side answers."""
    _say(controls.cancel(_find(system, run), person=_who(person), reason=reason), "cancelled", as_json=as_json)


@app.command()
@reported
def skip(
    system: System, run: Run, step: Step, reason: Reason = ASKED, person: Person = None, as_json: Json = False
) -> None:
    """Do without a step; a skipped verification keeps cutover shut until somebody overrides it."""
    event = controls.skip(_find(system, run), step, person=_who(person), reason=reason)
    _say(event, f"{step} skipped", as_json=as_json)


@app.command()
@reported
def override(
    system: System, run: Run, step: Step, reason: Reason = ASKED, person: Person = None, as_json: Json = False
) -> None:
    """Let traffic move although a verification failed or was skipped; the verdict will be fail."""
    event = controls.override(_find(system, run), step, person=_who(person), reason=reason)
    _say(event, f"{step} overridden; the verdict will be fail", as_json=as_json)


@app.command()
@reported
def retry(
    system: System, run: Run, step: Step, reason: Reason = ASKED, person: Person = None, as_json: Json = False
) -> None:
    """Try a failed step again."""
    event = controls.retry(_find(system, run), step, person=_who(person), reason=reason)
    _say(event, f"{step} is tried again", as_json=as_json)


@app.command()
@reported
def ungraceful(
    system: System,
    run: Run,
    step: Annotated[str | None, typer.Option(help="Only this step; the whole run unless given.")] = None,
    reason: Reason = ASKED,
    person: Person = None,
    as_json: Json = False,
) -> None:
    """Count on the region that is left no more."""
    event = controls.go_ungraceful(_find(system, run), person=_who(person), reason=reason, step=step)
    _say(event, f"{step or 'the run'} goes on ungracefully", as_json=as_json)


@app.command()
@reported
def approve(system: System, run: Run, comment: Comment = "", person: Person = None, as_json: Json = False) -> None:
    """Say yes to what the run asks: before cutover, or before a commit."""
    _answer(system, run, "approve", comment, person, as_json=as_json)


@app.command()
@reported
def decline(system: System, run: Run, comment: Comment = "", person: Person = None, as_json: Json = False) -> None:
    """Say no to what the run asks: traffic stays, or is put back."""
    _answer(system, run, "decline", comment, person, as_json=as_json)


def _answer(system: str, run: str, decision: str, comment: str, person: str | None, *, as_json: bool) -> None:
    ref, who = _find(system, run), _who(person)
    event = controls.answer_approval(ref, person=who, decision=decision, comment=comment)
    _say(event, f"{event.payload['question']}: {decision}", as_json=as_json)


def _find(system: str, run: str) -> RunRef:
    return find_run(load_system(system, Settings.from_environment().catalogs), run)


def _who(person: str | None) -> str:
    return person or getpass.getuser()


def _say(event: Event, what: str, *, as_json: bool) -> None:
    typer.echo(json.dumps(event.to_json()) if as_json else f"{event.run_id}: {what} ({event.payload['person']})")
