"""Promises of verdicts: judged by rule, and one thing wrong is enough."""

from typing import Any

import jsonschema
import pytest
from made_runs import EAST, MadeFailover, changed, criteria, without
from report_changes import EVENTS, REPORT, SCHEMA, Change, add, drop, objective, put, rules

from recovery_ops.model.events import Event, EventType
from recovery_ops.model.plan import Mode
from recovery_ops.reporting import render, report
from recovery_ops.reporting.verdict import RULES
from recovery_ops.testing.runs import Run, iso


def wrong_decision(events: list[Event]) -> list[Event]:
    run = Run(run_id="r-20261123-abcdef")
    fixed = put(EventType.RUN_DECLARED, criteria={"injects": {"alarm": {"expected": ["act"]}}})(events)
    shown = run.add(200, "tabletop", EventType.INJECT_SHOWN, inject="alarm", roles=["sre-lead"])
    facts = {"role": "sre-lead", "person": "alice", "decision": "wait"}
    return [*fixed, shown, run.add(201, "tabletop", EventType.DECISION_TAKEN, inject="alarm", **facts)]


def drop_check(gate: str) -> Change:
    return lambda events: [event for event in events if event.payload.get("gate") != gate]


def test_a_run_that_did_everything_right_passes_without_a_reason() -> None:
    assert REPORT["verdict"] == "pass"
    assert REPORT["result"]["reasons"] == []


def judged_from_point(rto_s: float | None, basis: object = "from-point") -> dict[str, Any]:
    """The report of the run, had features been judged by an objective that holds out of a point."""
    fixed = criteria()
    fixed["components"]["features"] |= {"rto_s": rto_s, "basis": {"rto": basis, "rpo": "ordinary"}}
    return report(changed(EVENTS, EventType.RUN_DECLARED, where={}, criteria=fixed))


def test_a_row_says_which_objective_held_and_is_judged_by_that_one_alone() -> None:
    took_s = objective(REPORT, "features")["achieved_s"]
    met, missed, none = (judged_from_point(rto_s) for rto_s in (took_s + 0.1, took_s - 0.1, None))
    assert [objective(made, "features")["verdict"] for made in (met, missed, none)] == ["pass", "fail", "not-measured"]
    assert [made["verdict"] for made in (met, missed, none)] == ["pass", "fail", "fail"]
    for made in (met, missed, none):
        jsonschema.validate(made, SCHEMA)
        assert objective(made, "features")["basis"] == "from-point"
        assert (objective(made, "features", "rpo")["basis"], objective(made, "system")["basis"]) == ("ordinary",) * 2
    assert "out of a recovery point" in render(met)
    assert "out of a recovery point" not in render(REPORT)


@pytest.mark.parametrize("basis", [None, "", "other", 5])
def test_a_basis_that_nobody_knows_is_the_ordinary_one(basis: object) -> None:
    assert objective(judged_from_point(600.0, basis), "features")["basis"] == "ordinary"


def test_a_refused_run_fails_and_says_why() -> None:
    run = Run()
    run.add(1, "declare#1", EventType.RUN_REFUSED, reason="no recovery point", person="alice")
    made = report(run.log.events())
    jsonschema.validate(made, SCHEMA)
    assert "no recovery point" in made["result"]["reasons"][0]["what"]
    assert render(made)


