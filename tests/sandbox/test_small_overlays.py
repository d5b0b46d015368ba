"""Parameters, roles and alarms: what moto takes and AWS does not."""

import json
import pickle
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.ssm.models import ssm_backends

from recovery_ops.sandbox.clock import ScaledClock
from recovery_ops.sandbox.iam_policies import decide
from recovery_ops.sandbox.overlays import cloudwatch, ec2, iam, ssm
from recovery_ops.sandbox.world import ACCOUNT, World

REGION = "us-west-2"


@pytest.fixture
def world() -> Iterator[World]:
    made = World(regions=("us-east-1", REGION), clock=ScaledClock(0))
    with mock_aws():
        for overlay in (cloudwatch, ec2, iam, ssm):
            overlay.install(made)
        yield made
    made.clock.stop()


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")


def put(name: str = "/a/b", value: str = "v", **more: Any) -> Any:
    return client("ssm").put_parameter(Name=name, Value=value, **{"Type": "String", **more})


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"value": "x" * 4097}, "ValidationException"),
        ({"value": "x" * 8193, "Tier": "Advanced"}, "ValidationException"),
        ({"value": "abc", "AllowedPattern": "[0-9]+"}, "ParameterPatternMismatchException"),
        ({"name": "/a/b c"}, "ValidationException"),
        ({"name": "a/b"}, "ValidationException"),
        ({"name": "/a" * 16}, "HierarchyLevelLimitExceededException"),
        ({"name": "/there"}, "ParameterAlreadyExists"),
        ({"name": "/there", "Overwrite": True, "Type": "SecureString"}, "HierarchyTypeMismatchException"),
        ({"name": "/big", "Overwrite": True, "Tier": "Standard"}, "ValidationException"),
    ],
)
def test_a_parameter_that_parameter_store_would_not_take_is_refused(
    world: World, wanted: dict[str, Any], code: str
) -> None:
    put("/there")
    put("/big", "x" * 5000, Tier="Advanced")
    with pytest.raises(ClientError) as caught:
        put(**wanted)
    assert caught.value.response["Error"]["Code"] == code


def test_intelligent_tiering_chooses_by_size_and_what_is_advanced_stays_so(world: World) -> None:
    assert put("/small", Tier="Intelligent-Tiering")["Tier"] == "Standard"
    assert put("/large", "x" * 4097, Tier="Intelligent-Tiering")["Tier"] == "Advanced"
    assert put("/large", "small again", Overwrite=True)["Tier"] == "Advanced"


def test_parameters_keep_versions_labels_and_tags_through_a_snapshot(world: World) -> None:
    put("/a/b", "one", Tags=[{"Key": "k", "Value": "v"}])
    put("/a/b", "two", Overwrite=True)
    client("ssm").label_parameter_version(Name="/a/b", ParameterVersion=1, Labels=["good"])
    backend = ssm_backends[ACCOUNT][REGION]
    kept = pickle.loads(pickle.dumps((backend._parameters, backend._resource_tags)))
    backend.reset()
    with pytest.raises(ClientError):
        client("ssm").get_parameter(Name="/a/b")
    backend._parameters, backend._resource_tags = kept
    assert client("ssm").get_parameter(Name="/a/b:good")["Parameter"]["Value"] == "one"
    assert client("ssm").get_parameter(Name="/a/b")["Parameter"]["Version"] == 2
    assert ssm.inventory(world)[REGION]["ssm"] == [{"type": "AWS::SSM::Parameter", "id": "/a/b", "tags": {"k": "v"}}]


def test_nobody_becomes_a_role_that_does_not_exist(world: World) -> None:
    sts = client("sts")
    arn = f"arn:aws:iam::{ACCOUNT}:role/worker"
    with pytest.raises(ClientError, match="AccessDenied"):
        sts.assume_role(RoleArn=arn, RoleSessionName="test")
    trust = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}'
    )
    client("iam").create_role(
        RoleName="worker", AssumeRolePolicyDocument=trust, Tags=[{"Key": "system", "Value": "demo"}]
    )
    assert sts.assume_role(RoleArn=arn, RoleSessionName="test")["AssumedRoleUser"]["Arn"].endswith("worker/test")
    entry = {"type": "AWS::IAM::Role", "id": "worker", "tags": {"system": "demo"}}
    assert iam.inventory(world) == {"global": {"iam": [entry]}}


