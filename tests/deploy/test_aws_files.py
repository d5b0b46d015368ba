"""What is deployed to an AWS account: made from the catalogs, complete, and accepted by linters."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.session
import parliament
import pytest
import yaml
from botocore import xform_name
from typer.testing import CliRunner

from recovery_ops.aws.actions import needed
from recovery_ops.catalog import system_files
from recovery_ops.cli.app import app
from recovery_ops.errors import RequestError
from recovery_ops.execution.policies import CORE, LARGEST, policies, size
from recovery_ops.execution.systems import load_system
from recovery_ops.kinds import all_kinds
from recovery_ops.model.detection import Channel, Detection, DetectionMode, Notify, SignalName
from recovery_ops.model.system import CutoverMethod, System
from recovery_ops.readiness.permitted import needs

ROOT = Path(__file__).parents[2]
DAGS = ROOT / "dags"
IAM = ROOT / "deploy" / "iam"
BOOTSTRAP = ROOT / "deploy" / "aws" / "bootstrap.yaml"
REGIONS = ("us-east-1", "us-west-2", "eu-west-1")
ON_EVERYTHING = {"Components", "Roles", "Dns", "Asking"}
"""Statements whose resources nobody knows beforehand: copies are named from the run, checks and zones have ids."""


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
    with pytest.raises(RequestError, match=f"characters and IAM takes {LARGEST}"):
        policies(replace(system, regions=many))


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
        assert {name for _, name in found} <= ON_EVERYTHING
    wrong = json.loads(json.dumps(policies(system)["fraud-detection-recover"]).replace("GetObject", "GetObjekt"))
    assert "UNKNOWN_ACTION" in {issue for issue, _ in findings_of(wrong)}


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
    assert {name.removesuffix("PolicyArn").lower() for name in stems if name.endswith("PolicyArn")} == {
        name.removeprefix("fraud-detection-") for name in policies(system)
    }


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
    assert sorted(CORE - called - {"s3:PutObjectRetention"}) == []  # that one is a header of PutObject


def test_a_policy_allows_all_that_the_catalog_needs_and_no_more(system: System) -> None:
    system = replace(system, detection=None)
    made = policies(system)
    allowed = actions_of(made["fraud-detection-recover"]) | actions_of(made["fraud-detection-components"])
    used = {action for component in system.components for action in all_kinds()[component.kind].aws_actions}
    asked = {action for region in system.regions for actions in needs(system, region).values() for action in actions}
    assert sorted((used | asked) - allowed) == []
    assert sorted(used - asked) == []
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
