"""Tabletops from a terminal: who takes part is asked there, or in the forms of Airflow, or nobody takes part."""

import getpass
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from recovery_ops.airflow.rest import AirflowApi
from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.cli.interrupting import INTERRUPTED, resumable
from recovery_ops.cli.participants import Nobody, Participants, Terminal
from recovery_ops.cli.triggering import follow
from recovery_ops.drills.answer_files import load_answers
from recovery_ops.drills.clearing import answering
from recovery_ops.drills.convening import convene, place_of
from recovery_ops.drills.hosting import resume
from recovery_ops.drills.scenario_files import find_scenario, own_folder, scenario_names
from recovery_ops.drills.tabletop import Exercise, carry_on, play
from recovery_ops.errors import RequestError
from recovery_ops.execution.open_runs import find_run
from recovery_ops.model.runs import RunRef
from recovery_ops.model.system import System
from recovery_ops.model.tabletops import TabletopRequest

DEFAULT = "regional-loss"
RESUME = "drill run {system} --kind tabletop --resume {run}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says about a tabletop. ``simulate`` is ``None`` when it does not say."""

    scenario: str = DEFAULT
    answers: Path | None = None
    simulate: bool | None = None
    resume: str | None = None
    announced: bool = True
    third_parties: tuple[str, ...] = ()
    reason: str = ""
    person: str | None = None
    attended: bool = False


def hold(system: System, said: Options, console: Console, api: AirflowApi | None, say: Callable[[str], None]) -> RunRef:
    """Hold a tabletop from its declaration, or from where it was cut off, to its close.

    Args:
        system: Whose people decide.
        said: What the command line says.
        console: Where people are asked.
        api: The Airflow that asks them; ``None`` asks here.
        say: Told what happens.

    Raises:
        RequestError: There is no such scenario or run, or answers and Airflow are asked for together.
    """
    if api is not None:
        return _in_airflow(system, said, api, say)
    if said.resume is not None:
        ref = resume(system, said.resume)
    else:
        ref = convene(system, request_of(system, said, "direct"))
        say(f"tabletop {ref.run_id} is open; if it is cut off: {resume_command(ref)}")
    with resumable(ref, RESUME), calling_as(Caller(run_id=ref.run_id, step="tabletop")):
        exercise = carry_on(ref, system)
        try:
            _play(exercise, system, said, console)
        except EOFError:
            typer.echo(f"\nnobody types any more; carry on with: {resume_command(ref)}", err=True)
            raise typer.Exit(INTERRUPTED) from None
        say(f"tabletop {ref.run_id}: {exercise.close()}")
    return ref


def resume_command(ref: RunRef) -> str:
    """Return what goes on with a tabletop that was cut off."""
    return f"recovery-ops {RESUME.format(system=ref.system, run=ref.run_id)}"


def request_of(system: System, said: Options, execution: str) -> TabletopRequest:
    """Return what is asked for; nobody takes part when the command line says so, or when nobody could.

    Raises:
        RequestError: There is no such scenario.
        CatalogError: The scenario or the answers have problems.
    """
    scenario = find_scenario(said.scenario, own_folder(system))
    person = said.person or getpass.getuser()
    prepared, lessons = load_answers(said.answers, scenario, person) if said.answers else ({}, ())
    return TabletopRequest(
        scenario=scenario,
        person=person,
        token=uuid.uuid4().hex,
        execution=execution,
        reason=said.reason,
        simulated=simulates(said),
        announced=said.announced,
        third_parties=said.third_parties,
        prepared=prepared,
        lessons=lessons,
    )


def simulates(said: Options) -> bool:
    """Return whether nobody takes part: as it was said, otherwise when there is neither a person nor an answer."""
    return said.simulate if said.simulate is not None else not (said.attended or said.answers)


def _play(exercise: Exercise, system: System, said: Options, console: Console) -> None:
    there: Participants = Nobody()
    if said.attended and not exercise.simulated:
        there = Terminal(exercise, answering(system), console, said.person or getpass.getuser())
    play(exercise, there.ask, there.lessons, there.told)


def _in_airflow(system: System, said: Options, api: AirflowApi, say: Callable[[str], None]) -> RunRef:
    """Trigger the DAG and watch it to its end; people answer in its forms.

    Raises:
        RequestError: Airflow refused the form, or has no such scenario, or answers were given.
    """
    if said.answers is not None:
        raise RequestError("Airflow asks people; answers from a file are for --via direct")
    known = scenario_names(own_folder(system))
    if said.resume is None and said.scenario not in known:
        raise RequestError(f"Airflow knows scenarios by name: {', '.join(known)}; {said.scenario!r} is none of them")
    dag_id = f"tabletop__{system.name}"
    dag_run = api.trigger(dag_id, form_of(said))
    ref = find_run(system, said.resume) if said.resume else place_of(system, dag_run, datetime.now(UTC))
    say(f"{dag_id} {dag_run}: run {ref.run_id}")
    told = False

    def tell_where(tasks: list[dict[str, Any]]) -> None:
        nonlocal told
        if not told and any(task["state"] == "awaiting_input" for task in tasks):
            say(f"people answer at {api.base_url}/required_actions")
            told = True

    follow(api, dag_id, dag_run, say, tell_where)
    return ref


def form_of(said: Options) -> dict[str, Any]:
    """Return the fields of the trigger form that say what the command line says."""
    return {
        "scenario": said.scenario,
        "simulate": simulates(said),
        "announced": said.announced,
        "third_parties": list(said.third_parties),
        **({"reason": said.reason} if said.reason else {}),
        "person": said.person or getpass.getuser(),
        **({"resume_run": said.resume} if said.resume else {}),
    }
