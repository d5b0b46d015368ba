"""Regions that hang, throttle, lack capacity or have stopped to replicate: every run ends, with a true verdict."""

import time
from datetime import UTC, datetime

import httpx
import pytest
from run_world import HOME, KEY, TABLE, TARGET, Told, World, altered, assert_traffic_stayed, lean, until

from recovery_ops.aws import clients
from recovery_ops.model.events import EventType
from recovery_ops.quality.golden_set import GoldenSet

pytestmark = pytest.mark.sandbox
THROTTLED = {("cloudformation", "sagemaker", "ssm"): r"step/\w[\w-]*\.", ("s3",): "recovery-ops/"}
"""Services, and who is throttled: components, and all of the library."""
FIRST, SECOND, THIRD = "ml.c6i.2xlarge", "ml.m6i.2xlarge", "ml.c5.2xlarge"


@pytest.fixture(scope="module")
def hanging(world: World) -> Told:
    """Home does not fail, it hangs: a connection is held for ever, so that a call without a timeout never ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clients, "SUSPECT_READ_TIMEOUT_S", 0.5)
        clients._client.cache_clear()
        world.reset()
        told = world.fail_over(lost="hang")
    clients._client.cache_clear()
    told.report  # noqa: B018 - read while its world stands
    return told


def test_a_home_that_hangs_is_asked_by_the_fence_alone_and_once(hanging: Told) -> None:
    assert hanging.report["verdict"] == "pass", hanging.report["result"]["reasons"]
    assert hanging.forbidden == []
    assert hanging.strangers == []
    asked = [call for call in hanging.calls if call["region"] == HOME and hanging.ref.run_id in call["caller"]]
    assert sorted((call["service"], call["status"]) for call in asked) == [("dynamodb", 0), ("s3", 0), ("s3", 0)]
    owing = sorted(debt.component for debt in hanging.state.debts if debt.debt == "fence")
    assert owing == ["features", "registry", "training-data"]
    tries = [event for event in hanging.events if event.type is EventType.STEP_STARTED]
    assert len({event.payload["step"] for event in tries}) == len(tries), "no step had to be tried again"


def test_the_recovered_model_answers_as_before_and_the_report_says_so(hanging: Told) -> None:
    world = hanging.world
    (item,) = world.points[0].captures["scoring"].objects
    golden = GoldenSet.of_point(item, TARGET)
    target, traffic = world.name().target(), world.system.traffic
    assert target is not None
    reply = httpx.post(
        f"{target.url}{traffic.path}",
        json={"instances": [list(row) for row in golden.rows]},
        headers={"Host": traffic.name},
        timeout=10,
    )
    assert (reply.status_code, reply.headers["x-amzn-region"]) == (200, TARGET)
    answers = reply.json()["predictions"]
    scores = [answer["score"] if isinstance(answer, dict) else answer for answer in answers]
    assert max(abs(score - wanted) for score, wanted in zip(scores, golden.predictions, strict=True)) <= 1e-6
    checks = [check for check in hanging.report["verification"] if check["gate"] == "golden-predictions"]
    assert [check["step"] for check in checks] == ["scoring.verify", "observe"], "before the cutover and after it"
    for check in checks:
        assert (check["outcome"], check["tolerance"], check["observed"]["rows"]) == ("pass", 1e-6, len(golden.rows))
        assert check["observed"]["max_difference"] <= 1e-6
    assert [answer["answered_by"] for answer in hanging.report["traffic"]["answers"]] == [TARGET]


def test_replication_that_stopped_an_hour_ago_misses_the_rpo_and_only_a_person_goes_on(world: World) -> None:
    """The freshness gate is closed; alice overrides it. Traffic moves, the verdict is fail and says why."""
    world.reset()
    world.sandbox.control.replication(HOME, TARGET, paused=True)
    item, hour_s = world.items(HOME)[0], 3600 * world.sandbox.factor
    time.sleep(hour_s)
    late = {**item, KEY: {"S": "late"}, "updated_at": {"S": datetime.now(UTC).isoformat()}}
    world.aws("dynamodb", HOME).put_item(TableName=TABLE, Item=late)
    told = world.fail_over(
        system=altered(lean(world.system), "features", rpo_s=60.0), override="money is lost every second"
    )
    assert told.state.serving_region == TARGET
    until(lambda: world.answered_by() == TARGET, "an answer of the recovery region")
    assert told.report["verdict"] == "fail"
    assert told.failed_gates("features") == {"freshness"}
    assert told.reasons("override") == ["alice overrode 1 failed check: money is lost every second"]
    (missed,) = (item for item in told.report["objectives"] if (item["component"], item["kind"]) == ("features", "rpo"))
    assert missed["verdict"] == "fail"
    assert missed["achieved_s"] > 3600
    assert any(reason.startswith("RPO of features: ") for reason in told.reasons("objectives"))
    assert "late" not in {row[KEY]["S"] for row in world.items()}


def test_throttled_calls_are_repeated_and_the_third_rung_is_stated(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record, which is in S3, is throttled too; pauses are short here."""
    monkeypatch.setattr(clients, "THROTTLED_PAUSE_S", 0.05)
    world.reset()
    control = world.sandbox.control
    control.capacity(TARGET, FIRST, available=0)
    control.capacity(TARGET, SECOND, quota=0)
    for services, callers in THROTTLED.items():
        control.fault(TARGET, "throttle", services=list(services), probability=0.3, callers=callers)
    told = world.fail_over(system=lean(world.system))
    assert {call["service"] for call in told.calls if call["status"] in (400, 503)} >= {"s3", "sagemaker"}
    assert told.report["verdict"] == "pass", told.report["result"]["reasons"]
    (decided,) = told.report["capacity"]
    assert (decided["obtained"], decided["degraded"]) == (THIRD, True)
    assert [refusal["instance"] for refusal in decided["refused"]] == [FIRST, SECOND]
    (check,) = (check for check in told.report["verification"] if check["gate"] == "capacity")
    assert check["detail"] == f"degraded: {THIRD} instead of {FIRST}"
    until(lambda: world.answered_by() == TARGET, "an answer of the recovery region")


