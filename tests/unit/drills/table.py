"""A tabletop in memory: the shipped catalog, a record that is a dictionary, people who answer by a script."""

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from recovery_ops.aws import object_store
from recovery_ops.drills.convening import convene
from recovery_ops.drills.findings import settle
from recovery_ops.drills.scenario_files import find_scenario
from recovery_ops.drills.tabletop import Exercise, Question, carry_on, play
from recovery_ops.execution import open_runs, view
from recovery_ops.execution.systems import load_system
from recovery_ops.model.runs import RunRef
from recovery_ops.model.scenarios import Scenario
from recovery_ops.model.system import System
from recovery_ops.model.tabletops import Given, Lesson, TabletopRequest
from recovery_ops.reporting import render
from recovery_ops.reporting.html import render_summary
from recovery_ops.reporting.publish import publish, report_of
from recovery_ops.testing.stores import InMemoryObjectStore

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "docs" / "reference" / "report.schema.json").read_text())
CATALOGS = ROOT / "dags"
HOME, AWAY = "us-east-1", "us-west-2"
BEGIN = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


class Killed(BaseException):
    """The process dies here."""


@dataclass(slots=True)
class Table:
    """Where people sit. ``takes_s`` is how long each answer takes; the clock moves with answers only."""

    system: System
    stores: dict[str, InMemoryObjectStore] = field(default_factory=dict)
    now: datetime = BEGIN
    takes_s: float = 30.0
    asked: list[tuple[str, str]] = field(default_factory=list)
    _tokens: Any = field(default_factory=itertools.count)

    def store(self, bucket: str, region: str, *, suspect: bool = False) -> InMemoryObjectStore:
        return self.stores.setdefault(bucket, InMemoryObjectStore())

    @property
    def records(self) -> list[InMemoryObjectStore]:
        return [self.store(self.system.record_bucket.format(region=region), region) for region in (HOME, AWAY)]

    def convene(self, scenario: str | Scenario = "regional-loss", **facts: Any) -> RunRef:
        told = find_scenario(scenario) if isinstance(scenario, str) else scenario
        asked = {"scenario": told, "person": "alice", "token": f"token-{next(self._tokens)}"}
        return convene(self.system, TabletopRequest(**asked | facts), now=self.now)

    def exercise(self, ref: RunRef) -> Exercise:
        found = carry_on(ref, self.system)
        found.log.clock = lambda: self.now
        return found

    def play(
        self,
        ref: RunRef,
        decide: Callable[[Question], Given | None] | None = None,
        lessons: tuple[Lesson, ...] = (),
    ) -> str:
        exercise = self.exercise(ref)
        play(exercise, self._timed(decide or self.right), lambda: list(lessons))
        outcome = exercise.close()
        settle(self.system.name, report_of(exercise.log), self.records)
        return outcome

    def right(self, question: Question) -> Given | None:
        """Decide as the playbook says, in the name of the first who has the role."""
        names = self.system.people.get(question.role, ("erin",))
        return Given(person=names[0], decision=question.inject.expected[0], comment="as the playbook says")

    def report(self, ref: RunRef, out: Path | None = None) -> Mapping[str, Any]:
        made = publish(ref, out)
        jsonschema.validate(made, SCHEMA)
        assert render(made)
        assert render_summary(made)
        return made

    def _timed(self, decide: Callable[[Question], Given | None]) -> Callable[[Question], Given | None]:
        def ask(question: Question) -> Given | None:
            self.asked.append((question.inject.id, question.role))
            self.now += timedelta(seconds=self.takes_s)
            return decide(question)

        return ask


def laid(monkeypatch: pytest.MonkeyPatch) -> Table:
    """Return a table whose record nothing outside this process knows."""
    monkeypatch.setenv("RECOVERY_OPS_CATALOGS", str(CATALOGS))
    for name in ("RECOVERY_OPS_DATABASE_URL", "RECOVERY_OPS_SPOOL"):
        monkeypatch.delenv(name, raising=False)
    made = Table(system=load_system("fraud-detection", CATALOGS))
    for module in (view, open_runs, object_store):
        monkeypatch.setattr(module, "open_store", made.store)
    return made


def reasons(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(reason["rule"], reason["what"]) for reason in report["result"]["reasons"]]
