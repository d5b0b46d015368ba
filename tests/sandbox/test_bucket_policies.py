"""Bucket policies that deny: whom, what, and that replication has permissions of its own."""

import itertools
import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from sandbox_clients import HOME, RECOVERY, Aws, eventually

pytestmark = pytest.mark.sandbox
_numbers = itertools.count()


def policy(bucket: str, *actions: str, **more: Any) -> str:
    statement = {"Effect": "Deny", "Principal": "*", "Action": list(actions), "Resource": f"arn:aws:s3:::{bucket}/in/*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement | more]})


def role(aws: Aws) -> str:
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    made = aws.client("iam").create_role(RoleName=f"writer-{next(_numbers)}", AssumeRolePolicyDocument=trust)
    return str(made["Role"]["Arn"])


def as_role(aws: Aws, arn: str) -> Any:
    keys = aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="writer")["Credentials"]
    return boto3.client(
        "s3",
        region_name=HOME,
        endpoint_url=aws.base_url,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


def denied(call: Callable[..., Any], **options: Any) -> bool:
    try:
        call(**options)
    except ClientError as error:
        answer = error.response
        told = (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"])
        return told == ("AccessDenied", 403) and "explicit deny" in answer["Error"]["Message"]
    return False


def test_writes_under_a_prefix_are_denied_and_nothing_else(aws: Aws) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    for key in ("in/k", "out/k"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(bucket, "s3:PutObject", "s3:DeleteObject"))
    what = {"Bucket": bucket, "Key": "in/k"}
    assert denied(s3.put_object, **what, Body=b"y")
    assert denied(s3.copy_object, **what, CopySource={"Bucket": bucket, "Key": "out/k"})
    assert denied(s3.create_multipart_upload, **what)
    assert denied(s3.delete_object, **what)
    assert s3.get_object(**what)["Body"].read() == b"x"
    s3.put_object_tagging(**what, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    several = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "in/k"}, {"Key": "out/k"}]})
    assert [item["Key"] for item in several["Deleted"]] == ["out/k"]
    assert [(item["Key"], item["Code"]) for item in several["Errors"]] == [("in/k", "AccessDenied")]
    s3.delete_bucket_policy(Bucket=bucket)
    assert not denied(s3.put_object, **what, Body=b"y")


def test_a_role_is_known_by_its_own_arn_in_a_condition(aws: Aws) -> None:
    spared, other = role(aws), role(aws)
    s3, bucket = aws.client("s3"), aws.bucket()
    condition = {"ArnNotLike": {"aws:PrincipalArn": [spared]}}
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(bucket, "s3:PutObject", Condition=condition))
    what = {"Bucket": bucket, "Key": "in/k", "Body": b"x"}
    assert [denied(as_role(aws, arn).put_object, **what) for arn in (spared, other)] == [False, True]
    assert denied(s3.put_object, **what)


@pytest.mark.parametrize(("action", "arrives"), [("s3:PutObject", True), ("s3:ReplicateObject", False)])
def test_replication_is_denied_by_its_own_action_only(aws: Aws, action: str, arrives: bool) -> None:
    home, away = aws.client("s3"), aws.client("s3", RECOVERY)
    source, target = aws.bucket(), aws.bucket(RECOVERY)
    rule = {"ID": "r", "Priority": 1, "Status": "Enabled", "Filter": {"Prefix": ""}}
    rule |= {"DeleteMarkerReplication": {"Status": "Enabled"}, "Destination": {"Bucket": f"arn:aws:s3:::{target}"}}
    home.put_bucket_replication(Bucket=source, ReplicationConfiguration={"Role": role(aws), "Rules": [rule]})
    away.put_bucket_policy(Bucket=target, Policy=policy(target, action))
    home.put_object(Bucket=source, Key="in/k", Body=b"x")
    wanted = "COMPLETED" if arrives else "FAILED"
    eventually(lambda: home.head_object(Bucket=source, Key="in/k")["ReplicationStatus"] == wanted)
    assert away.list_objects_v2(Bucket=target)["KeyCount"] == int(arrives)


def test_what_is_not_understood_is_refused(aws: Aws) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    secure = {"Bool": {"aws:SecureTransport": "false"}}
    for document in (policy(bucket, "s3:*"), policy(bucket, "s3:PutObject", Condition=secure)):
        with pytest.raises(ClientError, match="does not model a bucket policy"):
            s3.put_bucket_policy(Bucket=bucket, Policy=document)
    with pytest.raises(ClientError, match="MalformedPolicy"):
        s3.put_bucket_policy(Bucket=bucket, Policy="{")
