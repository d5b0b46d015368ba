"""A snapshot is the whole state: what it is restored from cannot be told from what it was taken of."""

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from sandbox_clients import HOME, RECOVERY, Aws, eventually
from test_s3_replication import Pair

from recovery_ops.errors import RequestError
from recovery_ops.sandbox.control import Control
from recovery_ops.sandbox.process import running_sandbox

pytestmark = pytest.mark.sandbox


def build(aws: Aws) -> dict[str, Any]:
    """Something in every service; the names of it."""
    name = aws.bucket(HOME, lock=True)
    aws.client("s3").put_object(
        Bucket=name, Key="k", Body=b"content" * 1000, Metadata={"a": "b"}, Tagging="t=1", ChecksumAlgorithm="SHA256"
    )
    for body in (b"first", b"second"):
        aws.client("s3").put_object(Bucket=name, Key="versions", Body=body)
    aws.client("s3").delete_object(Bucket=name, Key="versions")
    aws.client("ssm", RECOVERY).put_parameter(Name=f"/{name}", Value="v", Type="String")
    aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    zone = aws.client("route53").create_hosted_zone(Name=f"{name}.test", CallerReference=name)["HostedZone"]["Id"]
    aws.client("sagemaker", RECOVERY).create_model_package_group(ModelPackageGroupName=name)
    aws.client("cloudwatch", RECOVERY).put_metric_data(Namespace=name, MetricData=[{"MetricName": "m", "Value": 1}])
    vpc = aws.client("ec2", RECOVERY).create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    table(aws, name)
    return {"name": name, "zone": zone, "vpc": vpc}


def table(aws: Aws, name: str) -> None:
    dynamodb = aws.client("dynamodb", RECOVERY)
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    eventually(lambda: dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE")
    dynamodb.put_item(TableName=name, Item={"k": {"S": "a"}, "v": {"N": "1"}})


def seen(aws: Aws, names: dict[str, Any]) -> dict[str, Any]:
    """What clients see of what ``build`` made."""
    name, s3 = names["name"], aws.client("s3")
    head = s3.head_object(Bucket=name, Key="k", ChecksumMode="ENABLED")
    return {
        "object": s3.get_object(Bucket=name, Key="k")["Body"].read(),
        "head": {key: head[key] for key in ("ETag", "VersionId", "Metadata", "ChecksumSHA256", "LastModified")},
        "versions": [
            s3.get_object(Bucket=name, **version)["Body"].read() for version in versions(s3, name, "Versions")
        ],
        "markers": versions(s3, name, "DeleteMarkers"),
        "tags": s3.get_object_tagging(Bucket=name, Key="k")["TagSet"],
        "lock": s3.get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"],
        "parameter": aws.client("ssm", RECOVERY).get_parameter(Name=f"/{name}")["Parameter"]["Value"],
        "role": aws.client("iam").get_role(RoleName=name)["Role"]["Arn"],
        "zone": aws.client("route53").get_hosted_zone(Id=names["zone"])["HostedZone"]["Name"],
        "group": aws.client("sagemaker", RECOVERY).describe_model_package_group(ModelPackageGroupName=name)[
            "ModelPackageGroupArn"
        ],
        "item": aws.client("dynamodb", RECOVERY).get_item(TableName=name, Key={"k": {"S": "a"}})["Item"],
        "vpc": aws.client("ec2", RECOVERY).describe_vpcs(VpcIds=[names["vpc"]])["Vpcs"][0]["CidrBlock"],
    }


def versions(s3: Any, bucket: str, kind: str) -> list[dict[str, Any]]:
    found = s3.list_object_versions(Bucket=bucket, Prefix="versions")[kind]
    return [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in found]


def test_what_was_saved_comes_back_and_what_came_later_is_gone(aws: Aws, control: Control, tmp_path: Path) -> None:
    names = build(aws)
    control.capacity(RECOVERY, "ml.g5.xlarge", available=1)
    before = seen(aws, names)
    control.snapshot(tmp_path / "world.snapshot")
    later = aws.bucket(RECOVERY)
    aws.client("s3").put_object(Bucket=names["name"], Key="k", Body=b"changed")
    aws.client("dynamodb", RECOVERY).delete_table(TableName=names["name"])
    control.capacity(RECOVERY, "ml.g5.xlarge")
    control.restore(tmp_path / "world.snapshot")
    assert seen(aws, names) == before
    assert any(entry["available"] == 1 for entry in control.status()["capacity"])
    with pytest.raises(ClientError, match="404"):
        aws.client("s3").head_bucket(Bucket=later)


def test_replication_goes_on_after_a_restore(aws: Aws, control: Control, tmp_path: Path) -> None:
    pair = Pair(aws)
    control.replication(HOME, RECOVERY, paused=True)
    version = pair.put("k")
    control.snapshot(tmp_path / "world.snapshot")
    control.replication(HOME, RECOVERY, paused=False)
    pair.arrived("k", version)
    control.restore(tmp_path / "world.snapshot")
    assert pair.head("k", version) is None
    control.replication(HOME, RECOVERY, paused=False)
    pair.arrived("k", version)


def test_a_new_process_starts_from_a_snapshot(aws: Aws, control: Control, tmp_path: Path) -> None:
    names = build(aws)
    before = seen(aws, names)
    control.snapshot(tmp_path / "world.snapshot")
    with running_sandbox(factor=0.001, restore=tmp_path / "world.snapshot") as other:
        assert seen(Aws(other.base_url), names) == before


def test_what_is_no_snapshot_is_refused_and_changes_nothing(aws: Aws, control: Control, tmp_path: Path) -> None:
    bucket = aws.bucket()
    (tmp_path / "wrong").write_bytes(b"not a pickle")
    with pytest.raises(RequestError, match="is not a snapshot"):
        control.restore(tmp_path / "wrong")
    with pytest.raises(RequestError, match="No such file"):
        control.restore(tmp_path / "absent")
    aws.client("s3").head_bucket(Bucket=bucket)
