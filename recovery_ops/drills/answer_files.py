"""Answers to a tabletop written down beforehand, for when nobody attends; problems are located as in catalogs."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from pydantic import Field

from recovery_ops.catalog.problems import Document, Problem
from recovery_ops.catalog.suggest import did_you_mean
from recovery_ops.catalog.text import Day, NonEmpty, Text
from recovery_ops.catalog.written import read_written
from recovery_ops.model.scenarios import Scenario
from recovery_ops.model.tabletops import SIMULATED, Given, Lesson, Prepared


class AnswerText(Text):
    """What one role decides at one inject."""

    decision: NonEmpty = Field(description="one of the choices of the inject")
    person: NonEmpty = Field(SIMULATED, description="in whose name; the answer counts as simulated all the same")
    comment: str = Field("", description="why")


class LessonText(Text):
    """Something to become better at."""

    what: NonEmpty = Field(description="what is to become better; it becomes a finding")
    owner: str = Field("", description="who mends it")
    due: Day | None = Field(None, description="until when; 30 days by default")


class AnswersText(Text):
    """A whole file of answers."""

    answers: dict[str, dict[str, AnswerText]] = Field(default={}, description="inject -> role -> answer")
    lessons: list[LessonText] = Field(default=[], description="what is noted at the end")


def load_answers(path: Path, scenario: Scenario, person: str = "") -> tuple[Prepared, tuple[Lesson, ...]]:
    """Return the answers and lessons in the file at ``path``; lessons are noted in the name of ``person``.

    Raises:
        CatalogError: The file has problems, or does not fit the scenario; holds every problem, located.
    """
    text = read_written(path, AnswersText, lambda text, document: _meaning(text, scenario, document))
    return _prepared(text), tuple(_lesson(item, person) for item in text.lessons)


def _meaning(text: AnswersText, scenario: Scenario, document: Document) -> Iterator[Problem]:
    known = {inject.id: inject for inject in scenario.injects}
    for name, answers in text.answers.items():
        if name not in known:
            hint = did_you_mean(name, known)
            yield document.at_key(("answers", name), f"{scenario.name} has no inject {name!r}{hint}")
            continue
        for role, answer in answers.items():
            place = ("answers", name, role)
            if role not in known[name].roles:
                yield document.at_key(place, f"{name} does not ask {role!r}{did_you_mean(role, known[name].roles)}")
            if answer.decision not in known[name].choices:
                hint = did_you_mean(answer.decision, known[name].choices)
                yield document.at((*place, "decision"), f"{answer.decision!r} is none of the choices{hint}")


def _prepared(text: AnswersText) -> Prepared:
    return {
        inject: {
            role: Given(person=item.person, decision=item.decision, comment=item.comment, simulated=True)
            for role, item in answers.items()
        }
        for inject, answers in text.answers.items()
    }


def _lesson(item: LessonText, person: str) -> Lesson:
    due = date.fromisoformat(item.due) if item.due else None
    return Lesson(what=item.what, person=person, owner=item.owner, due=due)
