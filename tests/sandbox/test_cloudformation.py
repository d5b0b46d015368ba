"""Stacks in the real sandbox process: they take time, report every resource, and go back when one fails."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from recovery_ops.sandbox.control import Control
from recovery_ops.sandbox.process import RunningSandbox, running_sandbox

pytestmark = pytest.mark.sandbox

REGION = "us-west-2"
NETWORK = (Path(__file__).parents[2] / "dags" / "fraud-detection" / "network.yaml").read_text()
PARAMETER = """
Parameters: {Value: {Type: String}, Fails: {Type: String, Default: ""}}
Conditions: {Breaks: !Not [!Equals [!Ref Fails, ""]]}
Resources:
  First: {Type: AWS::SSM::Parameter, Properties: {Name: /stack/first, Type: String, Value: !Ref Value}}
  Second:
    Type: AWS::SSM::Parameter
    Properties:
      Name: !If [Breaks, /stack/other, /stack/second]
      Type: String
      Value: !Sub "after ${First}"
      AllowedPattern: !If [Breaks, "nothing like it", !Ref "AWS::NoValue"]
Outputs: {Name: {Value: !Ref Second}}
"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), factor=0.002) as started:
        yield started


@pytest.fixture
def control(sandbox: RunningSandbox) -> Iterator[Control]:
    control = Control(sandbox.base_url)
    yield control
    control.heal()


def client(sandbox: RunningSandbox, service: str, region: str = REGION) -> Any:
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=sandbox.base_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, user_agent_extra="recovery-ops-test/1"),
    )


@pytest.fixture
def stacks(sandbox: RunningSandbox, control: Control) -> Iterator[Any]:
    """The API of a region that has no stack before and after."""
    api = client(sandbox, "cloudformation")
    yield api
    control.heal()
    for stack in api.describe_stacks()["Stacks"]:
        api.update_termination_protection(StackName=stack["StackId"], EnableTerminationProtection=False)
        settled(api, stack["StackId"])
        api.delete_stack(StackName=stack["StackId"])
        assert settled(api, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"


def settled(api: Any, name: str) -> dict[str, Any]:
    """Wait, as a caller of AWS has to, until nothing is in progress."""
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        stack: dict[str, Any] = api.describe_stacks(StackName=name)["Stacks"][0]
        if not stack["StackStatus"].endswith("IN_PROGRESS"):
            return stack
        time.sleep(0.01)
    raise AssertionError(f"{name} is still {stack['StackStatus']}")


def given(**values: str) -> list[dict[str, str]]:
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]


def create(api: Any, body: str, name: str = "demo", **parameters: str) -> dict[str, Any]:
    api.create_stack(StackName=name, TemplateBody=body, Parameters=given(**parameters))
    return settled(api, name)


def history(api: Any, name: str) -> list[tuple[str, str]]:
    events = api.describe_stack_events(StackName=name)["StackEvents"]
    return [(event["LogicalResourceId"], event["ResourceStatus"]) for event in reversed(events)]


