"""What the calendar and a plan say of a real world, which neither of them changes."""

import json
from dataclasses import replace

import pytest
from stage import AWAY, CATALOGS, HOME, Stage
from typer.testing import CliRunner

from recovery_ops.cli.app import app
from recovery_ops.drills.restoring import restore_test
from recovery_ops.drills.scheduling import agenda
from recovery_ops.model.drills import DrillKind
from recovery_ops.planning.drill_calendar import DueState


@pytest.fixture(autouse=True)
def shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOVERY_OPS_CATALOGS", str(CATALOGS))


def ran(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["drill", *args])
    return result.exit_code, result.stdout


def test_the_calendar_of_a_system_that_never_drilled_and_what_a_drill_changes_in_it(stage: Stage) -> None:
    code, text = ran("calendar", "--check", "--json")
    (found,) = json.loads(text)
    assert (code, found["system"], found["held_up"]) == (1, "fraud-detection", None)
    assert found["start"]["kind"] == "component"
    assert all(line["overdue"] for line in found["calendar"])
    assert stage.harm() == []
    test = restore_test(stage.system, person="alice", component="config")
    seen = agenda(stage.system)
    (line,) = (line for line in seen.lines if line.component == "config")
    assert line.last is not None
    assert (line.last.run_id, line.state) == (test.run_id, DueState.LATER)
    assert seen.start is not None
    assert seen.start.component != "config"


def test_a_stop_holds_up_all_drills_and_an_alarm_that_nobody_knows_blocks(stage: Stage) -> None:
    blocked = replace(stage.system, drills=replace(stage.system.drills, alarms=("no-such-alarm",)))
    seen = agenda(blocked)
    assert seen.start is None
    assert "alarm no-such-alarm is not known" in seen.why
    assert ran("stop", "fraud-detection", "--reason", "quarter end")[0] == 0
    code, text = ran("plan", "fraud-detection", "--json")
    facts = json.loads(text)
    assert (code, facts["may_start"], facts["calendar_would_start"]) == (0, False, False)
    assert "quarter end" in facts["why_not"]
    assert "quarter end" in agenda(stage.system).why
    assert ran("calendar", "fraud-detection")[0] == 0


def test_a_plan_names_what_would_be_made_and_makes_nothing(stage: Stage) -> None:
    code, text = ran("plan", "fraud-detection", "--kind", "full", "--json")
    facts = json.loads(text)
    assert (code, facts["may_start"], facts["region"], facts["production_region"]) == (0, True, AWAY, HOME)
    assert facts["calendar_would_start"] is False
    assert "waits for a passing" in facts["calendar_says"]
    names = facts["isolated"]["components"]
    assert set(names) == {component.name for component in stage.system.components}
    assert [name for found in names.values() for name in found if "{run}" not in name] == []
    assert sum(bool(found) for found in names.values()) >= 5
    steps = [step["id"] for step in facts["plan"]["steps"]]
    assert steps.index("stage") < steps.index("clean-up") < steps.index("close")
    assert {guard["guard"] for guard in facts["guards"]} == {"stop", "production-run", "spend", "production"}
    assert 0 < facts["cost"]["estimate_usd"] < facts["cost"]["ceiling_usd"]
    assert stage.harm() == []
    assert "may start now" in ran("plan", "fraud-detection", "--kind", "regional")[1]


def test_a_tabletop_has_no_plan() -> None:
    assert ran("plan", "fraud-detection", "--kind", DrillKind.TABLETOP)[0] == 2
