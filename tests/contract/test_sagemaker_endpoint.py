"""What an endpoint promises beyond the contract of all kinds: a ladder, adoption, drills."""

import pytest
from fraud_world import HOME, RUN_ID, TARGET, FraudWorld
from stories import Case
from taps import CrashError, tapped

from recovery_ops.errors import StepFailedError, StepInterruptedError
from recovery_ops.model.checks import CheckOutcome, Gate
from recovery_ops.model.events import EventType
from recovery_ops.model.operations import OperationState
from recovery_ops.model.plan import Intent, Phase

pytestmark = pytest.mark.sandbox
FIRST, SECOND, THIRD = "ml.c6i.2xlarge", "ml.m6i.2xlarge", "ml.c5.2xlarge"
OURS = f"scoring-{RUN_ID}"


@pytest.fixture
def case(fraud_world: FraudWorld) -> Case:
    made = Case.of(fraud_world, "sagemaker-endpoint", Intent.REGION_LOSS)
    made.reset()
    return made


def capacity(case: Case, instance_type: str, **limits: int) -> None:
    case.world.sandbox.control.capacity(TARGET, instance_type, **limits)


def decided(case: Case) -> dict:
    return [dict(payload) for kind, payload in case.world.events if kind is EventType.CAPACITY_DECIDED][-1]


def served(case: Case, name: str = "fraud-scoring") -> tuple[str, str]:
    """Configuration and instance type of an endpoint."""
    sagemaker = case.world.outsider("sagemaker")
    config = sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    variants = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    return config, variants[0]["InstanceType"]


def test_a_quota_of_zero_refuses_a_rung_at_once(case: Case) -> None:
    capacity(case, FIRST, quota=0)
    case.recover()
    assert served(case) == (f"{OURS}-1", SECOND)
    assert decided(case)["obtained"] == SECOND
    assert decided(case)["degraded"]
    assert [refusal["instance"] for refusal in decided(case)["refused"]] == [FIRST]
    assert "quota" in decided(case)["refused"][0]["reason"] or "limit" in decided(case)["refused"][0]["reason"]


def test_missing_capacity_is_found_out_later_and_takes_the_next_rung(case: Case) -> None:
    capacity(case, FIRST, available=0)
    capacity(case, SECOND, quota=0)
    case.recover()
    assert served(case) == (f"{OURS}-2", THIRD)
    assert [refusal["instance"] for refusal in decided(case)["refused"]] == [FIRST, SECOND]
    with case.step("verify"):
        checks = list(case.kind.verify(case.context()))
    assert [check.outcome for check in checks if check.gate is Gate.CAPACITY] == [CheckOutcome.PASS]
    assert "degraded" in next(check.detail for check in checks if check.gate is Gate.CAPACITY)


def test_without_any_capacity_the_standby_goes_on_serving(case: Case) -> None:
    for instance_type in (FIRST, SECOND, THIRD):
        capacity(case, instance_type, available=0)
    before = served(case)
    with pytest.raises(StepFailedError, match="no instance type of the ladder"):
        case.recover()
    assert served(case) == before
    assert decided(case)["obtained"] is None
    assert len(decided(case)["refused"]) == 3


def test_refusals_are_remembered_by_an_attempt_that_died(case: Case) -> None:
    capacity(case, FIRST, quota=0)
    with tapped() as tap:
        case.recover()
    deployed = [call.operation for call in tap.mutations].index("UpdateEndpoint", 4) + 1
    case.reset()
    capacity(case, FIRST, quota=0)
    with tapped(crash_after=deployed), pytest.raises(CrashError):
        case.recover()
    case.recover()
    assert [refusal["instance"] for refusal in decided(case)["refused"]] == [FIRST]


def test_an_endpoint_that_failed_is_made_anew(case: Case) -> None:
    sagemaker = case.world.outsider("sagemaker")
    sagemaker.delete_endpoint(EndpointName="fraud-scoring")
    _gone(case, "fraud-scoring")
    capacity(case, FIRST, available=0)
    case.recover()
    assert served(case) == (f"{OURS}-1", SECOND)


def _gone(case: Case, name: str) -> None:
    sagemaker = case.world.outsider("sagemaker")
    while any(item["EndpointName"] == name for item in sagemaker.list_endpoints()["Endpoints"]):
        pass


def test_an_endpoint_that_serves_the_same_is_left_alone(case: Case) -> None:
    case.recover()
    before = served(case)
    other = case.context(run_id="r-20261123-fedcba")
    with tapped() as tap:
        outputs = case.world.run(case.kind, Phase.REDEPLOY, other)
    assert served(case) == before
    assert outputs["config"] == OURS
    assert {call.operation for call in tap.mutations} <= {"AddTags", "RegisterScalableTarget", "PutScalingPolicy"}


def test_somebody_elses_deployment_is_waited_for_and_not_disturbed(case: Case) -> None:
    sagemaker = case.world.outsider("sagemaker")
    model = sagemaker.describe_endpoint_config(EndpointConfigName="fraud-scoring-v1")["ProductionVariants"]
    sagemaker.create_endpoint_config(EndpointConfigName="of-somebody", ProductionVariants=model)
    sagemaker.update_endpoint(EndpointName="fraud-scoring", EndpointConfigName="of-somebody")
    with case.step("redeploy"), pytest.raises(StepInterruptedError, match="of-somebody"):
        case.kind.start(Phase.REDEPLOY, case.context())
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="fraud-scoring", WaiterConfig={"Delay": 1})
    case.recover()
    assert served(case)[0] == OURS


def test_a_drill_has_an_endpoint_of_its_own_and_removes_it(case: Case) -> None:
    before = served(case)
    ctx = case.context(isolated=True)
    outputs = case.world.run(case.kind, Phase.REDEPLOY, ctx)
    assert outputs["endpoint"] == f"fraud-scoring-{RUN_ID}"
    assert served(case) == before
    with case.step("release"):
        removed = list(case.kind.release(ctx))
        assert list(case.kind.release(ctx)) == []
    assert f"endpoint fraud-scoring-{RUN_ID}" in removed
    left = case.world.sandbox.control.inventory()[TARGET]["sagemaker"]
    assert [item["id"] for item in left if RUN_ID in item["id"]] == []


def test_a_model_that_cannot_be_loaded_ends_the_ladder(case: Case) -> None:
    item = case.world.captures["registry"].objects[-1]
    case.world.outsider("s3").put_object(Bucket=item.bucket_in(TARGET), Key=item.key, Body=b"no archive")
    with case.step("redeploy"):
        ref = case.kind.start(Phase.REDEPLOY, case.context())
        status = case.world.wait(case.kind, ref, case.context())
        assert status.state is OperationState.FAILED
        with pytest.raises(StepFailedError, match="model data"):
            case.kind.fallback(ref, status, case.context())


def test_autoscaling_comes_back_with_room_for_all_instances(case: Case) -> None:
    case.recover()
    scaling = case.world.outsider("application-autoscaling")
    targets = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert [(target["MinCapacity"], target["MaxCapacity"]) for target in targets] == [(1, 6)]
    policies = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    assert [policy["PolicyName"] for policy in policies] == ["invocations"]


def test_every_region_bound_reference_is_mapped(case: Case) -> None:
    case.recover()
    mapped = {
        p["what"]: (p["source"], p["target"]) for kind, p in case.world.events if kind is EventType.REFERENCE_MAPPED
    }
    assert {"container image", "model artifact", "subnets", "security groups"} <= mapped.keys()
    assert HOME in mapped["container image"][0]
    assert TARGET in mapped["container image"][1]
    assert mapped["subnets"][0] != mapped["subnets"][1]
