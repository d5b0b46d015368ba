"""What may start now: at most one drill, and never beside a stop, an open run, a freeze or an alarm."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from recovery_ops.aws.alarms import AlarmState
from recovery_ops.drills import scheduling
from recovery_ops.drills.scheduling import Agenda, agenda
from recovery_ops.errors import StepInterruptedError
from recovery_ops.execution.systems import load_system
from recovery_ops.model.drills import DrillKind, DrillPolicy, Freeze
from recovery_ops.planning.drill_calendar import Held
from recovery_ops.record.drill_stops import Stop, Stops
from recovery_ops.testing.stores import InMemoryObjectStore

SYSTEM = load_system("fraud-detection", Path(__file__).parents[3] / "dags")
NOW = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)


class World:
    """What :func:`agenda` reads."""

    def __init__(self) -> None:
        self.store = InMemoryObjectStore()
        self.claims: dict[str, str] = {}
        self.history: list[Held] = []
        self.alarms: Any = []

    def asked(self, **policy: Any) -> Agenda:
        return agenda(replace(SYSTEM, drills=DrillPolicy(**policy)), NOW)

    def claimed(self, _system: Any, slot: str) -> list[tuple[str, Any]]:
        runs = [self.claims[slot]] if slot in self.claims else []
        return [("us-west-2", SimpleNamespace(run_id=run_id, holder="alice")) for run_id in runs]

    def look(self, _names: Any, region: str) -> list[AlarmState]:
        assert region == "us-east-1"
        if isinstance(self.alarms, Exception):
            raise self.alarms
        return [AlarmState(name="errors", state=self.alarms, changed_at=None, reason="")]

    def passed(self, days_ago: float) -> None:
        at = NOW - timedelta(days=days_ago)
        kinds = [(DrillKind.COMPONENT, item.name) for item in SYSTEM.components]
        kinds += [(kind, "") for kind in (DrillKind.TABLETOP, DrillKind.REGIONAL, DrillKind.FULL)]
        self.history = [Held(kind=kind, component=name, run_id=f"r-{name}", at=at, passed=True) for kind, name in kinds]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(scheduling, "answering", lambda _system: [made.store])
    monkeypatch.setattr(scheduling, "held", lambda _name, _stores: made.history)
    monkeypatch.setattr(scheduling, "held_claims", made.claimed)
    monkeypatch.setattr(scheduling, "alarm_states", made.look)
    monkeypatch.setattr(scheduling, "serving_region", lambda _system: SimpleNamespace(region="us-east-1"))
    return made


def test_the_smallest_drill_that_a_machine_can_start(world: World) -> None:
    found = world.asked()
    assert found.start is not None
    assert found.start.kind is DrillKind.COMPONENT
    assert found.why == f"component drill of {found.start.component} is due: never held"


@pytest.mark.parametrize("slot", ["production", "drill"])
def test_an_open_run_holds_up_every_drill(world: World, slot: str) -> None:
    world.claims[slot] = "r-20261201-aaaaaa"
    found = world.asked()
    assert (found.start, found.why) == (None, "run r-20261201-aaaaaa of alice is open in us-west-2")


@pytest.mark.parametrize("scope", ["", "fraud-detection"])
def test_a_stop_of_all_drills_or_of_this_system(world: World, scope: str) -> None:
    Stops(world.store).put(Stop(system=scope, person="bob", reason="audit", at=NOW))
    found = world.asked()
    assert found.start is None
    assert "audit" in found.why
    assert found.to_json()["start"] is None
    Stops(world.store).lift(scope)
    assert world.asked().start is not None


def test_a_freeze_skips_and_what_is_overdue_stays_so(world: World) -> None:
    found = world.asked(freezes=(Freeze(start="2026-11-30", end="2026-12-04", why="settlement"),))
    assert found.start is None
    assert "settlement" in found.why
    assert len(found.overdue) == len(found.lines)


@pytest.mark.parametrize(("state", "starts"), [("OK", True), ("ALARM", False), (StepInterruptedError("dark"), False)])
def test_an_alarm_that_fires_or_cannot_be_read_blocks(world: World, state: Any, starts: bool) -> None:
    world.alarms = state
    assert (world.asked(alarms=("errors",)).start is not None) is starts


def test_nothing_is_due_after_everything_passed(world: World) -> None:
    world.passed(days_ago=1)
    found = world.asked()
    assert (found.start, found.overdue) == (None, [])
    assert found.why == "nothing is due before 2026-12-30 10:00 UTC"
