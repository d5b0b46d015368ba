"""``cloudformation-stack`` in the real sandbox process: adopted, updated or created, and honest about what it found."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from small_systems import HOME, RUN_ID, TARGET, captured, component, context

from recovery_ops.aws import clients
from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.errors import PointDamagedError, StepFailedError, StepInterruptedError, StepRejectedError
from recovery_ops.kinds import StepContext
from recovery_ops.kinds.cloudformation_stack import CloudformationStack, CloudformationStackSettings
from recovery_ops.model.checks import CheckOutcome
from recovery_ops.model.events import EventType
from recovery_ops.model.findings import Severity
from recovery_ops.model.operations import OperationRef, OperationState, OperationStatus
from recovery_ops.model.plan import Phase
from recovery_ops.model.system import Standby
from recovery_ops.sandbox.process import RunningSandbox, running_sandbox

pytestmark = pytest.mark.sandbox

STACK = "small-network"
TEMPLATE = """
Parameters: {Bucket: {Type: String}, Role: {Type: String, Default: none}, Fails: {Type: String, Default: ""}}
Conditions: {Breaks: !Not [!Equals [!Ref Fails, ""]]}
Resources:
  First: {Type: AWS::SSM::Parameter, Properties: {Name: /stack/first, Type: String, Value: !Ref Bucket}}
  Second:
    Type: AWS::SSM::Parameter
    Properties:
      Name: /stack/second
      Type: String
      Value: !Sub "after ${First}, ${Role}"
      AllowedPattern: !If [Breaks, "nothing like it", !Ref "AWS::NoValue"]
