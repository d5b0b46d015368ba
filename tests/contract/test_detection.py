"""Regions in a sandbox judged from outside: one that is dead, one that lacks a service, and one that is fine."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fraud_world import CATALOG, FACTOR, HOME, POINT, TARGET, FraudWorld

from recovery_ops.aws.alarms import receive
from recovery_ops.aws.calls import calling_as
from recovery_ops.cli import local
from recovery_ops.detection.sweeping import LOOKING, Outcome, override, sweep, watches_of
from recovery_ops.execution.systems import load_system
from recovery_ops.model.detection import Decision, Detection, DetectionMode, SignalName, SignalState, Verdict
from recovery_ops.model.points import ConsistentPoint
from recovery_ops.model.system import System
from recovery_ops.protection.shelf import Shelf
from recovery_ops.sandbox.seed.alarms import watch

ALARM = "alive-{region}"
HOLD_DOWN_S = 120.0


def watched(world: FraudWorld) -> System:
    policy = Detection(
        signals=(SignalName.ALARM, SignalName.NAME, SignalName.FRONT_DOOR, SignalName.AWS),
        quorum=4,
        hold_down_s=HOLD_DOWN_S,
        every_s=30.0,
        min_between_runs_s=86_400.0,
        mode=DetectionMode.AUTOMATIC,
        slow_s=30.0,
        alarms=(ALARM,),
    )
    return replace(world.system, detection=policy)


@pytest.fixture
def alive(fraud_world: FraudWorld, monkeypatch: pytest.MonkeyPatch) -> FraudWorld:
    """The protected world with both regions alive, and an alarm beside the one that serves."""
    fraud_world.sandbox.control.restore(fraud_world.folder / "protected.snapshot")
    fraud_world.sandbox.control.heal()
    monkeypatch.setenv("RECOVERY_OPS_TIME_FACTOR", str(FACTOR))
    monkeypatch.setenv("RECOVERY_OPS_RESOLVER", f"{fraud_world.sandbox.base_url}/dns-query")
    fraud_world.outsider("cloudwatch").put_metric_alarm(
        AlarmName=ALARM.format(region=HOME), Namespace="Forwarded", MetricName="Heartbeat", Statistic="Sum",
        Dimensions=[{"Name": "Region", "Value": HOME}], Period=60, EvaluationPeriods=2, Threshold=1,
        ComparisonOperator="LessThanThreshold", TreatMissingData="breaching",
    )  # fmt: skip
    _publish_point(fraud_world)
    return fraud_world


def _publish_point(world: FraudWorld) -> None:
    """Let the recovery region know a point, and with it the front door at home and what clients ask."""
    now = datetime.now(UTC)
    point = ConsistentPoint(
        id=POINT, system=world.system.name, taken_at=now, region=HOME, catalog_hash="0" * 64, captures=world.captures
    )
    Shelf(system=world.system).publish(point, TARGET, locked_until=now + timedelta(hours=1))


def until(world: FraudWorld, verdict: Verdict, looks: int = 60, system: System | None = None) -> Outcome:
    """Look again and again, half a hold-down apart by the clock that is handed in, until the verdict is reached.

    A region is healthy when every signal says so: an alarm knows nothing for a moment after it was set up.
    """
    now = datetime.now(UTC)
    for number in range(looks):
        outcome = sweep(system or watched(world), now=now + timedelta(seconds=number * HOLD_DOWN_S * FACTOR / 2))
        unsure = {signal.state for signal in outcome.judgment.signals} - {SignalState.HEALTHY}
        if outcome.judgment.verdict is verdict and not (verdict is Verdict.HEALTHY and unsure):
            return outcome
    raise AssertionError(f"{verdict} was not reached; the last judgment is {outcome.judgment}")


def test_a_dead_region_is_found_out_once_and_a_person_may_overrule(alive: FraudWorld) -> None:
    fine = until(alive, Verdict.HEALTHY)
    assert {signal.state for signal in fine.judgment.signals} == {SignalState.HEALTHY}
    alive.sandbox.control.fault(HOME, "reset")
    first = until(alive, Verdict.REGION_LOSS)
    assert (first.judgment.decision, first.news) == (Decision.FAIL_OVER, True)
    again = sweep(watched(alive))
    assert (again.dag_run_id, again.news) == (first.dag_run_id, False)
    override(watched(alive), paused=True, person="alice", reason="network works")
    stopped = sweep(watched(alive)).judgment
    assert stopped.decision is Decision.ADVISE
    assert "alice paused" in stopped.why
    with calling_as(LOOKING):
        assert watches_of(watched(alive)).read().automatic_run == first.dag_run_id


def test_the_shipped_system_is_judged_by_its_own_alarms_and_people_are_told(alive: FraudWorld) -> None:
    shipped = load_system(local.SYSTEM, CATALOG.parent)
    assert shipped.detection is not None
    alive.sandbox.control.restore(alive.folder / "protected.snapshot")
    _publish_point(alive)
    watch(alive.sandbox.base_url)
    fine = until(alive, Verdict.HEALTHY, system=shipped)
    assert {signal.state for signal in fine.judgment.signals} == {SignalState.HEALTHY}
    alive.sandbox.control.fault(HOME, "reset")
    found = until(alive, Verdict.REGION_LOSS, system=shipped).judgment
    assert found.decision is Decision.ADVISE
    assert "policy is advise" in found.why
    raised = next(signal for signal in found.signals if signal.name is SignalName.ALARM)
    assert raised.detail.startswith(f"fraud-{HOME}-alive: ")
    heard = [change.facts for change in receive(shipped.detection.queue, TARGET)]
    assert (f"fraud-{HOME}-alive", "ALARM") in {(facts["AlarmName"], facts["NewStateValue"]) for facts in heard}


def test_one_dead_service_is_no_lost_region(alive: FraudWorld) -> None:
    alive.sandbox.control.fault(HOME, "503", services=["sagemaker", "sagemaker-runtime"])
    found = until(alive, Verdict.SERVICE_OUT).judgment
    assert (found.decision, found.scenario) == (Decision.ADVISE, "service-out")
    assert "sagemaker silent" in found.why


def test_two_regions_are_never_out_at_once(alive: FraudWorld) -> None:
    until(alive, Verdict.HEALTHY)
    alive.sandbox.control.fault(HOME, "reset")
    alive.sandbox.control.fault(TARGET, "503", services=["sagemaker"])
    found = until(alive, Verdict.REGION_LOSS).judgment
    assert found.decision is Decision.ADVISE
    assert f"{TARGET} cannot take over: sagemaker" in found.why
