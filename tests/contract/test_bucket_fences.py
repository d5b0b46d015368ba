"""Fences of buckets: what of ours they stop, whom they spare, and what of others they leave alone."""

import hashlib
import json
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from fraud_world import HOME, TARGET, FraudWorld
from stories import Case

from recovery_ops.model.plan import Intent
from recovery_ops.sandbox.seed.fraud_detection import ROLE

pytestmark = pytest.mark.sandbox
DATA, OBJECT, PERSON = f"fraud-data-{TARGET}", "training/part-0000.parquet", "arn:aws:iam::123456789012:role/person"


def ready(world: FraudWorld, kind: str) -> Case:
    case = Case.of(world, kind, Intent.REGION_LOSS)
    case.damage = None
    case.reset()
    return case


OBJECTS = [("s3-dataset", "fraud-data", "training/"), ("model-registry", "fraud-models", "models/"),
           ("feature-store", "fraud-data", "features/offline/")]  # fmt: skip


@pytest.mark.parametrize(("kind_name", "stem", "prefix"), OBJECTS)
def test_a_fence_keeps_writers_of_objects_out_and_us_and_replication_in(
    fraud_world: FraudWorld, kind_name: str, stem: str, prefix: str
) -> None:
    case, bucket = ready(fraud_world, kind_name), f"{stem}-{HOME}"
    fraud_world.sandbox.control.heal()
    s3, writer = fraud_world.outsider("s3", HOME), stranger(fraud_world)
    before = policy_of(s3, bucket)
    for _ in range(2):
        assert f"writes to s3://{bucket}/{prefix} are denied" in list(case.kind.fence(case.context()))
    assert len(policy_of(s3, bucket)) == len(before) + 1
    for call in (writer.put_object, writer.delete_object):
        with pytest.raises(ClientError, match="explicit deny"):
            call(Bucket=bucket, Key=f"{prefix}late")
    writer.put_object(Bucket=bucket, Key="elsewhere/late", Body=b"x")
    s3.put_object(Bucket=bucket, Key=f"{prefix}ours", Body=b"x")
    for _ in range(2):
        assert f"writes to s3://{bucket}/{prefix} are allowed" in list(case.kind.unfence(case.context()))
    assert policy_of(s3, bucket) == before
    writer.put_object(Bucket=bucket, Key=f"{prefix}late", Body=b"x")


def test_fences_in_one_bucket_and_policies_of_others_do_not_touch_each_other(fraud_world: FraudWorld) -> None:
    dataset, features = ready(fraud_world, "s3-dataset"), ready(fraud_world, "feature-store")
    fraud_world.sandbox.control.heal()
    s3, bucket = fraud_world.outsider("s3", HOME), f"fraud-data-{HOME}"
    theirs = {"Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
              "Resource": f"arn:aws:s3:::{bucket}/private/*"}  # fmt: skip
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": theirs}))
    for case in (dataset, features):
        list(case.kind.fence(case.context()))
    list(dataset.kind.unfence(dataset.context()))
    first, second = policy_of(s3, bucket)
    assert (first, second["Resource"]) == (theirs, f"arn:aws:s3:::{bucket}/features/offline/*")
    list(features.kind.unfence(features.context()))
    assert policy_of(s3, bucket) == [theirs]
    s3.delete_bucket_policy(Bucket=bucket)


def test_a_fence_that_another_role_of_ours_has_set_does_not_stop_a_failback(fraud_world: FraudWorld) -> None:
    case = ready(fraud_world, "s3-dataset")
    fraud_world.sandbox.control.heal()
    s3 = fraud_world.outsider("s3")
    statement = {"Sid": "RecoveryOpsFence" + hashlib.sha256(b"training/").hexdigest()[:8], "Effect": "Deny",
                 "Principal": "*", "Action": ["s3:PutObject", "s3:DeleteObject"],
                 "Resource": f"arn:aws:s3:::{DATA}/training/*",
                 "Condition": {"ArnNotLike": {"aws:PrincipalArn": PERSON}}}  # fmt: skip
    s3.delete_object(Bucket=DATA, Key=OBJECT)
    s3.put_bucket_policy(Bucket=DATA, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    with pytest.raises(ClientError, match="explicit deny"):
        s3.put_object(Bucket=DATA, Key=OBJECT, Body=b"x")
    case.recover()
    (fence,) = policy_of(s3, DATA)
    assert PERSON in fence["Condition"]["ArnNotLike"]["aws:PrincipalArn"]
    s3.put_object(Bucket=DATA, Key="training/ours", Body=b"x")
    with pytest.raises(ClientError, match="explicit deny"):
        stranger(fraud_world, TARGET).put_object(Bucket=DATA, Key=OBJECT, Body=b"x")
    s3.delete_bucket_policy(Bucket=DATA)


def stranger(world: FraudWorld, region: str = HOME) -> Any:
    """Return S3 as a writer with a role of its own sees it."""
    role = world.outsider("iam").get_role(RoleName=ROLE)["Role"]["Arn"]
    keys = world.outsider("sts").assume_role(RoleArn=role, RoleSessionName="writer")["Credentials"]
    make: Any = boto3.client
    return make(
        "s3",
        region_name=region,
        endpoint_url=world.sandbox.base_url,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
        config=Config(user_agent_extra="recovery-ops-test/1", s3={"addressing_style": "path"}),
    )


def policy_of(s3: Any, bucket: str) -> list[Any]:
    try:
        stated = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    except ClientError:
        return []
    return stated if isinstance(stated, list) else [stated]