def test_a_new_alarm_knows_nothing_and_a_changed_one_keeps_what_it_knows(world: World) -> None:
    watch = client("cloudwatch")
    alarm = {"AlarmName": "lag", "MetricName": "m", "Namespace": "n", "Period": 60, "EvaluationPeriods": 1}
    alarm |= {"ComparisonOperator": "GreaterThanThreshold", "Statistic": "Sum"}
    watch.put_metric_alarm(**alarm, Threshold=1)
    assert watch.describe_alarms()["MetricAlarms"][0]["StateValue"] == "INSUFFICIENT_DATA"
    watch.set_alarm_state(AlarmName="lag", StateValue="ALARM", StateReason="test")
    watch.put_metric_alarm(**alarm, Threshold=2)
    assert watch.describe_alarms()["MetricAlarms"][0]["StateValue"] == "ALARM"
    assert [entry["id"] for entry in cloudwatch.inventory(world)[REGION]["cloudwatch"]] == ["lag"]


def test_the_default_network_of_a_region_is_no_resource(world: World) -> None:
    assert ec2.inventory(world) == {}
    vpc = client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    assert [entry["id"] for entry in ec2.inventory(world)[REGION]["ec2"]] == [vpc]


ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/recoverer"
GRANT = {"Effect": "Allow", "Action": ["s3:Get*", "sagemaker:*"], "Resource": "*"}
DENY = {"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}


def simulated(*statements: dict[str, Any], actions: list[str], role: str = ROLE_ARN) -> dict[str, str]:
    iam_client = client("iam")
    iam_client.create_role(RoleName="recoverer", AssumeRolePolicyDocument="{}")
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    iam_client.put_role_policy(RoleName="recoverer", PolicyName="p", PolicyDocument=document)
    answer = iam_client.simulate_principal_policy(PolicySourceArn=role, ActionNames=actions)
    return {item["EvalActionName"]: item["EvalDecision"] for item in answer["EvaluationResults"]}


def test_policies_are_simulated_as_iam_would(world: World) -> None:
    found = simulated(GRANT, actions=["s3:GetObject", "s3:PutObject", "SageMaker:CreateModel"])
    assert found == {
        "s3:GetObject": "allowed",
        "s3:PutObject": "implicitDeny",
        "SageMaker:CreateModel": "allowed",
    }


def test_a_deny_wins_in_the_simulation(world: World) -> None:
    found = simulated(GRANT, DENY, actions=["s3:GetObject", "sagemaker:CreateModel"])
    assert found == {"s3:GetObject": "allowed", "sagemaker:CreateModel": "explicitDeny"}


def test_an_unknown_principal_is_not_simulated(world: World) -> None:
    with pytest.raises(ClientError) as caught:
        simulated(GRANT, actions=["s3:GetObject"], role=ROLE_ARN + "x")
    assert caught.value.response["Error"]["Code"] == "NoSuchEntity"


def test_conditions_are_not_claimed_to_be_simulated() -> None:
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"a": "b"}}}
    with pytest.raises(NotImplementedError):
        decide([json.dumps({"Statement": statement})], "s3:GetObject", "*")
    assert decide([json.dumps({"Statement": GRANT})], "s3:GetObject", "*") == "allowed"


@pytest.mark.parametrize(
    ("context", "decision"),
    [
        ({"aws:requestedregion": "us-west-2"}, "allowed"),
        ({"aws:RequestedRegion": "eu-west-1"}, "implicitDeny"),
        ({}, "implicitDeny"),
    ],
    ids=["met", "not met", "not said"],
)
def test_a_condition_on_equal_strings_is_simulated(world: World, context: dict[str, str], decision: str) -> None:
    only = {"StringEquals": {"aws:RequestedRegion": ["us-east-1", "us-west-2"]}}
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/*", "Condition": only}
    iam_client = client("iam")
    iam_client.create_role(RoleName="recoverer", AssumeRolePolicyDocument="{}")
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam_client.put_role_policy(RoleName="recoverer", PolicyName="p", PolicyDocument=document)
    entries = [{"ContextKeyName": k, "ContextKeyType": "string", "ContextKeyValues": [v]} for k, v in context.items()]
    answer = iam_client.simulate_principal_policy(
        PolicySourceArn=ROLE_ARN,
        ActionNames=["s3:GetObject"],
        ResourceArns=["arn:aws:s3:::b/*"],
        ContextEntries=entries,
    )
    assert [item["EvalDecision"] for item in answer["EvaluationResults"]] == [decision]
