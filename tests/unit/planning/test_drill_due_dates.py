"""The calendar grows in scope, skips what is blocked and says so, and never forgets what is overdue."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery_ops.catalog import load_catalog
from recovery_ops.errors import CatalogError
from recovery_ops.execution.systems import kind_specs
from recovery_ops.model.drill_hours import blocked_by, has_open_minute, next_open
from recovery_ops.model.drills import BlockedWindow, DrillKind, DrillPolicy, Freeze, Weekday
from recovery_ops.model.freezing import freeze, thaw
from recovery_ops.model.system import System
from recovery_ops.planning.drill_calendar import DueState, Held, calendar, next_due, overdue_s

CATALOG = Path(__file__).parents[3] / "dags" / "fraud-detection.yaml"
NOW = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
FREEZE = Freeze(start="2026-11-30", end="2026-12-04", why="settlement")


@pytest.fixture(scope="module")
def system() -> System:
    return load_catalog(CATALOG, kind_specs())


def with_policy(system: System, **changes: object) -> System:
    return replace(system, drills=replace(system.drills, **changes))  # type: ignore[arg-type]


def held(kind: DrillKind, days_ago: float, component: str = "", **facts: object) -> Held:
    at = NOW - timedelta(days=days_ago)
    values = {"passed": True, "run_id": f"r-{kind}-{component}-{days_ago:g}", **facts}
    return Held(kind=kind, component=component, at=at, **values)  # type: ignore[arg-type]


def components_passed(system: System, days_ago: float = 5) -> list[Held]:
    return [held(DrillKind.COMPONENT, days_ago, component.name) for component in system.components]


def states(lines: list) -> dict[tuple[str, str], str]:
    return {(line.kind, line.component): line.state for line in lines}


def test_a_system_that_never_drilled_begins_with_the_smallest_scope(system: System) -> None:
    lines = calendar(system, [], NOW, scenarios=["regional-loss", "other"])
    found = states(lines)
    assert found[("component", "scoring")] == DueState.DUE
    assert found[("regional", "")] == found[("full", "")] == DueState.HELD_BACK
    assert all(line.overdue for line in lines)
    first = next_due(lines)
    assert first is not None
    assert (first.kind, first.scenario) == (DrillKind.TABLETOP, "regional-loss")


def test_scope_grows_only_after_the_level_before_passed(system: System) -> None:
    passed = components_passed(system)
    assert states(calendar(system, passed, NOW))[("regional", "")] == DueState.DUE
    failed = [*passed, held(DrillKind.COMPONENT, 1, "scoring", passed=False)]
    line = next(line for line in calendar(system, failed, NOW) if line.kind is DrillKind.REGIONAL)
    assert (line.state, line.starts_at) == (DueState.HELD_BACK, None)
    assert "scoring" in line.why
    assert states(calendar(system, passed, NOW))[("full", "")] == DueState.HELD_BACK
    both = [*passed, held(DrillKind.REGIONAL, 2)]
    assert states(calendar(system, both, NOW))[("full", "")] == DueState.DUE


def test_a_component_that_traffic_does_not_need_holds_nothing_back(system: System) -> None:
    passed = [item for item in components_passed(system) if item.component != "training-data"]
    assert states(calendar(system, passed, NOW))[("regional", "")] == DueState.DUE


def test_what_did_not_pass_is_due_again_after_the_retry_time(system: System) -> None:
    for days_ago, state in ((6, DueState.LATER), (8, DueState.DUE)):
        lines = calendar(system, [held(DrillKind.COMPONENT, days_ago, "scoring", passed=False)], NOW)
        assert states(lines)[("component", "scoring")] == state


def test_a_freeze_is_skipped_with_its_reason_and_the_drill_stays_overdue(system: System) -> None:
    frozen = with_policy(system, freezes=(FREEZE,))
    lines = calendar(frozen, components_passed(system, days_ago=40), NOW)
    line = next(line for line in lines if line.component == "scoring")
    assert line.state is DueState.SKIPPED
    assert "settlement" in line.why
    assert line.starts_at == datetime(2026, 12, 5, tzinfo=UTC)
    assert line.overdue_s == pytest.approx(10 * 86_400)
    assert next_due(lines) is None
    assert overdue_s(lines)[DrillKind.COMPONENT] == pytest.approx(10 * 86_400)
    assert overdue_s(lines)[DrillKind.TABLETOP] is None


def test_an_alarm_that_fires_or_cannot_be_read_keeps_drills_from_starting(system: System) -> None:
    guarded = with_policy(system, alarms=("5xx",))
    for alarms, expected in (
        ({"5xx": "OK"}, DueState.DUE),
        ({"5xx": "ALARM"}, DueState.SKIPPED),
        ({}, DueState.SKIPPED),
    ):
        assert states(calendar(guarded, [], NOW, alarms=alarms))[("component", "scoring")] == expected


def test_a_tabletop_that_nobody_attended_does_not_count(system: System) -> None:
    alone = held(DrillKind.TABLETOP, 1, scenario="a", attended=False)
    line = calendar(system, [alone], NOW, scenarios=["a", "b"])[0]
    assert (line.state, line.last, line.scenario) == (DueState.DUE, None, "a")
    attended = replace(alone, attended=True)
    line = calendar(system, [attended], NOW, scenarios=["a", "b"])[0]
    assert (line.state, line.scenario) == (DueState.LATER, "b")


def test_a_day_late_is_overdue_and_an_hour_is_not(system: System) -> None:
    for hours, overdue in ((1, False), (25, True)):
        lines = calendar(system, [held(DrillKind.TABLETOP, 90 + hours / 24)], NOW)
        assert (lines[0].state, lines[0].overdue) == (DueState.DUE, overdue)


windows = st.builds(
    BlockedWindow,
    days=st.lists(st.sampled_from(Weekday), min_size=1, unique=True).map(tuple),
    start=st.times().map(lambda value: f"{value:%H:%M}"),
    end=st.times().map(lambda value: f"{value:%H:%M}"),
)
freezes = st.builds(
    lambda start, days: Freeze(start=str(start), end=str(start + timedelta(days=days)), why="w"),
    st.dates(date(2026, 11, 1), date(2027, 1, 1)),
    st.integers(0, 40),
)
policies = st.builds(
    DrillPolicy, blocked=st.lists(windows, max_size=4).map(tuple), freezes=st.lists(freezes, max_size=3).map(tuple)
)
moments = st.datetimes(datetime(2026, 11, 1), datetime(2027, 2, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001


@settings(deadline=None)
@given(policies, moments)
def test_the_next_open_moment_is_open_and_nothing_before_it_is(policy: DrillPolicy, at: datetime) -> None:
    found = next_open(policy, at)
    if found is None:
        assert not has_open_minute(policy)
        return
    assert found >= at
    assert blocked_by(policy, found) is None
    for share in (0.0, 0.3, 0.99):
        before = at + (found - at) * share
        assert before == found or blocked_by(policy, before) is not None


def test_blocked_hours_go_into_the_next_day() -> None:
    night = DrillPolicy(blocked=(BlockedWindow(days=(Weekday.FRI,), start="18:00", end="08:00"),))
    saturday = datetime.combine(date(2026, 12, 5), time(7), tzinfo=UTC)
    assert next_open(night, saturday) == saturday + timedelta(hours=1)


def written(folder: Path, drills: str) -> Path:
    path = folder / "fraud-detection.yaml"
    path.write_text(CATALOG.read_text() + f"\ndrills:\n{drills}\n")
    return path


def test_the_catalog_says_when_and_the_frozen_plan_keeps_it(tmp_path: Path) -> None:
    text = (
        "  full: 365d\n  alarms: [5xx]\n"
        '  blocked: [{days: [sat], start: "18:00", end: "08:00"}]\n'
        "  freezes: [{start: 2026-12-20, end: 2027-01-03, why: year end}]"
    )
    system = load_catalog(written(tmp_path, text), kind_specs())
    assert system.drills.every_s[DrillKind.FULL] == 365 * 86_400
    assert system.drills.every_s[DrillKind.COMPONENT] == 30 * 86_400
    assert thaw(freeze(system)) == system


@pytest.mark.parametrize(
    ("drills", "problem"),
    [
        ("  freezes: [{start: 2026-12-20, end: 2026-12-19, why: x}]", "before it starts"),
        ("  freezes: [{start: 20261220, end: 2026-12-21, why: x}]", "must be text"),
        ('  blocked: [{start: "24:00", end: "08:00"}]', "does not match"),
        ('  blocked: [{start: "00:00", end: "00:00"}]', "leaves no minute"),
        ("  fulll: 3d", "did you mean 'full'"),
    ],
)
def test_mistakes_are_located(tmp_path: Path, drills: str, problem: str) -> None:
    path = written(tmp_path, drills)
    with pytest.raises(CatalogError, match=problem) as caught:
        load_catalog(path, kind_specs())
    assert f"{path}:" in caught.value.message
    assert ": drills" in caught.value.message