def outputs(stack: dict[str, Any]) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def refused(code: str, call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == code
    return str(caught.value.response["Error"]["Message"])


def value(sandbox: RunningSandbox, name: str) -> str | None:
    found = client(sandbox, "ssm").get_parameters(Names=[name])["Parameters"]
    return found[0]["Value"] if found else None


def test_the_network_of_the_demo_stands_and_is_what_its_outputs_say(sandbox: RunningSandbox, stacks: Any) -> None:
    stack = create(stacks, NETWORK)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    found = outputs(stack)
    ec2 = client(sandbox, "ec2")
    subnets = ec2.describe_subnets(SubnetIds=found["SubnetIds"].split(","))["Subnets"]
    assert {subnet["VpcId"] for subnet in subnets} == {found["VpcId"]}
    assert {subnet["AvailabilityZone"] for subnet in subnets} == {f"{REGION}a", f"{REGION}b"}
    group = ec2.describe_security_groups(GroupIds=[found["SecurityGroupId"]])["SecurityGroups"][0]
    assert group["IpPermissions"] == []
    assert [rule["ToPort"] for rule in group["IpPermissionsEgress"]] == [443]
    endpoints = ec2.describe_vpc_endpoints()["VpcEndpoints"]
    assert [item["ServiceName"] for item in endpoints] == [f"com.amazonaws.{REGION}.s3"]
    tags = {tag["Key"]: tag["Value"] for tag in group["Tags"]}
    assert (tags["Name"], tags["aws:cloudformation:logical-id"]) == ("fraud-detection", "SecurityGroup")
    assert found["ApiHost"].endswith(f".execute-api.{REGION}.amazonaws.com")


def test_a_deleted_stack_leaves_nothing_behind(control: Control, stacks: Any) -> None:
    before = control.inventory()
    stack = create(stacks, NETWORK, name="gone")
    assert control.inventory() != before
    stacks.delete_stack(StackName="gone")
    assert settled(stacks, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    assert control.inventory() == before
    assert "does not exist" in refused("ValidationError", stacks.describe_stacks, StackName="gone")
    stacks.delete_stack(StackName="gone")


def test_creation_takes_time_and_follows_needs(stacks: Any) -> None:
    stacks.create_stack(StackName="demo", TemplateBody=NETWORK, Tags=[{"Key": "run", "Value": "r1"}])
    assert stacks.describe_stacks(StackName="demo")["Stacks"][0]["StackStatus"] == "CREATE_IN_PROGRESS"
    stack = settled(stacks, "demo")
    assert stack["Tags"] == [{"Key": "run", "Value": "r1"}]
    order = history(stacks, "demo")
    assert order.index(("Vpc", "CREATE_COMPLETE")) < order.index(("SubnetA", "CREATE_IN_PROGRESS"))
    assert order.index(("PostScore", "CREATE_COMPLETE")) < order.index(("Deployment", "CREATE_IN_PROGRESS"))
    assert order.index(("SubnetB", "CREATE_IN_PROGRESS")) < order.index(("SubnetA", "CREATE_COMPLETE"))
    assert order[-1] == ("demo", "CREATE_COMPLETE")


def test_a_failing_resource_takes_what_was_made_back_with_it(
    sandbox: RunningSandbox, control: Control, stacks: Any
) -> None:
    control.damage(what="cloudformation-fail", region=REGION, logical_id="Second", reason="no luck")
    stack = create(stacks, PARAMETER, Value="one")
    control.damage(what="cloudformation-heal", region=REGION, logical_id="Second")
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert value(sandbox, "/stack/first") is None
    events = stacks.describe_stack_events(StackName="demo")["StackEvents"]
    reasons = {e["ResourceStatus"]: e.get("ResourceStatusReason") for e in events if e["LogicalResourceId"] == "Second"}
    assert reasons["CREATE_FAILED"] == "no luck"
    assert ("First", "DELETE_COMPLETE") in history(stacks, "demo")
    message = refused("ValidationError", stacks.update_stack, StackName="demo", TemplateBody=PARAMETER)
    assert "ROLLBACK_COMPLETE state and can not be updated" in message


def test_an_update_changes_in_place_and_says_when_there_is_nothing_to_do(sandbox: RunningSandbox, stacks: Any) -> None:
    create(stacks, PARAMETER, Value="one")
    stacks.update_stack(StackName="demo", TemplateBody=PARAMETER, Parameters=given(Value="two"))
    assert settled(stacks, "demo")["StackStatus"] == "UPDATE_COMPLETE"
    assert value(sandbox, "/stack/first") == "two"
    assert ("Second", "UPDATE_IN_PROGRESS") not in history(stacks, "demo")
    again = {"StackName": "demo", "UsePreviousTemplate": True}
    keep = [{"ParameterKey": "Value", "UsePreviousValue": True}]
    assert refused("ValidationError", stacks.update_stack, **again, Parameters=keep) == (
        "No updates are to be performed."
    )


def test_a_replaced_resource_is_made_before_the_old_one_goes(sandbox: RunningSandbox, stacks: Any) -> None:
    create(stacks, PARAMETER, Value="one")
    renamed = PARAMETER.replace("/stack/second", "/stack/renamed")
    stacks.update_stack(StackName="demo", TemplateBody=renamed, Parameters=given(Value="one"))
    assert outputs(settled(stacks, "demo")) == {"Name": "/stack/renamed"}
    assert value(sandbox, "/stack/second") is None
    assert value(sandbox, "/stack/renamed") == "after /stack/first"
    events = [line for line in history(stacks, "demo") if line[0] == "Second"]
    assert events[-3:] == [
        ("Second", "UPDATE_COMPLETE"),
        ("Second", "DELETE_IN_PROGRESS"),
        ("Second", "DELETE_COMPLETE"),
    ]


def test_a_failed_update_restores_the_old_properties(sandbox: RunningSandbox, stacks: Any) -> None:
    create(stacks, PARAMETER, Value="one")
    stacks.update_stack(StackName="demo", TemplateBody=PARAMETER, Parameters=given(Value="two", Fails="yes"))
    stack = settled(stacks, "demo")
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert value(sandbox, "/stack/first") == "one"
    assert value(sandbox, "/stack/second") == "after /stack/first"
    assert value(sandbox, "/stack/other") is None
    assert {p["ParameterKey"]: p["ParameterValue"] for p in stack["Parameters"]}["Value"] == "one"
    resources = stacks.describe_stack_resources(StackName="demo")["StackResources"]
    assert {item["PhysicalResourceId"] for item in resources} == {"/stack/first", "/stack/second"}


def test_what_is_retained_outlives_its_stack(sandbox: RunningSandbox, stacks: Any) -> None:
    body = PARAMETER.replace("First: {Type", "First: {DeletionPolicy: Retain, Type")
    stack = create(stacks, body, Value="kept")
    stacks.delete_stack(StackName="demo")
    settled(stacks, stack["StackId"])
    assert (value(sandbox, "/stack/first"), value(sandbox, "/stack/second")) == ("kept", None)
    client(sandbox, "ssm").delete_parameter(Name="/stack/first")


def test_a_bucket_with_something_in_it_keeps_its_stack(sandbox: RunningSandbox, stacks: Any) -> None:
    properties = "{BucketName: stack-store, VersioningConfiguration: {Status: Enabled}}"
    body = f"Resources: {{Store: {{Type: AWS::S3::Bucket, Properties: {properties}}}}}"
    stack = create(stacks, body)
    s3 = client(sandbox, "s3")
    assert s3.get_bucket_versioning(Bucket="stack-store")["Status"] == "Enabled"
    version = s3.put_object(Bucket="stack-store", Key="a", Body=b"a")["VersionId"]
    stacks.delete_stack(StackName="demo")
    failed = settled(stacks, "demo")
    assert failed["StackStatus"] == "DELETE_FAILED"
    assert "[Store]" in failed["StackStatusReason"]
    s3.delete_object(Bucket="stack-store", Key="a", VersionId=version)
    stacks.delete_stack(StackName="demo")
    assert settled(stacks, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"


@pytest.mark.parametrize(
    ("body", "code", "complaint"),
    [
        (
            "Resources: {Q: {Type: AWS::SQS::Queue}}",
            "ValidationError",
            "Unrecognized resource types: [AWS::SQS::Queue]",
        ),
        (
            "Resources: {V: {Type: AWS::EC2::VPC}}\nOutputs: {O: {Value: !GetAtt V.Nothing}}",
            "ValidationError",
            "does not support attribute type Nothing",
        ),
        (
            "Resources: {R: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}}}}",
            "InsufficientCapabilitiesException",
            "CAPABILITY_IAM",
        ),
        (PARAMETER, "ValidationError", "Parameters: [Value] must have values"),
    ],
)
def test_a_template_that_cannot_be_is_refused_at_once(stacks: Any, body: str, code: str, complaint: str) -> None:
    assert complaint in refused(code, stacks.create_stack, StackName="never", TemplateBody=body)
    assert stacks.describe_stacks()["Stacks"] == []


def test_a_property_that_is_not_modelled_fails_its_resource_and_is_never_dropped(stacks: Any) -> None:
    body = "Resources: {B: {Type: AWS::S3::Bucket, Properties: {ReplicationConfiguration: {}}}}"
    assert create(stacks, body)["StackStatus"] == "ROLLBACK_COMPLETE"
    events = stacks.describe_stack_events(StackName="demo")["StackEvents"]
    reasons = [event.get("ResourceStatusReason", "") for event in events]
    assert any("unsupported property ReplicationConfiguration" in reason for reason in reasons)


def test_names_are_taken_and_protection_protects(stacks: Any) -> None:
    create(stacks, PARAMETER, Value="one")
    again = {"StackName": "demo", "TemplateBody": PARAMETER, "Parameters": given(Value="one")}
    assert "already exists" in refused("AlreadyExistsException", stacks.create_stack, **again)
    stacks.update_termination_protection(StackName="demo", EnableTerminationProtection=True)
    assert "TerminationProtection" in refused("ValidationError", stacks.delete_stack, StackName="demo")


def test_a_role_cannot_be_made_in_any_region_while_iam_is_dead(control: Control, stacks: Any) -> None:
    trust = {
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "a.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    }
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", **trust}}}
    body = json.dumps({"Resources": {"R": role}, "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["R", "Arn"]}}}})
    control.control_plane(service="iam", down=True)
    stacks.create_stack(StackName="dead", TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
    assert settled(stacks, "dead")["StackStatus"] == "ROLLBACK_COMPLETE"
    control.control_plane(service="iam", down=None)
    stacks.create_stack(StackName="alive", TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
    assert outputs(settled(stacks, "alive"))["Arn"].startswith("arn:aws:iam::123456789012:role/alive-R-")


def test_a_stack_under_way_survives_a_snapshot(control: Control, stacks: Any, tmp_path: Path) -> None:
    stacks.create_stack(StackName="demo", TemplateBody=NETWORK)
    control.snapshot(tmp_path / "state")
    settled(stacks, "demo")
    control.restore(tmp_path / "state")
    assert settled(stacks, "demo")["StackStatus"] == "CREATE_COMPLETE"


def test_change_sets_are_not_modelled_and_say_so(stacks: Any) -> None:
    wanted = {"StackName": "demo", "ChangeSetName": "c", "TemplateBody": PARAMETER}
    assert "CreateChangeSet" in refused("NotImplemented", stacks.create_change_set, **wanted)
