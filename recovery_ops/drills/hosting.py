"""A tabletop in small pieces, for a host that asks people by forms; each may be called again by another process."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.drills.clearing import answering
from recovery_ops.drills.convening import convene
from recovery_ops.drills.findings import open_lessons
from recovery_ops.drills.tabletop import Exercise, Question, carry_on
from recovery_ops.errors import RecoveryError, RequestError
from recovery_ops.execution.open_runs import find_run
from recovery_ops.execution.systems import load_system
from recovery_ops.model.runs import RunRef
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import System
from recovery_ops.model.tabletops import Given, Lesson

__all__ = ["awaits", "close", "convene", "decide", "lessons", "note", "resume", "show"]

STEP = "tabletop"


def resume(system: System, run_id: str) -> RunRef:
    """Return where the record of an open tabletop lies.

    Raises:
        RequestError: There is no such run, it is no tabletop, or it is closed.
    """
    ref = find_run(system, run_id)
    with _calling(ref):
        state = carry_on(ref).state
    if state.closed_at is not None:
        raise RequestError(f"run {run_id} is closed: {state.outcome}; there is nothing to carry on")
    return ref


def show(ref: RunRef, number: int) -> list[dict[str, Any]] | None:
    """Show inject ``number`` (from 1), let simulated participants answer, and return what people have to decide.

    Returns:
        One form per role without an answer: ``inject``, ``role``, ``known``, ``question``, ``choices``, ``within_s``,
        ``people`` (who has the role) and ``host`` (who declared). ``None`` when there is no such inject, or the
        exercise was ended.
    """
    with _calling(ref):
        exercise = carry_on(ref, _system(ref))
        if number > len(exercise.scenario.injects) or exercise.stopped:
            return None
        inject = exercise.scenario.injects[number - 1]
        left = exercise.unanswered(inject)
        if left:
            exercise.show(inject)
        for question in left:
            if (given := exercise.prepared(question)) is not None:
                exercise.decide(question, given)
        if exercise.simulated:
            return []
        return [_form(exercise, question) for question in exercise.unanswered(inject)]


def _form(exercise: Exercise, question: Question) -> dict[str, Any]:
    inject, role = question
    return {
        "inject": inject.id,
        "role": role,
        "known": inject.known,
        "question": inject.question,
        "choices": list(inject.choices),
        "within_s": inject.decide_within_s,
        "people": list(exercise.people.get(role, ())),
        "host": exercise.person,
    }


def awaits(ref: RunRef, inject: str, role: str) -> bool:
    """Return whether ``role`` has still to decide on ``inject``."""
    with _calling(ref):
        exercise = carry_on(ref)
        return not exercise.stopped and _question(exercise, inject, role) in exercise.unanswered()


def decide(ref: RunRef, inject: str, role: str, answer: Mapping[str, Any]) -> None:
    """Record what a person said: ``decision``, ``person``, ``comment``, ``entered_by`` and ``at`` (ISO 8601).

    Raises:
        RequestError: It is no answer to the question, or the exercise is over.
    """
    given = Given(
        person=answer["person"],
        decision=answer["decision"],
        comment=answer["comment"],
        entered_by=answer["entered_by"],
    )
    with _calling(ref):
        exercise = carry_on(ref, _system(ref))
        at = datetime.fromisoformat(answer["at"])
        exercise.decide(_question(exercise, inject, role), given, at=at)


def lessons(ref: RunRef) -> Mapping[str, Any] | None:
    """Return what to ask at the end: ``open`` lessons of earlier tabletops and ``points`` that were worth a word.

    ``None`` when nobody takes part or the exercise was ended.
    """
    with _calling(ref):
        exercise = carry_on(ref, _system(ref))
        if exercise.stopped or exercise.simulated:
            return None
        points = {inject.id: list(inject.points) for inject in exercise.scenario.injects}
        try:
            still_open = open_lessons(ref.system, answering(_system(ref)))
        except RecoveryError:
            still_open = []  # they stay open; this exercise goes on without them
        return {"open": still_open, "points": points, "host": exercise.person}


def note(ref: RunRef, found: Sequence[Mapping[str, Any]]) -> None:
    """Record lessons, as :meth:`recovery_ops.model.tabletops.Lesson.to_json` gives them."""
    with _calling(ref):
        exercise = carry_on(ref, _system(ref))
        for item in found:
            exercise.note(Lesson.from_json(item))


def close(ref: RunRef) -> str:
    """Close the exercise and return how it ended."""
    with _calling(ref):
        return carry_on(ref, _system(ref)).close()


def _question(exercise: Exercise, inject: str, role: str) -> Question:
    return Question(exercise.scenario.inject(inject), role)


def _system(ref: RunRef) -> System:
    return load_system(ref.system, Settings.from_environment().catalogs)


def _calling(ref: RunRef) -> Any:
    return calling_as(Caller(run_id=ref.run_id, step=STEP))
