"""What the pages are made from: a region that is silent delays nobody, and the clock tells the truth."""

import re
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from recovery_ops.airflow.dashboard.actions import Wanted
from recovery_ops.airflow.dashboard.render import environment
from recovery_ops.aws.traffic import Probe
from recovery_ops.errors import RecordError, StepInterruptedError
from recovery_ops.execution.systems import load_system, plan_for
from recovery_ops.model.events import EventType
from recovery_ops.model.system import System
from recovery_ops.planning import plan_to_json
from recovery_ops.record.state import RunState
from recovery_ops.reporting import dashboard
from recovery_ops.reporting.dashboard import Lookout
from recovery_ops.reporting.dashboard_overview import overview
from recovery_ops.reporting.dashboard_run import run_page
from recovery_ops.reporting.dashboard_system import chart, graph
from recovery_ops.reporting.phrases import coded
from recovery_ops.testing.runs import RUN_ID, SYSTEM, Run, at, full_run
from recovery_ops.testing.stores import InMemoryObjectStore

DAGS = Path(__file__).parents[3] / "dags"


@pytest.fixture(scope="module")
def system() -> System:
    return replace(load_system("fraud-detection", DAGS), name=SYSTEM)


def _declared(**changes: object) -> Run:
    plan = plan_for(load_system("fraud-detection", DAGS), "us-west-2")
    run = Run()
    run.declare(plan=plan_to_json(plan), time_factor=1.0, **changes)
    return run


def test_a_silent_region_delays_one_look_and_the_rest_is_shown(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard, "ANSWER_WITHIN_S", 0.05)
    monkeypatch.setattr(dashboard.Door.ask, "__defaults__", (0.05,))
    hangs, open_again = threading.Event(), InMemoryObjectStore(lambda *_: hangs.wait(30) and None)
    alive = InMemoryObjectStore()
    full_run(alive)
    lookout = Lookout(system, lambda region: open_again if region == "us-east-1" else alive)
    try:
        line = overview(lookout, at(200))
        began = time.monotonic()
        assert lookout.silent() == {"us-east-1": "nothing came within 0.05 s"}
        assert time.monotonic() - began < 5  # it is not asked again, so 30 s are not waited for
        assert line["serving"] == "us-west-2"
        assert line["last_run"].run_id == RUN_ID
    finally:
        hangs.set()