BAD: list[tuple[str, str, Change]] = [
    ("declared", "never declared", drop(EventType.RUN_DECLARED)),
    ("outcome", "not committed", drop(EventType.RUN_COMMITTED)),
    ("outcome", "rolled back", add(EventType.RUN_ROLLED_BACK, why="soak", to_region=EAST, serving=True)),
    ("outcome", "not be put back: dead", add(EventType.RUN_ROLLED_BACK, why="dead", to_region=None, serving=False)),
    ("verification", "a check failed", put(EventType.CHECK_RECORDED, {"gate": "latency"}, outcome="fail")),
    ("verification", "a probe broke", put(EventType.CHECK_RECORDED, {"gate": "latency"}, outcome="error")),
    ("verification", "a check was not run", put(EventType.CHECK_RECORDED, {"gate": "latency"}, outcome="not-run")),
    ("verification", "a required gate has no check", drop_check("golden-predictions")),
    ("verification", "a gate has advice only", put(EventType.CHECK_RECORDED, {"gate": "latency"}, advisory=True)),
    ("verification", "nothing was verified", drop(EventType.CHECK_RECORDED)),
    ("override", "an override", add(EventType.GATE_OVERRIDDEN, person="alice", reason="now", checks=[])),
    ("objectives", "an RPO missed", put(EventType.RECOVERY_POINT_USED, {"component": "features"}, rpo_modelled_s=301)),
    ("objectives", "an RPO not measured", drop(EventType.RECOVERY_POINT_USED)),
    ("objectives", "an RTO missed", put(EventType.RUN_DECLARED, time_factor=1 / 300)),
    ("objectives", "no T8", put(EventType.SOAK_ENDED, outcome="unhealthy")),
    ("objectives", "no objective", put(EventType.RUN_DECLARED, criteria={})),
    ("client", "more failures than requests", put(EventType.CLIENT_OBSERVED, failed=9999)),
    ("client", "an outage nobody knows", put(EventType.CLIENT_OBSERVED, outage_s=None)),
    ("client", "no answer from the recovery region", put(EventType.CLIENT_OBSERVED, answered_by={EAST: 3})),
    ("writer", "counts that do not add up", put(EventType.DATA_LOSS_COUNTED, lost=1)),
    ("writer", "a loss that nobody knows", put(EventType.DATA_LOSS_COUNTED, lost=None)),
    ("writer", "a loss where no state may be lost", put(EventType.DATA_LOSS_COUNTED, component="scoring")),
    ("writer", "a loss older than the RPO", put(EventType.DATA_LOSS_COUNTED, oldest_lost_at=iso(-6))),
    ("protection", "no T9", drop(EventType.PROTECTION_RESTORED)),
    ("serving", "nobody serves", put(EventType.RUN_CLOSED, answers=False, detail="NOTHING SERVES score.example.com")),
    ("close", "not closed", drop(EventType.RUN_CLOSED)),
    ("guard", "a guard tripped", add(EventType.GUARD_TRIPPED, guard="probes", observed=0.2, limit=0.01)),
    ("clean-up", "something left", add(EventType.CLEANED_UP, removed=[], leftovers=["endpoint x"], spent_usd=0.1)),
    ("cost", "cost not measured", put(EventType.RUN_DECLARED, criteria={"cost_ceiling_usd": 5})),
    ("people", "nobody decided", add(EventType.INJECT_SHOWN, inject="alarm", roles=["sre-lead"])),
    ("decision", "another decision than the playbook says", wrong_decision),
    ("close", "claim kept", put(EventType.RUN_CLOSED, released=False)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "change"), [(rule, change) for rule, _, change in BAD], ids=[name for _, name, _ in BAD]
)
def test_one_thing_wrong_is_enough_for_a_fail(rule: str, change: Change) -> None:
    made = report(change(EVENTS))
    assert made["verdict"] == "fail"
    assert rule in {reason["rule"] for reason in made["result"]["reasons"]}
    jsonschema.validate(made, SCHEMA)
    assert "FAIL" in render(made)


def test_every_rule_is_shown_to_fail() -> None:
    assert {rule for rule, _, _ in BAD} | {"record"} == set(RULES)


def test_a_record_that_does_not_verify_is_a_fail_that_names_the_place() -> None:
    made = report(EVENTS, broken=[{"key": "systems/x/000001.json", "reason": "changed"}])
    assert made["verdict"] == "fail"
    assert "systems/x/000001.json" in made["result"]["reasons"][0]["what"]
    assert "does not verify" in render(made)


def test_a_missed_objective_of_a_component_that_traffic_does_not_wait_for_is_shown_and_decides_nothing() -> None:
    where = {"component": "training-data"}
    made = report(changed(EVENTS, EventType.RECOVERY_POINT_USED, where=where, rpo_modelled_s=1e6))
    assert objective(made, "training-data", "rpo")["verdict"] == "fail"
    assert made["verdict"] == "pass"
    assert any(finding["what"] == "RPO of training-data" for finding in made["findings"])


def test_a_failed_check_of_any_component_decides() -> None:
    assert rules(put(EventType.CHECK_RECORDED, {"component": "training-data"}, outcome="fail")(EVENTS)) == {
        "verification"
    }


def test_advice_that_is_not_followed_decides_nothing() -> None:
    extra = {"component": "scoring", "gate": "quality", "name": "auc", "outcome": "fail", "advisory": True}
    assert rules(add(EventType.CHECK_RECORDED, **extra)(EVENTS)) == set()


def test_a_second_attempt_at_verification_replaces_the_answers_of_the_first() -> None:
    made = MadeFailover()
    made.declare()
    bad = {"component": "scoring", "gate": "latency", "name": "latency was judged", "outcome": "not-run"}
    made.run.add(5, "scoring.verify#0", EventType.CHECK_RECORDED, step="scoring.verify", **bad)
    assert report(made.whole_after_declare())["verdict"] == "pass"


def test_no_loss_needs_no_objective() -> None:
    facts = {"component": "scoring", "acknowledged": 3, "served": 3, "lost": 0}
    assert rules(put(EventType.DATA_LOSS_COUNTED, **facts)(EVENTS)) == set()


def test_nobody_outside_is_not_measured_and_no_reason() -> None:
    made = report(without(EVENTS, EventType.CLIENT_OBSERVED, EventType.DATA_LOSS_COUNTED))
    assert made["verdict"] == "pass"
    assert made["client"]["outage_s"] is made["writer"]["lost"] is None
    assert "no client outside watched" in render(made)


def test_a_drill_is_judged_without_traffic() -> None:
    drill = MadeFailover(mode=Mode.DRILL)
    drill.declare()
    for step in drill.plan.steps:
        drill.step(step)
    assert rules(drill.run.log.events()) == {"clean-up"}
    drill.run.add(300, "clean-up#1", EventType.CLEANED_UP, removed=["endpoint x"], leftovers=[], spent_usd=0.2)
    made = report(drill.run.log.events())
    assert (made["verdict"], made["clocks"]["T8"]) == ("pass", None)
    assert not any(item["component"] == "system" for item in made["objectives"])
