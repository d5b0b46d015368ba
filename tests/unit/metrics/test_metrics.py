"""What a scrape says is what the record says: before the first run, during one, after it, while a region is dark."""

import math
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from metric_world import HOME, TARGET, MetricWorld, fraud

from recovery_ops.errors import RecordError
from recovery_ops.model.events import EventType
from recovery_ops.model.findings import Finding, Severity
from recovery_ops.model.readiness import (
    Basis,
    Direction,
    Outlook,
    Prediction,
    Proof,
    ProofState,
    ReadinessState,
    Recoverable,
    Sweep,
    Tracked,
)
from recovery_ops.record.log import EventLog
from recovery_ops.record.spool import spool_of
from recovery_ops.record.sweeps import Sweeps
from recovery_ops.reporting.metric_docs import updated
from recovery_ops.reporting.metric_list import LABELS, METRICS, Kind
from recovery_ops.testing.runs import NOON, SYSTEM, Run, at, full_run, iso
from recovery_ops.testing.stores import unreachable

FEATURES = ("features", "feature-store")


def sweep_of(when: datetime) -> Sweep:
    proof = Proof(plan_hash="aa", state=ProofState.PROVEN, why="", run_id="r-1", at=NOON, expires_at=at(900))
    states = (
        Recoverable(component="features", region=TARGET, source="replica", watermark=NOON, age_s=12.0, objective_s=60),
        Recoverable(component="archive", region=TARGET, source="none", watermark=None, age_s=None, objective_s=3600),
    )
    predicted = Prediction(
        name=SYSTEM, objective="rto", objective_s=600, likely_s=300, late_s=420, basis=Basis.MEASURED,
        verdict=Outlook.ACHIEVABLE,
    )  # fmt: skip
    way = Direction(
        from_region=HOME, region=TARGET, answered=True, state=ReadinessState.NOT_READY,
        point_id="p-20261123t115000z-ab12", recoverable=states, predictions=(predicted,), proof=proof,
    )  # fmt: skip
    gone = Finding(severity=Severity.BLOCKER, component="archive", code="no-point", message="gone")
    return Sweep(
        system=SYSTEM, at=when, catalog_hash="bb", serving_region=HOME, dark=(), directions=(way,),
        open=(Tracked(finding=gone, region=TARGET, first_seen=NOON),),
    )  # fmt: skip


def test_before_anything_happened_every_series_is_there_and_says_never(world: MetricWorld) -> None:
    found = world.scrape()
    assert {name for metric in METRICS for name in metric.series} <= set(found)
    assert found["recovery_ops_last_drill_timestamp_seconds"][("full",)] == 0
    assert found["recovery_ops_last_run_timestamp_seconds"][("failover", "committed")] == 0
    assert found["recovery_ops_runs_total"][("", "refused")] == 0
    assert found["recovery_ops_readiness"][(TARGET, "not-known")] == 1
    assert found["recovery_ops_findings"][(TARGET, "blocker")] == 0
    assert found["recovery_ops_run_state"][("production", "idle")] == 1
    assert found["recovery_ops_open_debts"] == {("fence",): 0, ("unfence",): 0, ("reprotect",): 0}
    assert found["recovery_ops_step_duration_seconds_count"][(*FEATURES, "rehydrate")] == 0
    assert math.isnan(found["recovery_ops_rpo_age_seconds"][(*FEATURES, TARGET)])
    assert math.isnan(found["recovery_ops_run_rto_elapsed_seconds"][()])
    assert found["recovery_ops_rpo_objective_seconds"] == {FEATURES: 60, ("archive", "s3-dataset"): 3600}


def test_what_a_run_did_is_told_by_every_process_alike(world: MetricWorld) -> None:
    full_run(world.store)
    world.now = at(500)
    found = world.scrape()
    assert repr(found) == repr(world.scrape(world.watch()))
    assert found["recovery_ops_runs_total"][("failover", "committed")] == 1
    assert found["recovery_ops_last_run_timestamp_seconds"][("failover", "committed")] == at(130).timestamp()
    achieved = found["recovery_ops_last_run_achieved_rto_seconds"]
    assert achieved[(*FEATURES, "failover")] > 45  # the wall's seconds; waiting was scaled
    assert math.isnan(achieved[("", "", "failover")])  # the plan of this run has no observe
    assert found["recovery_ops_serving"] == {(HOME,): 0, (TARGET,): 1}
    durations = found["recovery_ops_step_duration_seconds_bucket"]
    assert durations[(*FEATURES, "60.0", "rehydrate")] == 0
    assert durations[(*FEATURES, "300.0", "rehydrate")] == 1  # 1 s of work, 2 s of waiting at 1/60
    assert found["recovery_ops_step_duration_seconds_sum"][(*FEATURES, "rehydrate")] == pytest.approx(121)