def test_a_region_that_is_back_is_asked_again(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = [True]

    def before(*_: str) -> None:
        if dead[0]:
            raise StepInterruptedError("the region does not answer")

    monkeypatch.setattr(dashboard, "ASK_AGAIN_AFTER_S", 0.0)
    lookout = Lookout(system, lambda _: InMemoryObjectStore(before))
    assert set(lookout.silent()) == {"us-east-1", "us-west-2"}
    dead[0] = False
    end = time.monotonic() + 20
    while lookout.silent() and time.monotonic() < end:
        time.sleep(0.01)
    assert not lookout.silent()


def test_whoever_looks_cannot_write(system: System) -> None:
    door = Lookout(system, lambda _: InMemoryObjectStore()).doors[0]
    for write in (lambda: door.put_new("a", b""), lambda: door.replace("a", b"", "e"), lambda: door.delete("a", "e")):
        with pytest.raises(RecordError, match="only reads"):
            write()


def test_events_are_read_once_however_often_a_page_updates(system: System) -> None:
    store = InMemoryObjectStore()
    full_run(store)
    lookout = Lookout(system, lambda _: store)
    lookout.events(RUN_ID)
    read = len([call for call in store.calls if call[0] == "get"])
    lookout.events(RUN_ID)
    assert len([call for call in store.calls if call[0] == "get"]) == read


def test_clock_counts_down_from_the_impact() -> None:
    facts = run_page(_declared().log.events(), at(100))
    assert facts is not None
    assert facts["clock"].elapsed_s == 100
    assert facts["clock"].left_s == facts["rto_s"] - 100
    assert facts["clock"].rate == 1.0
    assert facts["point"]["where"] == "before"
    assert facts["may"]["cancel"]


def test_forecast_names_the_step_that_is_late_and_by_how_much() -> None:
    run = _declared()
    run.step(30, "features.rehydrate", EventType.STEP_STARTED, region="us-west-2", control_planes=[])
    facts = run_page(run.log.events(), at(30 + 900))
    assert facts is not None
    assert facts["clock"].late_s > 300
    assert facts["clock"].because == "features.rehydrate takes longer than planned"
    assert facts["clock"].left_s < 0


def test_clock_stops_when_clients_are_healthy_and_the_point_of_no_return_is_passed() -> None:
    run = _declared()
    run.add(70, "cutover#1", EventType.TRAFFIC_MOVED, method="health-switch", to_region="us-west-2")
    run.add(110, "observe#1", EventType.SOAK_ENDED, outcome="healthy", healthy_since=at(79).isoformat(), failed=0)
    facts = run_page(run.log.events(), at(500))
    assert facts is not None
    assert facts["clock"].stopped
    assert facts["clock"].elapsed_s == 79
    assert facts["point"]["where"] == "passed"


def test_scaled_time_stretches_waiting_and_leaves_work_as_it_is() -> None:
    run = Run()
    run.declare(plan=plan_to_json(plan_for(load_system("fraud-detection", DAGS), "us-west-2")), time_factor=1 / 60)
    run.step(20, "network.provision", EventType.STEP_STARTED, region="us-west-2", control_planes=[])
    run.add(22, "network.provision#1", EventType.OPERATION_STARTED, step="network.provision", ref={})
    facts = run_page(run.log.events(), at(23))
    assert facts is not None
    assert facts["clock"].elapsed_s == pytest.approx(20 + 2 + 60)
    assert facts["clock"].rate == pytest.approx(60)


def test_what_waits_is_shown_with_what_it_waits_for() -> None:
    run = _declared()
    run.step(30, "config.rehydrate", EventType.STEP_STARTED, region="us-west-2", control_planes=[])
    facts = run_page(run.log.events(), at(31))
    assert facts is not None
    waits = {wait["step"]: [need["id"] for need in wait["for"]] for wait in facts["waits"]}
    assert any("config.rehydrate" in needs for needs in waits.values())


def test_graph_puts_a_component_right_of_what_it_needs(system: System) -> None:
    boxes = {box["name"]: box for box in graph(system, None)["boxes"]}
    assert all(boxes[need]["x"] < box["x"] for box in boxes.values() for need in box["needs"])


@pytest.mark.parametrize(
    "needs",
    [
        {"a": "", "b": "a", "c": "b", "d": "c", "e": "ad"},  # over two columns, past b and c
        {"a": "", "b": "", "c": "ab", "d": "abc", "e": "a", "f": "bde"},
        {name: "abcdefgh"[:number] for number, name in enumerate("abcdefgh")},  # everything needs all before it
    ],
)
def test_no_box_lies_on_an_edge(system: System, needs: dict[str, str]) -> None:
    any_kind = system.components[0]
    made = tuple(replace(any_kind, name=name, needs=tuple(found)) for name, found in needs.items())
    drawn = graph(replace(system, components=made), None)
    boxes = drawn["boxes"]
    assert len(drawn["edges"]) == sum(map(len, needs.values()))
    assert all(box["y"] >= 0 and box["y"] + box["h"] <= drawn["height"] for box in boxes)
    for edge in drawn["edges"]:
        on = [
            box["name"] for x, y in _along(edge) for box in boxes
            if box["x"] < x < box["x"] + box["w"] and box["y"] < y < box["y"] + box["h"]
        ]  # fmt: skip
        assert on == [], edge
    assert len({tuple(_along(edge)) for edge in drawn["edges"]}) == len(drawn["edges"])


def _along(path: str) -> list[tuple[float, float]]:
    """Return points along a path of curves (C) and straight lines to the right (H)."""
    x, y = map(float, path[1:].split(" C")[0].split(" H")[0].split())
    found = [(x, y)]
    for command, numbers in re.findall(r"([CH])([-\d. ]+)", path):
        given = [float(number) for number in numbers.split()]
        if command == "H":
            found += [(x + (given[0] - x) * part / 20, y) for part in range(1, 21)]
            x = given[0]
            continue
        x1, y1, x2, y2, x3, y3 = given
        for part in range(1, 41):
            t, s = part / 40, 1 - part / 40
            found.append((
                s**3 * x + 3 * s * s * t * x1 + 3 * s * t * t * x2 + t**3 * x3,
                s**3 * y + 3 * s * s * t * y1 + 3 * s * t * t * y2 + t**3 * y3,
            ))  # fmt: skip
        x, y = x3, y3
    return found


def test_a_run_that_goes_on_or_reached_its_end_has_not_halted() -> None:
    run = _declared()
    assert (run_page(run.log.events(), at(30)) or {})["halted"] is None
    run.add(40, "close#1", EventType.RUN_CLOSED, outcome="committed", serving_region="us-west-2", released=True)
    assert (run_page(run.log.events(), at(50)) or {})["halted"] is None


def test_a_run_without_named_people_leaves_it_to_whoever_is_on_call() -> None:
    run = _declared(people={})
    run.add(40, "close#1", EventType.RUN_CLOSED, outcome="failed", serving_region="us-east-1", released=True)
    halted = (run_page(run.log.events(), at(50)) or {})["halted"]
    assert halted == {
        "what": "The run stopped before its end.",
        "now": "Traffic was not moved. us-east-1 answers clients.",
        "who": "Whoever is on call: read the report, then start a new run.",
    }


def test_a_run_that_moved_nothing_says_what_it_leaves_running() -> None:
    run = _declared()
    for step, phase in (("network", "provision"), ("config", "rehydrate"), ("scoring", "redeploy")):
        facts = {"step": f"{step}.{phase}", "component": step, "phase": phase, "attempt": 1}
        run.add(10, f"{step}.{phase}#1", EventType.STEP_STARTED, **facts, region="us-west-2", control_planes=[])
        run.add(20, f"{step}.{phase}#1", EventType.STEP_SUCCEEDED, **facts)
    assert (run_page(run.log.events(), at(30)) or {})["halted"] is None
    run.add(40, "close#1", EventType.RUN_CLOSED, outcome="failed", serving_region="us-east-1", released=True)
    now = (run_page(run.log.events(), at(50)) or {})["halted"]["now"]
    assert now.endswith("What it built in us-west-2 stands and costs money (network, scoring); a new run uses it.")


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("run `recovery-ops debts pay x`, then", "run <code>recovery-ops debts pay x</code>, then"),
        ('<b>`<i>&"`</b>', "&lt;b&gt;<code>&lt;i&gt;&amp;&#34;</code>&lt;/b&gt;"),
        ("one ` alone", "one ` alone"),
        ("``", "``"),
        ("`over\ntwo lines`", "`over\ntwo lines`"),
        (None, "None"),
    ],
)
def test_what_stands_between_backticks_is_code_and_everything_is_escaped(text: object, html: str) -> None:
    assert coded(text) == html


