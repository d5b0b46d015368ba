"""The page of drills: the calendar, why nothing starts, and who mends what until when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from recovery_ops.airflow.dashboard import desk
from recovery_ops.airflow.dashboard.render import environment
from recovery_ops.aws.alarms import AlarmState
from recovery_ops.errors import StepInterruptedError
from recovery_ops.execution.systems import load_system
from recovery_ops.model.drill_findings import Answer, EntryKind, FindingEntry, entry_of
from recovery_ops.model.drills import DrillPolicy, Freeze
from recovery_ops.model.events import EventType
from recovery_ops.model.system import System
from recovery_ops.record.drill_stops import Stop, Stops
from recovery_ops.record.findings import Findings
from recovery_ops.reporting.dashboard import Lookout
from recovery_ops.reporting.dashboard_drills import drills_page
from recovery_ops.testing.runs import RUN_ID, SYSTEM, Run, at
from recovery_ops.testing.stores import InMemoryObjectStore

DAGS = Path(__file__).parents[3] / "dags"
NOW = at(3600)


@pytest.fixture(scope="module")
def system() -> System:
    return replace(load_system("fraud-detection", DAGS), name=SYSTEM)


def drawn(facts: dict[str, Any]) -> str:
    """Return the block of a system as the page shows it."""
    known = {"systems": [facts], "prefix": "", "who": None, "active": "drills", "problem": None, "here": ""}
    template = environment().get_template("drills.html.jinja")
    return " ".join("".join(template.blocks["content"](template.new_context(known))).split())


def page_of(system: System, store: InMemoryObjectStore, alarms: dict[str, str] | None = None) -> dict[str, Any]:
    return drills_page(Lookout(system, lambda _region: store), NOW, alarms or {})


def test_a_drill_that_was_held_moves_its_line_and_no_other(system: System) -> None:
    store = InMemoryObjectStore()
    run = Run(store)
    run.declare(mode="drill", drill="regional")
    run.add(60, "close#1", EventType.RUN_CLOSED, outcome="completed", serving_region="us-east-1", released=True)
    found = page_of(system, store)
    lines = {(line.kind, line.component): line for line in found["calendar"]}
    assert (lines["regional", ""].last.run_id, lines["regional", ""].overdue) == (RUN_ID, False)
    assert found["overdue"] == len(lines) - 1
    text = drawn(found)
    assert f"{RUN_ID} did not pass on 2026-11-23" in text
    assert "2026-11-30 12:01 UTC" in text  # a week later, for it did not pass
    assert "waits for a passing regional drill" in text


def test_a_freeze_an_alarm_a_stop_and_an_open_run_are_told(system: System) -> None:
    frozen = replace(system, drills=DrillPolicy(freezes=(Freeze(start="2026-11-20", end="2026-11-25", why="sale"),)))
    assert "freeze 2026-11-20 to 2026-11-25: sale" in drawn(page_of(frozen, InMemoryObjectStore()))
    watched = replace(system, drills=DrillPolicy(alarms=("errors",)))
    assert "alarm errors is not known" in drawn(page_of(watched, InMemoryObjectStore()))
    assert "alarm errors is ALARM" in drawn(page_of(watched, InMemoryObjectStore(), {"errors": "ALARM"}))
    assert "alarm errors" not in drawn(page_of(watched, InMemoryObjectStore(), {"errors": "OK"}))
    store = InMemoryObjectStore()
    assert "No drill starts now" not in drawn(page_of(system, store))
    Run(store).declare()
    assert page_of(system, store)["held_up"] == f"Run {RUN_ID} is open."
    Stops(store).put(Stop(system="", person="bob", reason="<audit>", at=datetime(2026, 11, 23, tzinfo=UTC)))
    assert "bob stopped all drills at 2026-11-23 00:00:00 UTC: &lt;audit&gt;" in drawn(page_of(system, store))


def test_alarms_are_asked_where_the_system_serves_and_silence_leaves_them_unknown(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(names: tuple[str, ...], region: str) -> list[AlarmState]:
        if region == dark:
            raise StepInterruptedError(f"{region} is dark")
        return [AlarmState(name=name, state=region, changed_at=None, reason="") for name in names]

    monkeypatch.setattr(desk, "alarm_states", look)
    watched = replace(system, drills=DrillPolicy(alarms=("errors",)))
    dark = "us-west-2"
    assert desk.alarms(Lookout(watched, lambda _region: InMemoryObjectStore())) == {"errors": "us-east-1"}
    dark = "us-east-1"
    assert desk.alarms(Lookout(watched, lambda _region: InMemoryObjectStore())) == {}
    assert desk.alarms(Lookout(system, lambda _region: InMemoryObjectStore())) == {}


def test_findings_with_owner_day_and_whoever_bears_the_risk(system: System) -> None:
    store = InMemoryObjectStore()
    assert "Nothing is open" in drawn(page_of(system, store))
    shelf = Findings(store, SYSTEM)
    answer = Answer(component="scoring", code="latency", subject="p95", passed=False, message="too slow")
    opened = entry_of(answer, SYSTEM, "r-1", NOW - timedelta(days=60))
    shelf.append(opened)
    text = drawn(page_of(system, store))
    assert "too slow" in text
    assert "nobody" in text
    assert page_of(system, store)["findings"][0]["overdue"] is True
    said = {"owner": "carol", "until": NOW + timedelta(days=3), "due": NOW + timedelta(days=9), "reason": "known"}
    for number, kind in enumerate((EntryKind.ASSIGNED, EntryKind.ACCEPTED)):
        shelf.append(_said(opened, kind, NOW - timedelta(hours=2 - number), **said))
    text = drawn(page_of(system, store))
    assert "carol" in text
    assert "dave bears it until 2026-11-26 13:00 UTC: known" in text
    shelf.append(entry_of(replace(answer, passed=True), SYSTEM, "r-2", NOW))
    assert "Nothing is open" in drawn(page_of(system, store))


def _said(opened: FindingEntry, kind: EntryKind, when: datetime, **facts: Any) -> FindingEntry:
    return replace(opened, kind=kind, at=when, person="dave", **facts)
