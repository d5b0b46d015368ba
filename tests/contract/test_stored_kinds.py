"""What data sets, feature stores and registries promise beyond the contract of all kinds."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from fraud_world import HOME, RUN_ID, TARGET, FraudWorld
from stories import Case

from recovery_ops.errors import NoRecoveryPointError, PointDamagedError
from recovery_ops.model.checks import Check, CheckOutcome, Gate
from recovery_ops.model.plan import Intent, Phase

pytestmark = pytest.mark.sandbox
DATA, TABLE, OBJECT = f"fraud-data-{TARGET}", "fraud-features", "training/part-0000.parquet"


@pytest.fixture
def dataset(fraud_world: FraudWorld) -> Case:
    return ready(fraud_world, "s3-dataset")


@pytest.fixture
def features(fraud_world: FraudWorld) -> Case:
    return ready(fraud_world, "feature-store")


@pytest.fixture
def registry(fraud_world: FraudWorld) -> Case:
    return ready(fraud_world, "model-registry")


def ready(world: FraudWorld, kind: str) -> Case:
    case = Case.of(world, kind, Intent.REGION_LOSS)
    case.damage = None
    case.reset()
    return case


def broken(case: Case, **changed: Any) -> list[Check]:
    with case.step("verify"):
        checks = list(case.kind.verify(case.context(**changed)))
    assert {check.gate for check in checks} >= case.kind.gates
    return [check for check in checks if check.outcome is not CheckOutcome.PASS and not check.advisory]


def gates(checks: list[Check]) -> set[Gate]:
    return {check.gate for check in checks}


# Data sets --------------------------------------------------------------------------------------------------------


def test_region_loss_keeps_newer_data_that_was_replicated(dataset: Case) -> None:
    s3 = dataset.world.outsider("s3")
    newer = s3.get_object(Bucket=DATA, Key=OBJECT)["Body"].read()
    s3.put_object(Bucket=DATA, Key="training/part-0002.parquet", Body=newer)
    dataset.recover()
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=DATA, Prefix="training/")["Contents"]]
    assert "training/part-0002.parquet" in keys


def test_a_truncated_file_is_caught(dataset: Case) -> None:
    s3 = dataset.world.outsider("s3")
    whole = s3.get_object(Bucket=DATA, Key=OBJECT)["Body"].read()
    s3.put_object(Bucket=DATA, Key=OBJECT, Body=whole[: len(whole) // 2])
    dataset.recover()
    assert gates(broken(dataset)) == {Gate.INTEGRITY, Gate.DATA}


def test_bytes_that_changed_under_a_pinned_version_are_caught(dataset: Case) -> None:
    item = dataset.world.captures["training-data"].objects[0]
    dataset.world.sandbox.control.damage(
        "s3-object", bucket=DATA, key=item.key, version_id=item.version_id, action="overwrite", content="zzz"
    )
    assert Gate.INTEGRITY in gates(broken(dataset))


def test_a_pinned_version_that_is_not_there_changes_nothing(dataset: Case) -> None:
    capture = dataset.world.captures["training-data"]
    lost = replace(capture.objects[0], version_id="lost")
    ctx = dataset.context(capture=replace(capture, objects=(lost, *capture.objects[1:])))
    before = dataset.state()
    with dataset.step("rehydrate"), pytest.raises(PointDamagedError, match="lost"):
        dataset.kind.start(Phase.REHYDRATE, ctx)
    assert dataset.state() == before
    with dataset.step("rehydrate"):
        assert dataset.kind.live_watermark(ctx) is None


def test_poison_that_carries_our_own_note_is_not_believed(fraud_world: FraudWorld) -> None:
    case = Case.of(fraud_world, "s3-dataset", Intent.CORRUPTION)
    case.damage = None
    case.reset()
    item = fraud_world.captures["training-data"].objects[0]
    fraud_world.outsider("s3").put_object(
        Bucket=DATA, Key=item.key, Body=b"poison", Metadata={"recovery-ops-sha256": item.sha256}
    )
    case.recover()
    assert broken(case) == []


# Feature stores ---------------------------------------------------------------------------------------------------


def put(world: FraudWorld, region: str = TARGET, **attributes: dict[str, str]) -> None:
    dynamodb = world.outsider("dynamodb", region)
    first = dynamodb.scan(TableName=TABLE, Limit=1)["Items"][0]
    dynamodb.put_item(TableName=TABLE, Item={**first, **attributes})


def test_region_loss_keeps_what_the_replica_has_got_since(features: Case) -> None:
    put(features.world, entity_id={"S": "new"}, version={"N": "2"})
    features.recover()
    got = features.world.outsider("dynamodb").get_item(TableName=TABLE, Key={"entity_id": {"S": "new"}})
    assert got["Item"]["version"] == {"N": "2"}
    assert features.world.outputs["features"]["table"] == TABLE
    assert broken(features) == []


def test_the_watermark_is_the_newest_write_before_the_impact(features: Case) -> None:
    written = datetime.now(UTC).replace(microsecond=250_000) + timedelta(seconds=5)
    put(features.world, entity_id={"S": "a"}, updated_at={"S": written.isoformat()})
    put(features.world, entity_id={"S": "b"}, updated_at={"S": (written + timedelta(hours=1)).isoformat()})
    with features.step("rehydrate"):
        assert features.kind.live_watermark(features.context(impact_at=written + timedelta(minutes=1))) == written


def test_unchanged_data_is_not_old_data(features: Case) -> None:
    with features.step("rehydrate"):
        until = features.kind.live_watermark(features.context())
    assert until == features.world.captures["features"].watermark


def test_stale_features_are_caught(features: Case) -> None:
    component = replace(features.component, rpo_s=60.0)
    features.recover()
    late = features.world.captures["features"].watermark + timedelta(hours=1)
    checks = broken(Case(features.world, component, Intent.REGION_LOSS, None), impact_at=late)
    assert gates(checks) == {Gate.FRESHNESS}


def test_an_item_that_only_one_replica_lost_is_caught(features: Case) -> None:
    features.recover()
    dynamodb = features.world.outsider("dynamodb")
    key = dynamodb.scan(TableName=TABLE, Limit=1)["Items"][0]["entity_id"]
    dynamodb.delete_item(TableName=TABLE, Key={"entity_id": key})
    assert Gate.CONSISTENCY in gates(broken(features))


def test_without_a_replica_there_is_nothing_to_adopt(features: Case) -> None:
    capture = features.world.captures["features"]
    other = replace(capture, content={**capture.content, "table": "nowhere"})
    with features.step("rehydrate"), pytest.raises(NoRecoveryPointError, match="nowhere"):
        features.kind.start(Phase.REHYDRATE, features.context(capture=other))
    assert list(features.kind.missing(other, features.context())) == [f"table nowhere is not in {TARGET}"]


def test_corruption_restores_the_state_of_the_point_and_tells_everybody(fraud_world: FraudWorld) -> None:
    case = Case.of(fraud_world, "feature-store", Intent.CORRUPTION)
    case.reset()
    case.recover()
    restored = f"{TABLE}-{RUN_ID}"
    rows = fraud_world.outsider("dynamodb").scan(TableName=restored, ConsistentRead=True)["Items"]
    assert rows
    assert not [row for row in rows if row["https"] == {"N": "77"}]
    parameter = fraud_world.outsider("ssm").get_parameter(Name="/fraud-detection/features/table")
    assert parameter["Parameter"]["Value"] == restored


def test_a_fence_keeps_writers_out_and_replication_in(features: Case) -> None:
    world = features.world
    world.sandbox.control.heal()
    assert list(features.kind.fence(features.context()))
    with pytest.raises(ClientError, match="AccessDenied"):
        put(world, HOME, entity_id={"S": "late"})
    put(world, TARGET, entity_id={"S": "replicated"})
    end, home = time.monotonic() + 30, world.outsider("dynamodb", HOME)
    while "Item" not in home.get_item(TableName=TABLE, Key={"entity_id": {"S": "replicated"}}):
        assert time.monotonic() < end
    assert list(features.kind.unfence(features.context())) == list(features.kind.unfence(features.context()))
    put(world, HOME, entity_id={"S": "late"})


def test_a_drill_restores_beside_production_and_removes_it(fraud_world: FraudWorld) -> None:
    case = Case.of(fraud_world, "feature-store", Intent.CORRUPTION)
    case.damage = None
    case.reset()
    ctx = case.context(isolated=True)
    published = case.state()["ssm"]
    fraud_world.run(case.kind, Phase.REHYDRATE, ctx)
    assert case.state()["ssm"] == published
    with case.step("release"):
        assert list(case.kind.release(ctx)) == [f"table {TABLE}-{RUN_ID}"]


# Registries -------------------------------------------------------------------------------------------------------


def test_the_map_from_source_to_target_is_an_output_and_stands_in_every_package(registry: Case) -> None:
    registry.recover()
    outputs = registry.world.outputs["registry"]
    sagemaker = registry.world.outsider("sagemaker")
    for item in outputs["packages"]:
        notes = sagemaker.describe_model_package(ModelPackageName=item["package_arn"])["CustomerMetadataProperties"]
        assert notes["recovery-ops-source-arn"] == item["source_arn"]
        assert HOME in item["source_arn"]
        assert TARGET in item["package_arn"]
    assert outputs["current"] == outputs["packages"][-1]


def test_another_run_adopts_the_packages_of_the_first(registry: Case) -> None:
    registry.recover()
    before = registry.state()
    registry.world.run(registry.kind, Phase.REHYDRATE, registry.context(run_id="r-20261123-fedcba"))
    assert registry.state() == before


def test_a_swapped_artifact_is_caught(registry: Case) -> None:
    registry.recover()
    item = registry.world.captures["registry"].objects[-1]
    registry.world.outsider("s3").put_object(Bucket=item.bucket_in(TARGET), Key=item.key, Body=b"swapped")
    assert gates(broken(registry)) == {Gate.INTEGRITY}


def test_a_withdrawn_approval_is_caught(registry: Case) -> None:
    registry.recover()
    arn = registry.world.outputs["registry"]["current"]["package_arn"]
    registry.world.outsider("sagemaker").update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Rejected")
    assert gates(broken(registry)) == {Gate.CONFIGURATION}