def test_chart_needs_two_values() -> None:
    assert chart("x", [(at(0), 1.0)], 2.0) is None
    drawn = chart("x", [(at(0), 1.0), (at(10), 3.0)], 2.0)
    assert drawn is not None
    assert drawn["missed"]


@pytest.mark.parametrize(("mode", "moving"), [("drill", False), ("failover", True)])
def test_only_a_real_run_moves_the_system_and_keeps_another_one_out(system: System, mode: str, moving: bool) -> None:
    store = InMemoryObjectStore()
    Run(store).declare(mode=mode)
    lookout = Lookout(system, lambda _: store)
    assert overview(lookout, at(60))["moving"] is moving
    open_runs = [run for run in lookout.summaries() if run.is_open]
    text = _recover_page(system, open_runs)
    assert ("a second run will be refused" in text) is moving
    assert ("a recovery does not wait for it" in text) is not moving


def _recover_page(system: System, open_runs: list[RunState]) -> str:
    known = {
        "system": system, "leaving": system.home, "targets": ["us-west-2"], "dark": {}, "dry": None, "problem": None,
        "answer": Probe(ok=False, region="", status=0, seconds=0.1),
        "wanted": Wanted(reason="", intent="region-loss"), "may_act": False, "open_runs": open_runs,
        "who": SimpleNamespace(name="alice", token=""), "prefix": "", "active": "recover", "here": "",
    }  # fmt: skip
    return environment().get_template("recover.html.jinja").render(known)


def test_what_several_people_ask_the_regions_is_asked_once(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(region: str) -> str:
        asked.append(region)
        return region

    lookout = Lookout(system, lambda _: InMemoryObjectStore())
    for _ in range(3):
        assert set(lookout.ask_each(ask, known_as="points")) == {*system.regions}
    assert sorted(asked) == sorted(system.regions)
    monkeypatch.setattr(dashboard, "FRESH_S", 0.0)
    lookout.ask_each(ask, known_as="points")
    assert len(asked) == 2 * len(system.regions)