Outputs: {Name: {Value: !Ref Second}, Place: {Value: !Ref "AWS::Region"}}
"""
NEVER = TEMPLATE.replace("Value: !Ref Bucket}", "Value: !Ref Bucket, AllowedPattern: never}")
OTHER = TEMPLATE.replace("after ${First}", "behind ${First}")
ONLY = component("cloudformation-stack", {"stack": STACK, "template": "network.yaml", "parameters": {}})
KIND = CloudformationStack(ONLY)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    folder = tmp_path_factory.mktemp("sandbox")
    with running_sandbox(folder, factor=0.03, request_log=folder / "requests.jsonl") as started:
        yield started
        lines = map(json.loads, (folder / "requests.jsonl").read_text().splitlines())
        ours = {f"{line['service']}:{line['operation']}" for line in lines if f"run/{RUN_ID}" in line["caller"]}
        assert ours <= CloudformationStack.aws_actions


@pytest.fixture(autouse=True)
def aws(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", sandbox.base_url)
    clients._client.cache_clear()
    clients._session.cache_clear()
    with calling_as(Caller(run_id=RUN_ID, step="thing.test")):
        yield
    for region in (HOME, TARGET):
        remove_all(boto3.client("cloudformation", region))
    clients._client.cache_clear()
    clients._session.cache_clear()


@pytest.fixture
def home() -> Any:
    """CloudFormation of the home region, with the stack."""
    api = boto3.client("cloudformation", HOME)
    create(api, Bucket="fraud-data-us-east-1")
    return api


@pytest.fixture
def target() -> Any:
    return boto3.client("cloudformation", TARGET)


def remove_all(api: Any) -> None:
    for stack in api.describe_stacks()["Stacks"]:
        settled(api, stack["StackId"])
        api.delete_stack(StackName=stack["StackId"])
        assert settled(api, stack["StackId"]) == "DELETE_COMPLETE"


def settled(api: Any, name: str = STACK) -> str:
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        status = str(api.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
        if not status.endswith("IN_PROGRESS"):
            return status
        time.sleep(0.01)
    raise AssertionError(f"{name} is still {status}")


def given(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]


def create(api: Any, body: str = TEMPLATE, **parameters: str) -> str:
    api.create_stack(StackName=STACK, TemplateBody=body, Parameters=given(parameters))
    return settled(api)


def parameters_of(api: Any) -> dict[str, str]:
    seen = api.describe_stacks(StackName=STACK)["Stacks"][0]
    return {item["ParameterKey"]: item["ParameterValue"] for item in seen["Parameters"]}


def history(api: Any) -> list[str]:
    events = api.describe_stack_events(StackName=STACK)["StackEvents"]
    return [event["ResourceStatus"] for event in reversed(events) if event["LogicalResourceId"] == STACK]


def waited(ref: OperationRef, ctx: StepContext) -> OperationStatus:
    ends = time.monotonic() + 20
    while not (status := KIND.poll(ref, ctx)).over and time.monotonic() < ends:
        time.sleep(0.01)
    return status


def recover(ctx: StepContext) -> tuple[str, Mapping[str, Any]]:
    """Provision as a step does, with everything started twice; return the action and the outputs."""
    with calling_as(Caller(run_id=RUN_ID, step="thing.provision", forbidden_region=HOME)):
        action = KIND.start(Phase.PROVISION, ctx).details["action"]
        ref = KIND.start(Phase.PROVISION, ctx)
        while (status := waited(ref, ctx)).state is OperationState.FAILED:
            ref = KIND.fallback(ref, status, ctx)
        return action, KIND.finish(ref, ctx)


def failed(ctx: StepContext) -> set[str]:
    with calling_as(Caller(run_id=RUN_ID, step="thing.verify", forbidden_region=HOME)):
        checks = list(KIND.verify(ctx))
    assert {check.gate for check in checks} == KIND.gates
    return {check.name for check in checks if check.outcome is not CheckOutcome.PASS}


def findings(ctx: StepContext) -> dict[str, Severity]:
    with calling_as(Caller(run_id=RUN_ID, step="readiness", forbidden_region=HOME)):
        return {finding.code: finding.severity for finding in KIND.readiness(ctx)}


def test_an_absent_stack_is_created_once_from_the_point_with_its_parameters_mapped(
    home: Any, target: Any, tmp_path: Path
) -> None:
    said: list[tuple[EventType, Mapping[str, Any]]] = []
    ctx = context(ONLY, tmp_path, capture=captured(ONLY, tmp_path), emit=lambda *event: said.append(event))
    assert findings(ctx) == {"stack-absent": Severity.WARNING}
    action, outputs = recover(ctx)
    assert action == "create"
    assert history(target) == ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]
    assert outputs["stack_outputs"] == {"Name": "/stack/second", "Place": TARGET}
    assert outputs["stack_id"].startswith(f"arn:aws:cloudformation:{TARGET}:")
    assert parameters_of(target)["Bucket"] == "fraud-data-us-west-2"
    tags = target.describe_stacks(StackName=STACK)["Stacks"][0]["Tags"]
    assert {"Key": "recovery-ops:run", "Value": RUN_ID} in tags
    assert [(event, payload["source"], payload["target"]) for event, payload in said] == [
        (EventType.REFERENCE_MAPPED, "fraud-data-us-east-1", "fraud-data-us-west-2")
    ]
    assert failed(ctx) == set()
    assert findings(ctx) == {}


def test_a_stack_that_is_as_pinned_is_adopted_and_comments_do_not_make_it_another(
    home: Any, target: Any, tmp_path: Path
) -> None:
    create(target, "# the standby\n" + TEMPLATE, Bucket="fraud-data-us-west-2")
    ctx = context(ONLY, tmp_path, capture=captured(ONLY, tmp_path))
    action, outputs = recover(ctx)
    assert action == "adopt"
    assert history(target) == ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]
    assert outputs["stack_outputs"]["Name"] == "/stack/second"
    assert failed(ctx) == set()


@pytest.mark.parametrize(
    ("body", "bucket"),
    [(OTHER, "fraud-data-us-west-2"), (TEMPLATE, "some-other-bucket")],
    ids=["template", "parameter"],
)
def test_a_stack_that_differs_is_updated_in_place(
    home: Any, target: Any, tmp_path: Path, body: str, bucket: str
) -> None:
    create(target, body, Bucket=bucket)
    ctx = context(ONLY, tmp_path, capture=captured(ONLY, tmp_path))
    assert findings(ctx) == {"stack-drift": Severity.WARNING}
    assert len(failed(ctx)) == 1
    action, _ = recover(ctx)
    assert action == "update"
    assert "UPDATE_COMPLETE" in history(target)
    assert failed(ctx) == set()


def test_an_operation_of_somebody_else_is_joined_and_then_ours_is_done(home: Any, target: Any, tmp_path: Path) -> None:
    ctx = context(ONLY, tmp_path, capture=captured(ONLY, tmp_path))
    target.create_stack(StackName=STACK, TemplateBody=OTHER, Parameters=given({"Bucket": "fraud-data-us-west-2"}))
    assert findings(ctx) == {"stack-busy": Severity.WARNING}
    action, _ = recover(ctx)
    assert action == "join"
    ended = [status for status in history(target) if status.endswith("_COMPLETE")]
    assert ended[0] == "CREATE_COMPLETE"
    assert ended[-1] == "UPDATE_COMPLETE"
    assert failed(ctx) == set()


def test_a_failure_names_the_first_resource_that_failed_and_what_is_left_is_not_deleted_silently(
    home: Any, target: Any, tmp_path: Path
) -> None:
    breaks = component("cloudformation-stack", {**ONLY.settings, "parameters": {"Fails": "yes"}})
    kind, ctx = CloudformationStack(breaks), context(breaks, tmp_path, capture=captured(ONLY, tmp_path))
    ref = kind.start(Phase.PROVISION, ctx)
    status = waited(ref, ctx)
    assert status.state is OperationState.FAILED
    assert status.detail.startswith("Second (AWS::SSM::Parameter) CREATE_FAILED")
    with pytest.raises(StepFailedError, match="Second"):
        kind.fallback(ref, status, ctx)
    assert settled(target) == "ROLLBACK_COMPLETE"
    with pytest.raises(
        StepRejectedError, match="ROLLBACK_COMPLETE; nothing was changed: look at its events and delete it"
    ):
        kind.start(Phase.PROVISION, ctx)
    assert settled(target) == "ROLLBACK_COMPLETE"
    assert findings(context(ONLY, tmp_path, capture=ctx.capture)) == {"stack-broken": Severity.BLOCKER}
    assert "the stack stands" in failed(context(ONLY, tmp_path, capture=ctx.capture))


def test_an_update_that_fails_is_a_failure_although_the_old_stack_stands_again(
    home: Any, target: Any, tmp_path: Path
) -> None:
    create(target, Bucket="fraud-data-us-west-2")
    target.update_stack(StackName=STACK, TemplateBody=NEVER, Parameters=given({"Bucket": "an earlier failure"}))
    assert settled(target) == "UPDATE_ROLLBACK_COMPLETE"
    breaks = component("cloudformation-stack", {**ONLY.settings, "parameters": {"Fails": "yes"}})
    kind, ctx = CloudformationStack(breaks), context(breaks, tmp_path, capture=captured(ONLY, tmp_path))
    status = waited(kind.start(Phase.PROVISION, ctx), ctx)
    assert status.state is OperationState.FAILED
    assert status.detail.startswith("Second (AWS::SSM::Parameter) UPDATE_FAILED")
    assert settled(target) == "UPDATE_ROLLBACK_COMPLETE"
    ctx = context(ONLY, tmp_path, capture=ctx.capture)
    assert recover(ctx)[0] == "adopt"
    assert failed(ctx) == set()


def test_an_arn_of_the_standby_stays_and_any_other_is_mapped(home: Any, target: Any, tmp_path: Path) -> None:
    source = "arn:aws:acm:us-east-1:123456789012:certificate/one"
    own = "arn:aws:acm:us-west-2:123456789012:certificate/two"
    home.update_stack(
        StackName=STACK, TemplateBody=TEMPLATE, Parameters=given({"Bucket": "fraud-data-us-east-1", "Role": source})
    )
    assert settled(home) == "UPDATE_COMPLETE"
    create(target, Bucket="fraud-data-us-west-2", Role=own)
    ctx = context(ONLY, tmp_path, capture=captured(ONLY, tmp_path))
    assert recover(ctx)[0] == "adopt"
    assert parameters_of(target)["Role"] == own
    assert failed(ctx) == set()


def test_a_reference_to_the_region_that_was_left_fails_verification(home: Any, target: Any, tmp_path: Path) -> None:
    create(target, Bucket="fraud-data-us-east-1")
    ctx = context(ONLY, tmp_path, capture=captured(ONLY, tmp_path))
    assert failed(ctx) == {"parameters as wanted", "no reference to the region that was left"}


def test_without_a_point_the_file_beside_the_catalog_is_used_and_without_that_readiness_says_no(
    target: Any, tmp_path: Path
) -> None:
    only = replace(ONLY, settings={**ONLY.settings, "parameters": {"Bucket": "fraud-data-us-east-1"}})
    kind, ctx = CloudformationStack(only), context(only, tmp_path)
    assert findings(ctx) == {"no-template": Severity.BLOCKER}
    (tmp_path / "network.yaml").write_text(TEMPLATE)
    assert waited(kind.start(Phase.PROVISION, ctx), ctx).state is OperationState.SUCCEEDED
    assert parameters_of(target)["Bucket"] == "fraud-data-us-west-2"


def test_a_stack_that_is_absent_or_under_way_is_not_captured(tmp_path: Path) -> None:
    with pytest.raises(PointDamagedError, match="small-network in us-east-1 is absent"):
        captured(ONLY, tmp_path)
    api = boto3.client("cloudformation", HOME)
    api.create_stack(StackName=STACK, TemplateBody=TEMPLATE, Parameters=given({"Bucket": "b"}))
    with pytest.raises(StepInterruptedError, match="CREATE_IN_PROGRESS"):
        captured(ONLY, tmp_path)


def test_a_drill_makes_its_own_stack_and_takes_it_away(home: Any, target: Any, tmp_path: Path) -> None:
    ctx = context(ONLY, tmp_path, capture=captured(ONLY, tmp_path), isolated=True)
    recover(ctx)
    names = {stack["StackName"] for stack in target.describe_stacks()["Stacks"]}
    assert names == {f"{STACK}-{RUN_ID}"}
    assert list(KIND.release(ctx)) == [f"stack {STACK}-{RUN_ID} in {TARGET}"]
    remove_all(target)
    assert list(KIND.release(ctx)) == []


@pytest.mark.parametrize(("standby", "seconds"), [(Standby.HOT, 15), (Standby.WARM, 15), (Standby.COLD, 180)])
def test_a_stack_that_stands_costs_reads_and_one_that_does_not_costs_minutes(standby: Standby, seconds: float) -> None:
    costs = CloudformationStack.costs(replace(ONLY, standby=standby))
    assert (costs[Phase.PROVISION].estimate_s, costs[Phase.PROVISION].budget_s) == (seconds, 1800)


def roles_handed_over() -> list[tuple[str, str | None]]:
    """The calls of our client that change a stack from now on, each with the role it hands over."""
    made: list[tuple[str, str | None]] = []

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name in ("CreateStack", "UpdateStack", "DeleteStack"):
            made.append((model.name, params.get("RoleARN")))

    clients.client("cloudformation", TARGET).meta.events.register("provide-client-params.cloudformation.*", note)
    return made


def provisioned(ctx: StepContext) -> CloudformationStack:
    kind = CloudformationStack(ctx.component)
    with calling_as(Caller(run_id=RUN_ID, step="thing.provision", forbidden_region=HOME)):
        waited(kind.start(Phase.PROVISION, ctx), ctx)
    return kind


def test_the_role_of_a_stack_is_handed_over_with_every_change(home: Any, target: Any, tmp_path: Path) -> None:
    arn = "arn:aws:iam::123456789012:role/networks/builder"
    capture, made = captured(ONLY, tmp_path), roles_handed_over()
    for bucket in ("fraud-data-us-west-2", "some-other-bucket"):
        settings = {**ONLY.settings, "role": "networks/builder", "parameters": {"Bucket": bucket}}
        provisioned(context(component("cloudformation-stack", settings), tmp_path, capture=capture))
    assert made == [("CreateStack", arn), ("UpdateStack", arn)]
    assert target.describe_stacks(StackName=STACK)["Stacks"][0]["RoleARN"] == arn
    made.clear()
    with_role = component("cloudformation-stack", {**ONLY.settings, "role": arn})
    drill = context(with_role, tmp_path, capture=capture, isolated=True)
    assert list(provisioned(drill).release(drill)) == [f"stack {STACK}-{RUN_ID} in {TARGET}"]
    assert made == [("CreateStack", arn), ("DeleteStack", arn)]


def test_no_role_is_handed_over_unless_the_catalog_names_one(home: Any, target: Any, tmp_path: Path) -> None:
    made = roles_handed_over()
    provisioned(context(ONLY, tmp_path, capture=captured(ONLY, tmp_path)))
    assert made == [("CreateStack", None)]


@pytest.mark.parametrize(
    "role", ["", "arn:aws:s3:::bucket", "arn:aws:iam::123456789012:user/alice", "a role", "r" * 65]
)
def test_what_can_be_no_role_is_refused(role: str) -> None:
    with pytest.raises(ValueError, match="role"):
        CloudformationStackSettings(stack=STACK, template="network.yaml", role=role)


def test_a_role_that_does_not_exist_is_found_beforehand(home: Any, target: Any, tmp_path: Path) -> None:
    absent = component("cloudformation-stack", {**ONLY.settings, "role": "nobody-made-this"})
    ctx = context(absent, tmp_path, capture=captured(ONLY, tmp_path))
    with calling_as(Caller(run_id=RUN_ID, step="readiness", forbidden_region=HOME)):
        found = {item.code: item.severity for item in CloudformationStack(absent).readiness(ctx)}
    assert found == {"role-absent": Severity.BLOCKER, "stack-absent": Severity.WARNING}
