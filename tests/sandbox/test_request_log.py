"""The request log: every request to AWS, answered or refused, with who sent it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from sandbox_clients import HOME, RECOVERY, Aws, eventually

from recovery_ops.sandbox.control import Control

pytestmark = pytest.mark.sandbox
Logged = Callable[[str], list[dict[str, Any]]]


def facts(entries: list[dict[str, Any]]) -> list[tuple[str, str, str, int]]:
    return [(entry["region"], entry["service"], entry["operation"], entry["status"]) for entry in entries]


def test_an_entry_names_region_service_operation_status_and_caller(aws: Aws, logged: Logged) -> None:
    caller = "recovery-ops/0.1 run/r-names step/data.rehydrate"
    aws.client("ssm", RECOVERY, caller=caller).describe_parameters()
    (entry,) = logged(caller)
    assert set(entry) == {"at", "region", "service", "operation", "status", "caller"}
    assert facts([entry]) == [(RECOVERY, "ssm", "DescribeParameters", 200)]
    assert abs(datetime.fromisoformat(entry["at"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert entry["at"].endswith("Z")


@pytest.mark.parametrize(("mode", "status"), [("reset", 0), ("hang", 0), ("503", 503), ("throttle", 400)], ids=str)
def test_refused_requests_are_logged_too(aws: Aws, control: Control, logged: Logged, mode: str, status: int) -> None:
    caller = f"recovery-ops/0.1 run/r-{mode} step/x.fence"
    control.fault(HOME, mode)
    with pytest.raises((ClientError, BotoCoreError)):
        aws.client("ssm", HOME, caller=caller, read_timeout=0.3).describe_parameters()
    assert facts(logged(caller)) == [(HOME, "ssm", "DescribeParameters", status)]


def test_what_is_not_modelled_is_logged_with_501(aws: Aws, logged: Logged) -> None:
    caller = "recovery-ops/0.1 run/r-501"
    with pytest.raises(ClientError):
        aws.client("kms", RECOVERY, caller=caller).list_keys()
    assert facts(logged(caller)) == [(RECOVERY, "kms", "ListKeys", 501)]


def test_s3_requests_are_named_by_what_they_do(aws: Aws, logged: Logged) -> None:
    caller, bucket = "recovery-ops/0.1 run/r-s3", aws.bucket(RECOVERY, lock=True)
    s3 = aws.client("s3", HOME, caller=caller)
    what = {"Bucket": bucket, "Key": "folder/k"}
    s3.put_object(**what, Body=b"x")
    s3.copy_object(**what, CopySource=what, MetadataDirective="REPLACE")
    until = {"Mode": "GOVERNANCE", "RetainUntilDate": datetime(2999, 1, 1, tzinfo=UTC)}
    s3.put_object_retention(**what, Retention=until)
    s3.get_object(**what)
    s3.head_object(**what)
    s3.list_objects_v2(Bucket=bucket)
    s3.list_object_versions(Bucket=bucket)
    upload = s3.create_multipart_upload(**what)["UploadId"]
    s3.upload_part(**what, UploadId=upload, PartNumber=1, Body=b"x")
    s3.abort_multipart_upload(**what, UploadId=upload)
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "folder/k"}]})
    s3.list_buckets()
    operations = ["PutObject", "CopyObject", "PutObjectRetention", "GetObject", "HeadObject", "ListObjectsV2"]
    operations += ["ListObjectVersions", "CreateMultipartUpload", "UploadPart", "AbortMultipartUpload", "DeleteObjects"]
    assert [entry["operation"] for entry in logged(caller)] == [*operations, "ListBuckets"]
    assert [entry["region"] for entry in logged(caller)] == [RECOVERY] * len(operations) + [HOME]


def test_a_copy_between_regions_counts_for_both(aws: Aws, logged: Logged) -> None:
    caller, home, there = "recovery-ops/0.1 run/r-copy", aws.bucket(HOME), aws.bucket(RECOVERY)
    aws.client("s3", HOME).put_object(Bucket=home, Key="k", Body=b"x")
    s3 = aws.client("s3", RECOVERY, caller=caller)
    s3.copy_object(Bucket=there, Key="k", CopySource={"Bucket": home, "Key": "k"})
    assert facts(logged(caller)) == [(RECOVERY, "s3", "CopyObject", 200), (HOME, "s3", "CopyObject", 200)]


def test_every_protocol_gives_up_its_operation(aws: Aws, logged: Logged) -> None:
    caller = "recovery-ops/0.1 run/r-protocols"
    calls: list[tuple[str, str, dict[str, Any], str]] = [
        ("dynamodb", "list_tables", {}, "ListTables"),
        ("cloudformation", "list_stacks", {}, "ListStacks"),
        ("cloudwatch", "list_metrics", {}, "ListMetrics"),
        ("ec2", "describe_subnets", {}, "DescribeSubnets"),
        ("apigateway", "get_rest_apis", {}, "GetRestApis"),
        ("sts", "get_caller_identity", {}, "GetCallerIdentity"),
        (
            "application-autoscaling",
            "describe_scaling_policies",
            {"ServiceNamespace": "sagemaker"},
            "DescribeScalingPolicies",
        ),
    ]
    for service, call, options, _ in calls:
        getattr(aws.client(service, RECOVERY, caller=caller), call)(**options)
    expected = [(RECOVERY, service, operation, 200) for service, _, _, operation in calls]
    assert facts(logged(caller)) == expected


def test_services_without_a_region_are_logged_as_global(aws: Aws, logged: Logged) -> None:
    caller = "recovery-ops/0.1 run/r-global"
    aws.client("route53", HOME, caller=caller).list_hosted_zones()
    aws.client("iam", RECOVERY, caller=caller).list_roles()
    assert facts(logged(caller)) == [
        ("global", "route53", "ListHostedZones", 200),
        ("global", "iam", "ListRoles", 200),
    ]


def test_a_client_that_leaves_a_hanging_request_is_let_go(aws: Aws, control: Control) -> None:
    control.fault(HOME, "hang")
    with pytest.raises(BotoCoreError):
        aws.client("ssm", HOME, read_timeout=0.2).describe_parameters()
    control.heal()
    eventually(lambda: aws.client("ssm", HOME).describe_parameters())
