"""Whole drills on the sandbox: the steps of a failover beside production, which notices nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stage import AWAY, HOME, Stage

from recovery_ops.drills.junit import junit
from recovery_ops.errors import RequestError
from recovery_ops.execution.direct import run_direct
from recovery_ops.execution.open_runs import open_run
from recovery_ops.execution.serving import serving_region
from recovery_ops.execution.systems import plan_for
from recovery_ops.execution.view import record_store
from recovery_ops.model.events import EventType
from recovery_ops.model.objectives import FromPoint
from recovery_ops.model.system import Component, System
from recovery_ops.reporting.drill_history import held
from recovery_ops.reporting.publish import publish
from recovery_ops.testing.patience import PATIENT_S


def test_a_regional_drill_brings_everything_up_beside_production_and_leaves_nothing(
    stage: Stage, tmp_path: Path
) -> None:
    with stage.customers() as wrong:
        ref = run_direct(stage.request("regional"), stage.system)
    state = stage.state(ref)
    assert (state.outcome, state.drill, wrong) == ("completed", "regional", [])
    assert stage.harm() == []
    real = [step.id for step in plan_for(stage.system, AWAY).steps if step.component]
    assert [step.id for step in state.steps.values() if step.component] == real
    (fault,) = (note.facts for note in state.note(EventType.FAULT_INJECTED))
    assert (fault["region"], fault["scope"], fault["looks"]) == (HOME, f"requests of {ref.run_id}", 3)
    assert state.clocks["T0"] < state.clocks["T1"] <= state.clocks["T3"] < state.clocks["T7"]
    assert stage.sandbox.control.status()["faults"] == []
    (moved,) = (note.facts for note in state.note(EventType.TRAFFIC_REHEARSED))
    assert (moved["name"], moved["to_region"], moved["simulated"]) == ("score-drill.example.com", AWAY, False)
    assert not state.note(EventType.TRAFFIC_MOVED)
    assert not state.note(EventType.FENCED)
    (cleaned,) = (note.facts for note in state.note(EventType.CLEANED_UP))
    assert cleaned["leftovers"] == []
    assert cleaned["spent_usd"] > 0
    assert (open_run(stage.system, "drill"), serving_region(stage.system).region) == (None, HOME)
    report = publish(ref, tmp_path)
    assert (report["verdict"], report["result"]["reasons"]) == ("pass", [])
    assert b"<failure" not in junit(report)
    (seen,) = held(stage.system.name, [record_store(stage.system, AWAY)])
    assert (seen.run_id, seen.kind, seen.passed) == (ref.run_id, "regional", True)


def from_point_only(system: System) -> System:
    """The system with objectives that only a run out of a point keeps; of training data none keeps them.

    Only config says nothing about points.
    """
    never_s, patient = 1e-6, FromPoint(rto_s=PATIENT_S, rpo_s=PATIENT_S)

    def one(component: Component) -> Component:
        if component.name == "config":
            return component
        rpo_s = never_s if component.rpo_s else None
        goals = patient if component.name != "training-data" else FromPoint(rto_s=never_s, rpo_s=never_s)
        own = replace(goals, rpo_s=goals.rpo_s if rpo_s else None)
        fresh = {"freshness": PATIENT_S} if component.name == "features" else {}
        settings = {**component.settings, **fresh}
        return replace(component, rto_s=never_s, rpo_s=rpo_s, from_point=own, settings=settings)

    parts = tuple(map(one, system.components))
    return replace(system, rto_s=never_s, from_point=FromPoint(rto_s=PATIENT_S), components=parts)


def test_a_full_drill_comes_out_of_the_point_and_goes_back(stage: Stage, tmp_path: Path) -> None:
    home, system = stage.leads_to("score-drill.example.com"), from_point_only(stage.system)
    with stage.customers() as wrong:
        ref = run_direct(stage.request("full"), system)
    state = stage.state(ref)
    assert (state.outcome, wrong, stage.harm()) == ("completed", [], [])
    assert {use.component: use.source for use in state.points_used}["features"] == "point"
    moves = [(note.facts["from_region"], note.facts["to_region"]) for note in state.note(EventType.TRAFFIC_REHEARSED)]
    assert moves == [(HOME, AWAY), (AWAY, HOME)]
    assert stage.leads_to("score-drill.example.com") == home
    report = publish(ref, tmp_path)
    assert (report["verdict"], report["result"]["reasons"]) == ("pass", [])
    found = {(item["component"], item["kind"]): item for item in report["objectives"]}
    assert {item["basis"] for item in found.values() if item["component"] != "config"} == {"from-point"}
    assert (found["config", "rto"]["basis"], found["config", "rpo"]["basis"]) == ("ordinary", "ordinary")
    late = {name for name, item in found.items() if item["verdict"] != "pass"}
    assert late == {("training-data", "rto"), ("training-data", "rpo")}
    assert {use["component"]: use["objective_s"] for use in report["recovery_points"]}["features"] == PATIENT_S


def test_a_component_drill_takes_what_it_needs_and_names_the_component(stage: Stage, tmp_path: Path) -> None:
    never = FromPoint(rto_s=1e-6, rpo_s=1e-6)
    parts = tuple(replace(item, from_point=never) for item in stage.system.components)
    ref = run_direct(stage.request("component", component="features"), replace(stage.system, components=parts))
    state = stage.state(ref)
    assert (state.outcome, state.component, stage.harm()) == ("completed", "features", [])
    assert {step.component for step in state.steps.values() if step.component} == {"config", "features"}
    report = publish(ref, tmp_path)
    assert report["verdict"] == "pass"
    assert {item["basis"] for item in report["objectives"]} == {"ordinary"}
    declared = report["scope"]["blast_radius"]
    assert (declared["limits"]["components"], declared["limits"]["fault"]) == (["config", "features"], "none")
    assert {guard["guard"] for guard in declared["guards"]} == {"stop", "production-run", "spend", "production"}


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"kind": "tabletop"}, "recovers nothing"),
        ({"kind": "regional", "region": HOME}, "serves from us-east-1"),
        ({"kind": "component"}, "needs the name of a component"),
        ({"kind": "component", "component": "nobody"}, "no component 'nobody'"),
    ],
)
def test_what_can_be_no_drill_is_refused_and_changes_nothing(stage: Stage, asked: dict[str, Any], why: str) -> None:
    with pytest.raises(RequestError, match=why):
        run_direct(stage.request(**asked), stage.system)
    assert stage.harm() == []
