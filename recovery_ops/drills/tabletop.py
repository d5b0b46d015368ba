"""Tabletops: a scenario is told inject by inject and people decide; nothing but the record is ever touched.

An exercise has no plan, no steps and no claim. Everything that it knows stands in its record, so that any process may
carry it on after another one died, with the first question that has no answer.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from recovery_ops.catalog.suggest import did_you_mean
from recovery_ops.drills.convening import EXERCISE
from recovery_ops.errors import RequestError
from recovery_ops.execution.view import open_log
from recovery_ops.model.drills import DrillKind
from recovery_ops.model.events import EventType
from recovery_ops.model.plan import SystemStep
from recovery_ops.model.runs import RunRef
from recovery_ops.model.scenarios import Inject, Scenario
from recovery_ops.model.system import System
from recovery_ops.model.tabletops import SIMULATED, Given, Lesson
from recovery_ops.record.fold import RunState, fold
from recovery_ops.record.log import EventLog
from recovery_ops.record.seal import closed, complete

CLOSE = str(SystemStep.CLOSE)
CLOSER = f"{CLOSE}#1"
COMPLETED, CUT_SHORT, STOPPED = "completed", "failed", "abandoned"
"""How an exercise ends: every question has its answer; some have none; a person cancelled it."""


class Question(NamedTuple):
    """What one role is asked at one inject."""

    inject: Inject
    role: str


class Exercise:
    """A tabletop that was declared; ``log`` is its record.

    Raises:
        RequestError: The run is no tabletop.
    """

    def __init__(self, log: EventLog) -> None:
        self.log = log
        found = (event for event in log.events_of("declare") if event.type is EventType.RUN_DECLARED)
        declared = next(found, None)
        if declared is None or declared.payload.get("drill") != DrillKind.TABLETOP:
            message = f"run {log.run_id} of {log.system} is no tabletop"
            raise RequestError(f"{message}; carry it on with: recovery-ops runs resume {log.system} {log.run_id}")
        facts = declared.payload[EXERCISE]
        self.scenario = Scenario.from_json(facts["scenario"])
        self.simulated = facts["simulated"] is True
        self.lessons = tuple(Lesson.from_json(item) for item in facts["lessons"])
        self.people = {role: tuple(names) for role, names in declared.payload["people"].items()}
        self.person = str(declared.payload["person"])
        self._prepared: Mapping[str, Mapping[str, Any]] = facts["prepared"]

    @property
    def state(self) -> RunState:
        """Return the run as folded from all its events."""
        return fold(self.log.events())

    @property
    def stopped(self) -> bool:
        """Return whether the exercise is closed, or a person cancelled it."""
        state = self.state
        return state.closed_at is not None or state.control.stopped

    def unanswered(self, inject: Inject | None = None) -> list[Question]:
        """Return the questions that nobody has decided yet, in order; with ``inject`` only those of it."""
        asked = self.scenario.injects if inject is None else (inject,)
        done = {
            (note.facts.get("inject"), note.facts.get("role")) for note in self.state.note(EventType.DECISION_TAKEN)
        }
        return [Question(item, role) for item in asked for role in item.roles if (item.id, role) not in done]

    def show(self, inject: Inject) -> datetime:
        """Tell the participants what happens now; return since when they know it. Shown again, the first time counts.

        Raises:
            RequestError: The exercise is over.
        """
        if (since := self._shown_at(inject)) is not None:
            return since
        self._refuse_over()
        names = ("at_s", "known", "question")
        facts = {"inject": inject.id} | {name: getattr(inject, name) for name in names} | {"roles": list(inject.roles)}
        return self.log.writer(f"tabletop.{inject.id}#1").append(EventType.INJECT_SHOWN, facts).at

    def decide(self, question: Question, given: Given, *, at: datetime | None = None) -> bool:
        """Record an answer, and how long after the question it came; the clock stands still for no interruption.

        Args:
            question: What was asked; it is shown first if it was not.
            given: The answer.
            at: When it was given, aware; now unless given.

        Returns:
            Whether it counts: the first answer to a question does, later ones leave no trace.

        Raises:
            RequestError: The decision is none of the choices, nobody is named, or the exercise is over.
        """
        inject, role = question
        self._refuse_over()
        if given.decision not in inject.choices:
            hint = did_you_mean(given.decision, inject.choices)
            raise RequestError(f"{inject.id}: {given.decision!r} is none of the choices{hint}")
        if not given.person.strip():
            raise RequestError(f"{inject.id}: somebody decides for {role}; say who")
        since = self.show(inject)
        if question not in self.unanswered(inject):
            return False
        after_s = ((at or self.log.clock()) - since).total_seconds()
        facts = given.to_json() | {"inject": inject.id, "role": role, "after_s": round(max(after_s, 0.0), 3)}
        self.log.writer(f"tabletop.{inject.id}.{inject.roles.index(role) + 1}#1").append(
            EventType.DECISION_TAKEN, facts
        )
        return True

    def prepared(self, question: Question) -> Given | None:
        """Return the answer that was written down beforehand; where nobody takes part, one that the playbook supports.

        Whoever is named in it did not give it now, so that it is always that of a simulated participant.
        """
        written = self._prepared.get(question.inject.id, {}).get(question.role)
        if written is not None:
            return replace(Given.from_json(written), simulated=True)
        if self.simulated:
            return Given(person=SIMULATED, decision=question.inject.expected[0], simulated=True)
        return None

    def note(self, lesson: Lesson) -> bool:
        """Record what is to become better, once; return whether it is new.

        Raises:
            RequestError: The exercise is over.
        """
        facts = lesson.to_json()
        if any(all(note.facts.get(name) == value for name, value in facts.items()) for note in self._noted()):
            return False
        self._refuse_over()
        self.log.writer("tabletop.lessons#1").append(EventType.LESSON_NOTED, facts)
        return True

    def close(self) -> str:
        """End the exercise, seal its record, and return how it ended. Safe to repeat."""
        state, writer = self.state, self.log.writer(CLOSER)
        outcome = STOPPED if state.control.stopped else CUT_SHORT if self.unanswered() else COMPLETED
        if state.closed_at is None:
            writer.append(EventType.RUN_CLOSED, self._ending(outcome, state))
            heads = {name: head for name, head in self.log.heads().items() if name != CLOSER}
            writer.append(EventType.ANCHORED, {"heads": heads})
        if not closed(self.log.events_of(CLOSER)):
            done = {"step": CLOSE, "component": None, "phase": CLOSE, "attempt": 1, "worked_s": 0.0, "waited_s": 0.0}
            writer.append(EventType.STEP_SUCCEEDED, done | {"outputs": {"outcome": outcome}})
        complete(self.log)
        return state.outcome or outcome

    def _ending(self, outcome: str, state: RunState) -> dict[str, Any]:
        left = [f"{role} at {inject.id}" for inject, role in self.unanswered()]
        return {
            "outcome": outcome,
            "serving_region": state.impaired_region,
            "answers": None,
            "detail": f"not decided: {', '.join(left)}" if left else "",
            "released": True,  # nothing was claimed
            "earlier": [],
        }

    def _shown_at(self, inject: Inject) -> datetime | None:
        shown = (note for note in self.state.note(EventType.INJECT_SHOWN) if note.facts.get("inject") == inject.id)
        return next((note.at for note in shown), None)

    def _noted(self) -> tuple[Any, ...]:
        return self.state.note(EventType.LESSON_NOTED)

    def _refuse_over(self) -> None:
        state = self.state
        if state.closed_at is not None or state.control.stopped:
            how = state.outcome or "it was cancelled"
            raise RequestError(f"run {self.log.run_id} of {self.log.system} is over: {how}; nothing can be added")


def carry_on(ref: RunRef, system: System | None = None) -> Exercise:
    """Return the exercise with the record at ``ref``; with its ``system`` the record is copied as those of runs are.

    Raises:
        RequestError: The run is no tabletop.
    """
    return Exercise(open_log(ref, system))


Ask = Callable[[Question], Given | None]
Lessons = Callable[[], list[Lesson]]


def play(exercise: Exercise, ask: Ask, lessons: Lessons, told: Callable[[Inject], None] = lambda _: None) -> None:
    """Go through what is left of an exercise, up to its close.

    Args:
        exercise: The exercise.
        ask: Returns the answer to a question that no answer was prepared for; ``None`` when nobody decides.
        lessons: Returns what is to become better, asked when all is over.
        told: Called with an inject once it is shown, before its questions are asked.
    """
    for inject in exercise.scenario.injects:
        if exercise.stopped:
            return
        left = exercise.unanswered(inject)
        if left:
            exercise.show(inject)
            told(inject)
        for question in left:
            given = exercise.prepared(question) or ask(question)
            if given is not None and not exercise.stopped:
                exercise.decide(question, given)
    for lesson in (*exercise.lessons, *lessons()):
        exercise.note(lesson)
