"""What is deployed to an AWS account: made from the catalogs, complete, and accepted by linters."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.session
import parliament
import pytest
import yaml
from botocore import xform_name
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from typer.testing import CliRunner

from recovery_ops.aws import stack_types
from recovery_ops.aws.actions import UNBOUND, needed
from recovery_ops.catalog import system_files
from recovery_ops.cli.app import app
from recovery_ops.errors import RequestError
from recovery_ops.execution import policies as policies_module
from recovery_ops.execution.policies import CORE, LARGEST, components_policy, policies, size
from recovery_ops.execution.systems import load_system
from recovery_ops.kinds import Kind, all_kinds
from recovery_ops.model.access import PASS_ROLE
from recovery_ops.model.detection import Channel, Detection, DetectionMode, Notify, SignalName
from recovery_ops.model.system import CutoverMethod, System
from recovery_ops.readiness.permitted import needs

ROOT = Path(__file__).parents[2]
DAGS = ROOT / "dags"
IAM = ROOT / "deploy" / "iam"
BOOTSTRAP = ROOT / "deploy" / "aws" / "bootstrap.yaml"
REGIONS = ("us-east-1", "us-west-2", "eu-west-1")
NARROWED = {"cloudwatch:DescribeAlarms"}
"""Unbound for another reason than that it takes no resource."""


class Template(yaml.SafeLoader):
    """Reads the short forms of CloudFormation as their text."""


def _short_form(loader: yaml.SafeLoader, _tag: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    return loader.construct_sequence(node) if isinstance(node, yaml.SequenceNode) else loader.construct_mapping(node)


Template.add_multi_constructor("!", _short_form)


def lint(*paths: Path) -> str:
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--regions", *REGIONS, "--template", *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.fixture(scope="module")
def system() -> System:
    return load_system("fraud-detection", DAGS)


def actions_of(policy: dict[str, Any]) -> set[str]:
    return {action for statement in policy["Statement"] for action in statement["Action"]}


def statements_with(made: Mapping[str, dict[str, Any]], action: str) -> list[dict[str, Any]]:
    return [item for policy in made.values() for item in policy["Statement"] if action in item["Action"]]


def statement(policy: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [item for item in policy["Statement"] if item["Sid"] == name]
    return dict(found)


def test_the_policy_files_are_the_present_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOVERY_OPS_CATALOGS", str(DAGS))
    for name in system_files(DAGS):
        assert CliRunner().invoke(app, ["policies", name, "--out", str(tmp_path)]).exit_code == 0
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert {path.name: path.read_text() for path in IAM.glob("*.json")} == made


def test_a_policy_that_iam_would_not_take_is_refused(system: System) -> None:
    assert max(map(size, policies(system).values())) <= LARGEST
    many = tuple(f"{name}-{number}" for name in system.regions for number in range(100))
    with pytest.raises(RequestError, match=f"is larger than {LARGEST}"):
        policies(replace(system, regions=many))


def several(system: System, times: int) -> System:
    """Return ``system`` with its components ``times`` over, about other things."""
    return replace(system, components=tuple(
        replace(item, name=f"{item.name}-{number}", needs=tuple(f"{need}-{number}" for need in item.needs),
                settings=json.loads(json.dumps(dict(item.settings)).replace("fraud-", f"fraud-{number}-")))
        for item in system.components for number in range(times)
    ))  # fmt: skip


def test_a_policy_that_is_too_large_for_iam_is_cut_between_statements(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    larger = several(system, 3)
    made = policies(larger)
    parts = [policy for name, policy in made.items() if "-components" in name]
    assert len(parts) > 1
    assert max(map(size, made.values())) <= LARGEST
    assert [item for part in parts for item in part["Statement"]] == components_policy(larger)["Statement"]
    monkeypatch.setattr(policies_module, "MOST", len(made) - 2)  # one is for metrics
    with pytest.raises(RequestError, match=f"needs {len(made) - 1} policies and a role takes {len(made) - 2}"):
        policies(larger)


def findings_of(policy: dict[str, Any]) -> list[tuple[str, int]]:
    """Issue and number of its statement for everything that parliament finds."""
    text = json.dumps(policy, indent=1)
    begins = [number for number, line in enumerate(text.splitlines(), 1) if '"Sid"' in line]
    found = parliament.analyze_policy_string(text).findings
    return [(item.issue, sum(begin <= item.location["line"] + 1 for begin in begins) - 1) for item in found]


def test_parliament_has_nothing_against_the_policies_but_stars_that_are_meant(system: System) -> None:
    for policy in policies(system).values():
        names = [item["Sid"] for item in policy["Statement"]]
        found = {(issue, names[number]) for issue, number in findings_of(policy)}
        assert {issue for issue, _ in found} <= {"RESOURCE_STAR"}
        assert {name for _, name in found} <= {
            item["Sid"] for item in policy["Statement"] if set(item["Action"]) <= UNBOUND
        }
    wrong = json.loads(json.dumps(policies(system)["fraud-detection-recover"]).replace("GetObject", "GetObjekt"))
    assert "UNKNOWN_ACTION" in {issue for issue, _ in findings_of(wrong)}


def test_nothing_is_allowed_on_everything_but_what_takes_no_resource(system: System) -> None:
    for policy in policies(several(system, 2), "drills").values():
        for item in policy["Statement"]:
            assert ("*" in item["Resource"]) == bool(set(item["Action"]) & UNBOUND)
            assert set(item["Action"]) <= UNBOUND or not set(item["Action"]) & UNBOUND
            regional = {action.partition(":")[0] for action in item["Action"]} - {"iam", "route53", "s3", "sqs", "sts"}
            assert not regional or item["Condition"]["StringEquals"]["aws:RequestedRegion"] == sorted(system.regions)


def test_what_takes_no_resource_is_what_the_reference_of_aws_says() -> None:
    reference = json.loads((Path(parliament.__file__).parent / "iam_definition.json").read_text())
    takes = {
        f"{service['prefix']}:{action['privilege']}": {kind["resource_type"] for kind in action["resource_types"]}
        - {""}
        for service in reference
        for action in service["privileges"]
    }
    assert {action for action in UNBOUND if takes[action]} == NARROWED
    kinds = {action for kind in all_kinds().values() for action in kind.aws_actions}
    assert {action for action in kinds | CORE if not takes[action]} <= UNBOUND


def test_what_stacks_need_is_what_the_schemas_of_their_resources_say() -> None:
    for name, known in stack_types.KNOWN.items():
        handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", name).schema["handlers"].values()
        wanted = {action for handler in handlers for action in handler.get("permissions", ())}
        granted = {action for item in known for action in item.actions}
        if "ec2" in name.lower():
            granted -= {f"ec2:{action}" for action in stack_types.EC2_TAGS} - wanted
        verbs = {f"apigateway:{verb}" for verb in stack_types.VERBS}
        assert wanted - stack_types.LEFT_OUT - {PASS_ROLE} <= granted, name
        assert granted - wanted <= verbs, name


def test_a_stack_with_a_role_needs_that_role_alone(system: System, tmp_path: Path) -> None:
    (network,) = (item for item in system.components if item.kind == "cloudformation-stack")
    role = "arn:aws:iam::123456789012:role/network-builder"

    def with_settings(**facts: Any) -> System:
        changed = replace(network, settings={**network.settings, **facts})
        return replace(system, components=tuple(changed if item is network else item for item in system.components))

    made = policies(with_settings(role=role))
    assert f"{system.name}-stacks" not in made
    passing = [item for policy in made.values() for item in policy["Statement"] if PASS_ROLE in item["Action"]]
    told = {str(item["Condition"]["StringEquals"]["iam:PassedToService"]): item["Resource"] for item in passing}
    assert told["['cloudformation.amazonaws.com']"] == [role]
    assert "cloudformation" not in str([item["Condition"] for item in statements_with(policies(system), PASS_ROLE)])
    (tmp_path / "other.yaml").write_text("Resources: {Table: {Type: AWS::DynamoDB::Table}}")
    with pytest.raises(RequestError, match=r"AWS::DynamoDB::Table need of IAM is not known: give the stack a `role`"):
        policies(with_settings(template=str(tmp_path / "other.yaml")))
    with pytest.raises(RequestError, match=r"absent\.yaml cannot be read"):
        policies(with_settings(template="absent.yaml"))


def test_a_kind_that_does_not_say_on_what_it_acts_is_found_out(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    store = all_kinds()["feature-store"]
    monkeypatch.setattr(store, "resources", Kind.resources)
    with pytest.raises(RequestError, match=r"feature-store declares dynamodb:BatchWriteItem .* `resources`"):
        policies(system)
    monkeypatch.undo()
    monkeypatch.setattr(store, "passes", Kind.passes)
    with pytest.raises(RequestError, match=r"feature-store declares iam:PassRole .* `passes`"):
        policies(system)


def test_cfn_lint_accepts_the_template_and_knows_every_action_of_the_policies(system: System, tmp_path: Path) -> None:
    documents = [
        {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": it}} for it in policies(system).values()
    ]
    text = json.dumps({"Resources": {f"Policy{number}": item for number, item in enumerate(documents)}})
    good, wrong = tmp_path / "good.json", tmp_path / "wrong.json"
    good.write_text(text)
    wrong.write_text(text.replace("s3:GetObjectVersion", "s3:GetObjectVersoin", 1))
    assert lint(BOOTSTRAP, good) == ""
    assert "getobjectversoin" in lint(wrong).lower()


def test_the_template_makes_what_the_catalog_names(system: System) -> None:
    template = yaml.load(BOOTSTRAP.read_text(), Template)
    stems = {name: facts.get("Default") for name, facts in template["Parameters"].items()}
    for region in system.regions:
        assert f"{stems['RecordBucket']}-{region}" == system.record_bucket.format(region=region)
        assert f"{stems['PointBucket']}-{region}" == system.point_bucket.format(region=region)
        assert system.traffic.health_switch[region].startswith(f"s3://{stems['SwitchBucket']}-{region}/")
    assert system.detection is not None
    assert stems["AlarmQueue"] == system.detection.queue
    for name in ("Record", "Points"):
        bucket = template["Resources"][name]
        assert bucket["Properties"]["ObjectLockEnabled"] is True
        assert bucket["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}
        assert bucket["DeletionPolicy"] == "Retain"
    told = "".join(template["Parameters"][name]["Description"] for name in ("RecoverPolicyArns", "WatchPolicyArn"))
    kinds = {re.sub(r"-\d+$", "", name.removeprefix(system.name)) for name in policies(system)}
    assert [kind for kind in sorted(kinds) if f"<system>{kind}.json" not in told] == []


def test_the_template_has_no_aliases_which_cloudformation_does_not_know() -> None:
    assert [event for event in yaml.parse(BOOTSTRAP.read_text()) if isinstance(event, yaml.AliasEvent)] == []


def calls_in(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield service and operation of every boto3 call in a module, as far as their names stand in it."""
    if not any(isinstance(node, ast.Call) and _name(node.func) == "client" for node in ast.walk(module)):
        return
    session = botocore.session.get_session()
    texts = {node.value for node in ast.walk(module) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    names = texts | {node.attr for node in ast.walk(module) if isinstance(node, ast.Attribute)}
    for service in texts & set(session.get_available_services()):
        model = session.get_service_model(service)
        yield from ((service, operation) for operation in model.operation_names if xform_name(operation) in names)


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def test_every_call_in_the_code_is_covered_and_nothing_else_is_allowed() -> None:
    files = [path for path in (ROOT / "recovery_ops").rglob("*.py") if not {"sandbox", "testing"} & set(path.parts)]
    called = {
        action
        for path in files
        for service, operation in calls_in(ast.parse(path.read_text()))
        for action in needed(service, operation)
    }
    kinds = {action for kind in all_kinds().values() for action in kind.aws_actions}
    assert sorted(called - CORE - kinds) == []
    assert (
        sorted(CORE - called - {"s3:DeleteObjectVersion", "s3:PutObjectRetention"}) == []
    )  # what calls need for a parameter


def test_a_policy_allows_all_that_the_catalog_needs_and_no_more(system: System) -> None:
    system = replace(system, detection=None)
    made = policies(system)
    attached = [policy for name, policy in made.items() if not name.endswith(("-stacks", "-watch"))]
    allowed = set().union(*map(actions_of, attached))
    used = {action for component in system.components for action in all_kinds()[component.kind].aws_actions}
    asked = {
        action
        for region in system.regions
        for actions in needs(system, region, "123456789012").values()
        for action in actions
    }
    assert sorted((used | asked) - allowed) == ["ecr:DescribeImages"], "nobody is asked for an image of AWS"
    assert sorted(used - asked) == ["ecr:DescribeImages"]
    assert actions_of(made["fraud-detection-watch"]) == {"s3:GetObject", "s3:ListBucket"}
    absent = {"route53:ChangeResourceRecordSets", "sqs:ReceiveMessage", "sns:Publish", "iam:PutRolePolicy"}
    assert absent & allowed == set()
    assert absent | allowed <= CORE | used


def test_a_region_can_be_taken_away_from_the_role_of_drills_alone(system: System) -> None:
    made = policies(system, "drills")
    assert made.keys() - policies(system).keys() == {"fraud-detection-drills"}
    breaking = statement(made["fraud-detection-drills"], "Break")
    assert set(breaking["Action"]) == {"iam:PutRolePolicy", "iam:DeleteRolePolicy"}
    assert breaking["Resource"] == ["arn:aws:iam::*:role/drills"]


def test_what_a_catalog_asks_for_is_added_and_named(system: System) -> None:
    policy = Detection(
        signals=(SignalName.AWS,), quorum=1, hold_down_s=1, every_s=1, min_between_runs_s=1, slow_s=1,
        mode=DetectionMode.ADVISE, queue="alarms",
    )  # fmt: skip
    topic = "arn:aws:sns:us-west-2:123456789012:on-call"
    told = tuple(Notify(channel=Channel.SNS, target=target, audience="internal") for target in (topic, "env:TOPIC"))
    traffic = replace(system.traffic, method=CutoverMethod.RECORD_BATCH)
    made = policies(replace(system, detection=policy, notify=told, traffic=traffic))["fraud-detection-recover"]
    assert statement(made, "Tell")["Resource"] == [topic]
    assert statement(made, "HearAlarms")["Resource"] == [
        f"arn:aws:sqs:{name}:*:alarms" for name in sorted(system.regions)
    ]
    assert "route53:ChangeResourceRecordSets" in statement(made, "Dns")["Action"]


def test_data_is_reached_in_the_buckets_of_the_catalog_only(system: System) -> None:
    stems = ("fraud-data", "fraud-models")
    buckets = [f"arn:aws:s3:::{stem}-{region}" for stem in stems for region in sorted(system.regions)]
    found = statement(policies(system)["fraud-detection-recover"], "Data")["Resource"]
    assert found == [arn for bucket in buckets for arn in (bucket, f"{bucket}/*")]
    china = replace(system, home="cn-north-1", regions=("cn-north-1", "cn-northwest-1"))
    text = json.dumps([item["Resource"] for item in policies(china)["fraud-detection-recover"]["Statement"]])
    assert "arn:aws-cn:s3:::fraud-data-cn-northwest-1/*" in text
    assert "arn:aws:" not in text
