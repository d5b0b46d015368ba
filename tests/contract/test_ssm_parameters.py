"""``ssm-parameters`` against moto: what a point holds is there again, mapped, and nothing else is touched."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from small_systems import HOME, RUN_ID, TARGET, captured, component, context

from recovery_ops.aws import clients
from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.errors import NoRecoveryPointError, PointDamagedError, StepRejectedError
from recovery_ops.kinds import StepContext
from recovery_ops.kinds.ssm_parameters import SsmParameters
from recovery_ops.model.checks import CheckOutcome, Gate
from recovery_ops.model.events import EventType
from recovery_ops.model.findings import Severity
from recovery_ops.model.plan import Intent, Phase

PREFIX = "/fraud-detection/"
CONFIG = json.dumps({"version": 3, "bucket": "fraud-data-us-east-1"})
MAPPED = json.dumps({"version": 3, "bucket": "fraud-data-us-west-2"})
SECRET = "do-not-write-me-down"
ONLY = component("ssm-parameters", {"prefix": PREFIX, "published": ["features/table"]})


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    clients._client.cache_clear()
    clients._session.cache_clear()
    with mock_aws():
        yield
    clients._client.cache_clear()
    clients._session.cache_clear()


@pytest.fixture
def home(aws: None) -> Any:
    """Parameter Store of the home region with a configuration, an assignment, a published name and a secret."""
    ssm = boto3.client("ssm", HOME)
    put(ssm, "transform/config", CONFIG)
    put(ssm, "experiment/assignments", "a,b", "StringList")
    put(ssm, "features/table", "fraud-features")
    put(ssm, "partner/key", SECRET, "SecureString")
    return ssm


@pytest.fixture
def target(aws: None) -> Any:
    """Parameter Store of the recovery region, which has the secret and its own published table."""
    ssm = boto3.client("ssm", TARGET)
    put(ssm, "features/table", "fraud-features-restored")
    put(ssm, "partner/key", SECRET, "SecureString")
    return ssm


def put(ssm: Any, name: str, value: str, kind: str = "String") -> int:
    return int(ssm.put_parameter(Name=PREFIX + name, Value=value, Type=kind, Overwrite=True)["Version"])


def values(ssm: Any, prefix: str = PREFIX) -> dict[str, str]:
    pages = ssm.get_paginator("get_parameters_by_path").paginate(Path=prefix, Recursive=True, WithDecryption=True)
    return {item["Name"].removeprefix(prefix): item["Value"] for page in pages for item in page["Parameters"]}


def recover(ctx: StepContext) -> Mapping[str, Any]:
    """Rehydrate as a step does: with a crash after every call it must come to the same."""
    kind = SsmParameters(ONLY)
    with calling_as(Caller(run_id=RUN_ID, step="thing.rehydrate", forbidden_region=HOME)):
        kind.start(Phase.REHYDRATE, ctx)
        ref = kind.start(Phase.REHYDRATE, ctx)
        assert kind.poll(ref, ctx).over
        return kind.finish(ref, ctx)


def outcomes(ctx: StepContext) -> dict[str, tuple[Gate, CheckOutcome, bool]]:
    with calling_as(Caller(run_id=RUN_ID, step="thing.verify", forbidden_region=HOME)):
        return {check.name: (check.gate, check.outcome, check.advisory) for check in SsmParameters(ONLY).verify(ctx)}


def failed(ctx: StepContext) -> set[str]:
    return {name for name, (_, outcome, _) in outcomes(ctx).items() if outcome is not CheckOutcome.PASS}


def test_an_empty_region_gets_every_parameter_with_region_bound_values_mapped(
    home: Any, target: Any, tmp_path: Path
) -> None:
    said: list[tuple[EventType, Mapping[str, Any]]] = []
    ctx = context(ONLY, tmp_path, capture=captured(ONLY, tmp_path), emit=lambda *event: said.append(event))
    outputs = recover(ctx)
    assert values(target) == {
        "transform/config": MAPPED,
        "experiment/assignments": "a,b",
        "features/table": "fraud-features-restored",
        "partner/key": SECRET,
    }
    assert outputs["parameters"] == {PREFIX + "transform/config": 1, PREFIX + "experiment/assignments": 1}
    assert [(event, payload["source"], payload["target"]) for event, payload in said] == [
        (EventType.REFERENCE_MAPPED, CONFIG, MAPPED)
    ]
    assert failed(ctx) == set()
    assert {gate for gate, _, _ in outcomes(ctx).values()} == SsmParameters.gates


def test_a_value_that_is_right_is_not_written_again_and_one_that_differs_is_overwritten(
    home: Any, target: Any, tmp_path: Path
) -> None:
    put(target, "experiment/assignments", "a,b", "StringList")
    put(target, "transform/config", "poisoned")
    outputs = recover(context(ONLY, tmp_path, capture=captured(ONLY, tmp_path), intent=Intent.CORRUPTION))
    assert outputs["parameters"] == {PREFIX + "experiment/assignments": 1, PREFIX + "transform/config": 2}
    assert values(target)["transform/config"] == MAPPED


def test_what_is_written_carries_the_run_whether_it_is_new_or_was_there(home: Any, target: Any, tmp_path: Path) -> None:
    put(target, "transform/config", "old")
    recover(context(ONLY, tmp_path, capture=captured(ONLY, tmp_path)))
    for name in ("transform/config", "experiment/assignments"):
        tags = target.list_tags_for_resource(ResourceType="Parameter", ResourceId=PREFIX + name)["TagList"]
        assert {"Key": "recovery-ops:run", "Value": RUN_ID} in tags


def test_a_name_that_another_component_publishes_is_neither_captured_nor_written(
    home: Any, target: Any, tmp_path: Path
) -> None:
    names = [item["name"] for item in captured(ONLY, tmp_path).content["parameters"]]
    assert sorted(names) == ["experiment/assignments", "transform/config"]
    before = component("ssm-parameters", {"prefix": PREFIX})
    outputs = recover(context(ONLY, tmp_path, capture=captured(before, tmp_path)))
    assert PREFIX + "features/table" not in outputs["parameters"]
    assert values(target)["features/table"] == "fraud-features-restored"


def test_labels_follow_the_value(home: Any, target: Any, tmp_path: Path) -> None:
    home.label_parameter_version(Name=PREFIX + "transform/config", ParameterVersion=1, Labels=["live"])
    put(target, "transform/config", "old")
    recover(context(ONLY, tmp_path, capture=captured(ONLY, tmp_path)))
    assert target.get_parameter(Name=PREFIX + "transform/config:live")["Parameter"]["Value"] == MAPPED


def test_newer_parameters_are_left_alone_and_reported(home: Any, target: Any, tmp_path: Path) -> None:
    put(target, "experiment/new", "from after the damage")
    ctx = context(ONLY, tmp_path, capture=captured(ONLY, tmp_path), intent=Intent.CORRUPTION)
    assert recover(ctx)["besides"] == [PREFIX + "experiment/new"]
    assert values(target)["experiment/new"] == "from after the damage"
    besides = outcomes(ctx)["parameters that are not in the recovery point"]
    assert besides == (Gate.CONFIGURATION, CheckOutcome.FAIL, True)


def test_a_secret_is_in_no_point_and_is_asked_for_where_it_is_absent(home: Any, target: Any, tmp_path: Path) -> None:
    capture = captured(ONLY, tmp_path)
    assert SECRET not in json.dumps(capture.to_json())
    assert capture.content["secrets"] == {"partner/key": 1}
    target.delete_parameter(Name=PREFIX + "partner/key")
    ctx = context(ONLY, tmp_path, capture=capture)
    found = {finding.code: finding.severity for finding in SsmParameters(ONLY).readiness(ctx)}
    assert found == {"secret-absent": Severity.BLOCKER, "parameter-drift": Severity.INFO}
    assert recover(ctx)["secrets_absent"] == [PREFIX + "partner/key"]
    assert failed(ctx) == {"every SecureString is there"}
    assert "partner/key" in "".join(SsmParameters(ONLY).reprotect(ctx))


def test_a_value_changed_after_recovery_fails_verification(home: Any, target: Any, tmp_path: Path) -> None:
    ctx = context(ONLY, tmp_path, capture=captured(ONLY, tmp_path))
    recover(ctx)
    put(target, "transform/config", CONFIG)
    assert failed(ctx) == {"parameter transform/config", "no reference to the region that was left"}


def test_another_type_is_refused_before_anything_is_written(home: Any, target: Any, tmp_path: Path) -> None:
    put(target, "transform/config", "x", "SecureString")
    ctx = context(ONLY, tmp_path, capture=captured(ONLY, tmp_path))
    with pytest.raises(StepRejectedError, match="transform/config is a SecureString, not a String"):
        recover(ctx)
    assert "experiment/assignments" not in values(target)
    assert "other-type" in {finding.code for finding in SsmParameters(ONLY).readiness(ctx)}


def test_nothing_under_the_prefix_cannot_be_captured_and_no_point_cannot_be_recovered_from(
    aws: None, tmp_path: Path
) -> None:
    with pytest.raises(PointDamagedError, match="nothing stands under /fraud-detection/ in us-east-1"):
        captured(ONLY, tmp_path)
    with pytest.raises(NoRecoveryPointError):
        recover(context(ONLY, tmp_path))


def test_a_drill_writes_under_its_own_prefix_and_takes_it_all_away(home: Any, target: Any, tmp_path: Path) -> None:
    before = values(target)
    ctx = context(ONLY, tmp_path, capture=captured(ONLY, tmp_path), isolated=True)
    recover(ctx)
    assert failed(ctx) == set()
    assert set(values(target, f"/{RUN_ID}{PREFIX}")) == {"transform/config", "experiment/assignments"}
    assert len(list(SsmParameters(ONLY).release(ctx))) == 2
    assert values(target, f"/{RUN_ID}") == {}
    assert values(target) == before
