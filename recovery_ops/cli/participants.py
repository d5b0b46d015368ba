"""Who answers the questions of a tabletop that is held in a terminal: the people who sit there, or nobody."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol, TextIO

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.prompt import Confirm, IntPrompt, Prompt
from rich.text import Text

from recovery_ops.catalog.quantities import in_words
from recovery_ops.drills.findings import open_lessons
from recovery_ops.drills.tabletop import Exercise, Question
from recovery_ops.errors import RecoveryError
from recovery_ops.model.scenarios import Inject
from recovery_ops.model.tabletops import Given, Lesson
from recovery_ops.record.store import ObjectStore

NOBODY = "-"
DUE_DAYS = 30


class Participants(Protocol):
    """Those who decide."""

    def told(self, inject: Inject) -> None:
        """Learn what happens now."""
        ...

    def ask(self, question: Question) -> Given | None:
        """Decide, or let the question pass without a decision."""
        ...

    def lessons(self) -> list[Lesson]:
        """Say what is to become better."""
        ...


class Nobody:
    """Nobody is there: whatever has no prepared answer has none."""

    def told(self, inject: Inject) -> None:
        """Tell nobody."""

    def ask(self, question: Question) -> Given | None:  # noqa: ARG002 - nobody hears it
        """Return no answer."""
        return None

    def lessons(self) -> list[Lesson]:
        """Return none."""
        return []


class Terminal:
    """The people in the room, through whoever types. What stands in a scenario is text and never markup.

    Args:
        exercise: What is played.
        stores: Where findings of earlier tabletops lie.
        console: Where questions appear.
        person: Who types.
        stream: Where answers are read from; the terminal unless given.
    """

    def __init__(
        self,
        exercise: Exercise,
        stores: Sequence[ObjectStore],
        console: Console,
        person: str,
        stream: TextIO | None = None,
    ) -> None:
        self.exercise, self.stores, self.console, self.person, self.stream = exercise, stores, console, person, stream
        self._before: Inject | None = None

    def told(self, inject: Inject) -> None:
        """Show an inject, after what should have been talked about at the one before."""
        self._look_back()
        injects = self.exercise.scenario.injects
        title = f"{injects.index(inject) + 1} of {len(injects)}: {inject.id}, {self._when(inject)}"
        self.console.print(Panel(Text(inject.known), title=escape(title), title_align="left"))
        self.console.print(Text(inject.question, style="bold"))
        self.console.print(Text(f"decide within {in_words(inject.decide_within_s)}", style="dim"))
        for number, choice in enumerate(inject.choices, start=1):
            self.console.print(Text(f"  {number}  {choice}"))
        self._before = inject

    def ask(self, question: Question) -> Given | None:
        """Ask who decides for a role, what, and why."""
        inject, role = question
        names = self.exercise.people.get(role, ())
        hint = f" ({', '.join(names)})" if names else ""
        default = names[0] if names else NOBODY
        person = self._text(f"Who decides for {role}{hint}? {NOBODY} for nobody", default=default)
        if person == NOBODY:
            return None
        numbers = [str(number) for number in range(1, len(inject.choices) + 1)]
        chosen = Prompt.ask(
            escape(f"{person} decides"), choices=numbers, console=self.console, stream=self.stream, show_choices=True
        )
        comment = self._text("Why", default="")
        decision = inject.choices[int(chosen) - 1]
        entered_by = self.person if self.person != person else ""
        return Given(person=person, decision=decision, comment=comment, entered_by=entered_by)

    def lessons(self) -> list[Lesson]:
        """Ask which lessons of earlier tabletops are learnt, and which there are now."""
        self._look_back()
        found = [Lesson(what=what, person=self.person, mended=True) for what in self._open() if self._is_mended(what)]
        while what := self._text("What is to become better? Nothing ends", default=""):
            owner = self._text("Who mends it", default="")
            days = IntPrompt.ask("In how many days", default=DUE_DAYS, console=self.console, stream=self.stream)
            due = (datetime.now(UTC) + timedelta(days=max(days, 1))).date()
            found.append(Lesson(what=what, person=self.person, owner=owner, due=due))
        return found

    def _look_back(self) -> None:
        if self._before is not None:
            for point in self._before.points:
                self.console.print(Text(f"  worth a word: {point}", style="dim"))
        self._before = None

    def _when(self, inject: Inject) -> str:
        return f"{in_words(inject.at_s)} after the beginning" if inject.at_s else "the beginning"

    def _open(self) -> list[str]:
        try:
            return open_lessons(self.exercise.log.system, self.stores)
        except RecoveryError as error:
            self.console.print(Text(f"lessons of earlier tabletops cannot be read: {error.message}"))
            return []

    def _is_mended(self, what: str) -> bool:
        question = escape(f"Said in an earlier tabletop: {what}. Is it done?")
        return Confirm.ask(question, default=False, console=self.console, stream=self.stream)

    def _text(self, question: str, default: str) -> str:
        answer = Prompt.ask(
            escape(question), default=default, show_default=bool(default), console=self.console, stream=self.stream
        )
        return str(answer).strip()