def test_a_missed_objective_a_refusal_and_a_failure_are_counted(world: MetricWorld) -> None:
    run = full_run(world.store, "r-20261123-000001")
    run.add(140, "report#1", EventType.REPORT_FAILED, why="disk full")
    late = Run(world.store, "r-20261123-000002")
    steps = [{"id": "features.verify", "component": "features", "needs": []}, {"id": "observe", "needs": []}]
    late.declare(criteria={"rto_s": 5}, time_factor=1, plan={"steps": steps})
    late.add(30, "observe#1", EventType.SOAK_ENDED, outcome="healthy", healthy_since=iso(29), probes=1, failed=0)
    late.step(31, "features.verify", EventType.STEP_FAILED, worked_s=1.0, waited_s=0.0, error={})
    late.add(32, "close#1", EventType.RUN_CLOSED, outcome="failed", serving_region=HOME, released=True)
    Run(world.store, "r-20261123-000003").add(33, "declare#1", EventType.RUN_REFUSED, reason="busy", person="bob")
    EventLog(world.store, SYSTEM, "protect-20261123").writer("protect").append(
        EventType.POINT_FAILED, {"reason": "no answer", "component": "features"}, at(34)
    )
    found = world.scrape()
    assert found["recovery_ops_runs_total"][("failover", "failed")] == 1
    assert found["recovery_ops_runs_total"][("", "refused")] == 1
    assert found["recovery_ops_objectives_missed_total"][("failover", "rto")] == 1
    assert found["recovery_ops_last_run_achieved_rto_seconds"][("", "", "failover")] == 29
    assert found["recovery_ops_last_run_rto_objective_seconds"][("", "", "failover")] == 5
    assert found["recovery_ops_step_failures_total"][(*FEATURES, "verify")] == 1
    assert found["recovery_ops_protection_failures_total"][()] == 1
    assert found["recovery_ops_last_protection_failure_timestamp_seconds"][()] == at(34).timestamp()
    assert found["recovery_ops_report_failures_total"][()] == 1


def test_the_clock_of_an_open_run_runs_until_traffic_is_served(world: MetricWorld) -> None:
    run = Run(world.store)
    run.declare(time_factor=1)
    run.whole_step(21, 24, "features.rehydrate")
    world.now = at(100)
    watch = world.watch()
    found = world.scrape(watch)
    assert found["recovery_ops_run_state"][("production", "running")] == 1
    assert found["recovery_ops_run_rto_elapsed_seconds"][()] == 100
    assert found["recovery_ops_run_rto_objective_seconds"][()] == 600
    assert found["recovery_ops_run_last_event_timestamp_seconds"][("production",)] == at(24).timestamp()
    run.add(101, "scoring.redeploy#1", EventType.RTO_FORECAST, forecast_s=700.0, objective_s=600.0, step="x", chain=[])
    run.add(102, "approve#1", EventType.APPROVAL_ASKED, question="cutover", policy="ask", timeout_s=60)
    world.now = at(200)
    found = world.scrape(watch)
    assert found["recovery_ops_run_rto_forecast_seconds"][()] == 700
    assert found["recovery_ops_run_state"][("production", "waiting-approval")] == 1
    run.add(210, "close#1", EventType.RUN_CLOSED, outcome="failed", serving_region=HOME, released=True)
    found = world.scrape(watch)
    assert found["recovery_ops_run_state"][("production", "idle")] == 1
    assert math.isnan(found["recovery_ops_run_rto_elapsed_seconds"][()])


def test_a_run_left_behind_by_a_later_one_is_not_open(world: MetricWorld) -> None:
    Run(world.store, "r-20261123-000001").declare(second=20)
    later = Run(world.store, "r-20261123-000002")
    later.declare(second=50)
    later.add(60, "close#1", EventType.RUN_CLOSED, outcome="committed", serving_region=TARGET, released=True)
    assert world.scrape()["recovery_ops_run_state"][("production", "idle")] == 1