def test_features_that_are_throttled_are_too_slow_to_go_live_with(world: World) -> None:
    """Every look-up succeeds in the end; clients would wait for it, so that traffic stays."""
    world.reset()
    world.sandbox.control.fault(TARGET, "throttle", services=["dynamodb"], probability=0.3, callers="recovery-ops/")
    told = world.fail_over(system=lean(world.system))
    assert told.report["verdict"] == "fail"
    assert told.failed_gates("scoring") == {"end-to-end"}
    assert_traffic_stayed(told)


def test_a_recovery_region_that_fails_its_clients_ends_the_soak_and_nobody_claims_a_recovery(world: World) -> None:
    """Every gate passes, then one request of two fails; home is dead, so traffic cannot go back."""
    world.reset()
    harm = {"observe": lambda it: it.sandbox.control.fault(TARGET, "503", services=["execute-api"], probability=0.5)}
    told = world.fail_over(harm, system=lean(world.system))
    assert told.report["verdict"] == "fail"
    assert told.report["traffic"]["soak"]["outcome"] == "unhealthy"
    assert told.report["traffic"]["soak"]["failed"] > 0
    (rolled,) = told.state.note(EventType.RUN_ROLLED_BACK)
    assert (rolled.facts["to_region"], rolled.facts["serving"]) == (None, False)
    assert told.reasons("outcome") == [
        f"traffic could not be put back: {rolled.facts['why']}",
        "the run was not committed",
    ]
    assert told.state.serving_region == TARGET
    assert told.forbidden == []


def test_a_recovery_region_without_sagemaker_leaves_traffic_where_it_is(world: World) -> None:
    world.reset()
    world.sandbox.control.fault(TARGET, "503", services=["sagemaker"])
    told = world.fail_over(system=lean(world.system))
    assert told.report["verdict"] == "fail"
    assert {error["type"] for error in told.failures("registry.rehydrate")} == {"StepInterruptedError"}
    assert told.reasons("outcome") == ["the run was not committed"]
    assert told.reasons("verification")
    assert_traffic_stayed(told)