def test_readiness_is_what_the_last_sweep_found_and_ages_go_on_when_nobody_asks(world: MetricWorld) -> None:
    Sweeps(world.store, SYSTEM).write(sweep_of(at(10)))
    world.now = at(60)
    found = world.scrape()
    assert found["recovery_ops_readiness"][(TARGET, "not-ready")] == 1
    assert found["recovery_ops_findings"][(TARGET, "blocker")] == 1
    assert found["recovery_ops_plan_proven"][(TARGET,)] == 1
    assert found["recovery_ops_plan_proof_expiry_timestamp_seconds"][(TARGET,)] == at(900).timestamp()
    assert found["recovery_ops_predicted_rto_late_seconds"][("", "", TARGET)] == 420
    assert found["recovery_ops_last_point_timestamp_seconds"][(TARGET,)] == at(-600).timestamp()
    assert found["recovery_ops_rpo_age_seconds"][(*FEATURES, TARGET)] == 12
    assert found["recovery_ops_recoverable"] == {(*FEATURES, TARGET): 1, ("archive", "s3-dataset", TARGET): 0}
    world.now = at(10 + 3 * 900 + 1)
    assert world.scrape()["recovery_ops_rpo_age_seconds"][(*FEATURES, TARGET)] == 12 + 3 * 900 + 1


def test_drills_are_told_by_scope_with_what_they_left(world: MetricWorld) -> None:
    drill = Run(world.store)
    drill.declare(mode="drill", drill="regional")
    drill.add(60, "close#1", EventType.CLEANED_UP, removed=["a"], leftovers=["table b"], spent_usd=1)
    drill.add(61, "close#1", EventType.RUN_CLOSED, outcome="committed", serving_region=HOME, released=True)
    found = world.scrape()
    assert found["recovery_ops_last_drill_timestamp_seconds"][("regional",)] == at(61).timestamp()
    assert found["recovery_ops_last_drill_timestamp_seconds"][("full",)] == 0
    assert found["recovery_ops_drill_leftovers"][()] == 1


def test_a_drill_is_overdue_by_the_calendar_from_a_day_after_it_was_due(world: MetricWorld) -> None:
    never = world.scrape()["recovery_ops_drill_overdue_seconds"]
    assert never == {(kind,): math.inf for kind in ("tabletop", "component", "regional", "full")}
    drill = Run(world.store)
    drill.declare(mode="drill", drill="regional")
    drill.add(61, "close#1", EventType.RUN_CLOSED, outcome="completed", serving_region=HOME, released=True)
    assert world.scrape()["recovery_ops_drill_overdue_seconds"][("regional",)] == 0
    world.now = at(61) + timedelta(days=9)  # it did not pass, so that it was due again after a week
    found = world.scrape()["recovery_ops_drill_overdue_seconds"]
    assert found[("regional",)] == timedelta(days=2).total_seconds()
    assert found[("full",)] == math.inf


def test_a_debt_stands_until_it_is_paid(world: MetricWorld) -> None:
    facts = {
        "debt": "fence",
        "component": "features",
        "region": HOME,
        "what": "writers",
        "noted_by": "r-20261123-abcdef",
    }
    run = full_run(world.store)
    run.add(125, "fence#1", EventType.DEBT_NOTED, **{**facts, "why": "dark"})
    assert world.scrape()["recovery_ops_open_debts"][("fence",)] == 1
    EventLog(world.store, SYSTEM, "debts").writer("debts:1").append(EventType.DEBT_PAID, facts, at(200))
    assert world.scrape()["recovery_ops_open_debts"][("fence",)] == 0


def test_one_dark_region_is_said_and_takes_nothing_away(world: MetricWorld) -> None:
    full_run(world.store)
    world.stores[HOME].before = unreachable
    found = world.scrape()
    assert found["recovery_ops_record_readable"] == {(HOME,): 0, (TARGET,): 1}
    assert found["recovery_ops_runs_total"][("failover", "committed")] == 1


def test_when_no_region_answers_what_was_read_stays_and_says_how_old_it_is(world: MetricWorld) -> None:
    full_run(world.store)
    watch = world.watch()
    world.scrape(watch)
    for store in world.stores.values():
        store.before = unreachable
    world.now = at(1000)
    found = world.scrape(watch)
    assert found["recovery_ops_record_read_timestamp_seconds"][()] == NOON.timestamp()
    assert found["recovery_ops_runs_total"][("failover", "committed")] == 1
    never = world.scrape(world.watch())
    assert never["recovery_ops_record_readable"] == {(HOME,): 0, (TARGET,): 0}
    assert never["recovery_ops_record_read_timestamp_seconds"][()] == 0
    assert "recovery_ops_runs_total" not in never  # nothing is known of runs, and nothing is made up


def test_a_damaged_run_is_counted_and_takes_nothing_away(world: MetricWorld) -> None:
    full_run(world.store, "r-20261123-000001")
    Run(world.store, "r-20261123-000002").declare()
    world.store.damage(next(key for key in world.store.all_keys() if "r-20261123-000002" in key), b"{}")
    found = world.scrape()
    assert found["recovery_ops_unreadable_runs"][()] == 1
    assert found["recovery_ops_runs_total"][("failover", "committed")] == 1


def test_a_run_that_did_not_change_is_not_read_again(world: MetricWorld) -> None:
    full_run(world.store)
    watch = world.watch()
    first = world.scrape(watch)
    world.store.calls.clear()
    assert repr(world.scrape(watch)) == repr(first)
    assert [call for call in world.store.calls if call[0] == "get"] == []


def test_the_spool_of_this_machine_is_counted(world: MetricWorld) -> None:
    spool_of(world.spool, f"record-{TARGET}", SYSTEM, "r-20261123-abcdef").add("k", b"{}", "no answer")
    found = world.scrape()
    assert found["recovery_ops_spool_events"] == {(HOME,): 0, (TARGET,): 1}
    assert found["recovery_ops_spool_oldest_timestamp_seconds"][(TARGET,)] > 0


def test_a_store_that_hangs_costs_no_scrape_more_than_its_patience(world: MetricWorld) -> None:
    hang, asked = threading.Event(), threading.Event()

    def hanging(operation: str, name: str) -> None:
        asked.set()
        hang.wait()

    watch = world.watch(patience_s=0.05)
    while True:  # the first read may need longer than this patience
        try:
            before = world.scrape(watch)
            break
        except RecordError:
            continue
    world.store.before = hanging
    world.now += timedelta(seconds=60)
    try:
        assert repr(world.scrape(watch)) == repr(before)
        assert asked.wait(20)
        with pytest.raises(RecordError, match="first time"):
            world.scrape(world.watch(patience_s=0.05))
    finally:
        hang.set()


def test_many_who_ask_within_the_fresh_time_cost_one_read(world: MetricWorld) -> None:
    watch = world.watch(fresh_s=2.0)
    world.scrape(watch)
    world.store.calls.clear()
    world.scrape(watch)
    assert world.store.calls == []
    world.now += timedelta(seconds=3)
    world.scrape(watch)
    assert world.store.calls != []


def test_labels_are_bounded_and_described_and_names_follow_the_rules_of_prometheus() -> None:
    known = {label.name for label in LABELS}
    assert [metric.name for metric in METRICS if not set(metric.labels) <= known] == []
    assert {"run_id", "run", "message", "person"} & known == set()
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert [metric.name for metric in METRICS if (metric.kind is Kind.COUNTER) != metric.name.endswith("_total")] == []
    timed = [metric for metric in METRICS if metric.unit in ("seconds", "timestamp")]
    assert [metric.name for metric in timed if not metric.name.endswith("_seconds")] == []
    assert [metric.name for metric in timed if (metric.unit == "timestamp") != ("_timestamp_" in metric.name)] == []


def test_an_unknown_component_of_an_old_run_adds_no_series(world: MetricWorld) -> None:
    run = Run(world.store)
    run.declare()
    run.whole_step(30, 40, "long-gone.verify")
    found = world.scrape()
    assert {labels[0] for labels in found["recovery_ops_step_duration_seconds_count"]} == {
        item.name for item in fraud().components
    }


def test_the_reference_page_has_the_present_list() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "metrics.md").read_text()
    assert updated(page) == page
    with pytest.raises(ValueError, match="needs the marks"):
        updated("# Metrics")
