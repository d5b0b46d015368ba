"""What S3 refuses: damaged uploads, shortened locks, expired addresses, failed conditions, and what is not modelled."""

import base64
import hashlib
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, FlexibleChecksumError
from sandbox_clients import HOME, RECOVERY, Aws

from recovery_ops.errors import RequestError
from recovery_ops.sandbox.control import Control

pytestmark = pytest.mark.sandbox


def refused(call: Callable[..., Any], **options: Any) -> tuple[str, int]:
    """Return code and status of the error that ``call`` ends with."""
    with pytest.raises(ClientError) as error:
        call(**options)
    return error.value.response["Error"]["Code"], error.value.response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.fixture
def s3(aws: Aws) -> Any:
    return aws.client("s3")


@pytest.fixture
def bucket(aws: Aws) -> str:
    return aws.bucket()


def in_days(days: int) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)


# What arrives damaged ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA1", "CRC32"])
def test_a_body_that_is_not_what_its_checksum_says_is_refused(s3: Any, bucket: str, algorithm: str) -> None:
    wrong = {
        f"Checksum{algorithm}": base64.b64encode(bytes({"SHA256": 32, "SHA1": 20, "CRC32": 4}[algorithm])).decode()
    }
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"data", **wrong) == ("BadDigest", 400)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_a_body_that_is_not_what_its_md5_says_is_refused(s3: Any, bucket: str) -> None:
    right, wrong = (base64.b64encode(hashlib.md5(body).digest()).decode() for body in (b"data", b"other"))
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"data", ContentMD5=wrong) == ("BadDigest", 400)
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", ContentMD5=right)


def test_a_damaged_part_is_refused(s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    wrong = base64.b64encode(bytes(32)).decode()
    options = {"Bucket": bucket, "Key": "k", "UploadId": upload, "PartNumber": 1, "Body": b"data"}
    assert refused(s3.upload_part, **options, ChecksumSHA256=wrong) == ("BadDigest", 400)


@pytest.mark.parametrize(("trailer", "status"), [("crc32", 200), ("wrong", 400)])
def test_a_chunked_body_is_checked_against_its_trailer(aws: Aws, bucket: str, trailer: str, status: int) -> None:
    claim = {"crc32": "rfPzYw==", "wrong": "AAAAAA=="}[trailer]
    body = f"4\r\ndata\r\n0\r\nx-amz-checksum-crc32:{claim}\r\n\r\n".encode()
    headers = {"Content-Encoding": "aws-chunked", "x-amz-trailer": "x-amz-checksum-crc32"}
    headers |= {"x-amz-sdk-checksum-algorithm": "CRC32", "x-amz-decoded-content-length": "4"}
    headers |= {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "Authorization": signature("s3")}
    assert http("PUT", f"{aws.base_url}/{bucket}/k", body, headers) == status


def signature(service: str, region: str = HOME) -> str:
    return f"AWS4-HMAC-SHA256 Credential=a/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"


def http(method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers or {}, method=method)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_damaged_bytes_are_found_by_a_client_that_checks(s3: Any, bucket: str, control: Control) -> None:
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"right")["VersionId"]
    before = s3.head_object(Bucket=bucket, Key="k")
    control.damage("s3-object", bucket=bucket, key="k", version_id=version, body=base64.b64encode(b"wrong").decode())
    assert s3.head_object(Bucket=bucket, Key="k")["ETag"] == before["ETag"]
    with pytest.raises(FlexibleChecksumError):
        s3.get_object(Bucket=bucket, Key="k")["Body"].read()


def test_a_version_can_be_lost_in_spite_of_its_lock(aws: Aws, s3: Any, control: Control) -> None:
    bucket = aws.bucket(lock=True)
    until = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": in_days(1)}
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"x", **until)["VersionId"]
    control.damage("s3-version", bucket=bucket, key="k", version_id=version)
    assert refused(s3.get_object, Bucket=bucket, Key="k", VersionId=version) == ("NoSuchVersion", 404)


def test_damage_to_what_is_not_there_is_refused(control: Control) -> None:
    with pytest.raises(RequestError, match="bucket 'nowhere' has no object 'k' in version newest"):
        control.damage("s3-object", bucket="nowhere", key="k")


# Object lock ------------------------------------------------------------------------------------------------------


@pytest.fixture
def locked(aws: Aws, s3: Any) -> dict[str, Any]:
    """An object version under compliance for ten days."""
    bucket = aws.bucket(lock=True)
    until = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": in_days(10)}
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"x", **until)["VersionId"]
    return {"Bucket": bucket, "Key": "k", "VersionId": version}


@pytest.mark.parametrize(("mode", "days"), [("COMPLIANCE", 1), ("GOVERNANCE", 20)])
def test_compliance_is_neither_shortened_nor_weakened(s3: Any, locked: dict[str, Any], mode: str, days: int) -> None:
    retention = {"Mode": mode, "RetainUntilDate": in_days(days)}
    for bypass in (False, True):
        options = {**locked, "Retention": retention, "BypassGovernanceRetention": bypass}
        assert refused(s3.put_object_retention, **options) == ("AccessDenied", 403)
    assert refused(s3.delete_object, **locked, BypassGovernanceRetention=True) == ("AccessDenied", 403)


def test_compliance_can_be_made_longer_and_read(s3: Any, locked: dict[str, Any]) -> None:
    longer = {"Mode": "COMPLIANCE", "RetainUntilDate": in_days(30)}
    s3.put_object_retention(**locked, Retention=longer)
    assert s3.get_object_retention(**locked)["Retention"] == longer


def test_governance_yields_to_the_bypass_only(aws: Aws, s3: Any) -> None:
    bucket = aws.bucket(lock=True)
    until = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": in_days(10)}
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"x", **until)["VersionId"]
    what = {"Bucket": bucket, "Key": "k", "VersionId": version}
    shorter = {"Mode": "GOVERNANCE", "RetainUntilDate": in_days(1)}
    assert refused(s3.put_object_retention, **what, Retention=shorter) == ("AccessDenied", 403)
    s3.put_object_retention(**what, Retention=shorter, BypassGovernanceRetention=True)


def test_the_default_retention_of_a_bucket_is_that_of_its_objects_and_can_be_read(aws: Aws, s3: Any) -> None:
    bucket = aws.bucket(lock=True)
    default = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 7}}}
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=default)
    for key in ("put", "parts"):
        version = put(s3, bucket, key)
        retention = s3.get_object_retention(Bucket=bucket, Key=key)["Retention"]
        assert retention["Mode"] == "COMPLIANCE"
        assert abs(retention["RetainUntilDate"] - in_days(7)) < timedelta(minutes=1)
        assert refused(s3.delete_object, Bucket=bucket, Key=key, VersionId=version) == ("AccessDenied", 403)


def put(s3: Any, bucket: str, key: str) -> str:
    if key != "parts":
        return str(s3.put_object(Bucket=bucket, Key=key, Body=b"x")["VersionId"])
    where = {"Bucket": bucket, "Key": key}
    where["UploadId"] = s3.create_multipart_upload(**where)["UploadId"]
    etag = s3.upload_part(**where, PartNumber=1, Body=b"x")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    return str(s3.complete_multipart_upload(**where, MultipartUpload=parts)["VersionId"])


def test_versioning_of_a_locked_bucket_cannot_be_suspended(aws: Aws, s3: Any) -> None:
    suspended = {"Status": "Suspended"}
    options = {"Bucket": aws.bucket(lock=True), "VersioningConfiguration": suspended}
    assert refused(s3.put_bucket_versioning, **options)[0] == "InvalidBucketState"


def test_an_object_without_retention_says_so(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert refused(s3.get_object_retention, Bucket=bucket, Key="k")[0] == "NoSuchObjectLockConfiguration"


# Conditions and addresses -----------------------------------------------------------------------------------------


def test_of_two_that_create_one_key_one_wins(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"first", IfNoneMatch="*")
    again = {"Bucket": bucket, "Key": "k", "Body": b"second", "IfNoneMatch": "*"}
    assert refused(s3.put_object, **again) == ("PreconditionFailed", 412)


def test_a_copy_is_refused_when_its_source_is_not_what_was_expected(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="a", Body=b"first")["ETag"]
    version = s3.put_object(Bucket=bucket, Key="a", Body=b"second")["VersionId"]
    source = {"CopySource": {"Bucket": bucket, "Key": "a"}, "Bucket": bucket, "Key": "b"}
    assert refused(s3.copy_object, **source, CopySourceIfMatch=etag) == ("PreconditionFailed", 412)
    source["CopySource"]["VersionId"] = version
    current = s3.head_object(Bucket=bucket, Key="a")["ETag"]
    s3.copy_object(**source, CopySourceIfMatch=current, IfNoneMatch="*")
    assert refused(s3.copy_object, **source, IfNoneMatch="*") == ("PreconditionFailed", 412)


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_address_expires(aws: Aws, bucket: str, version: str) -> None:
    s3 = aws.client("s3", signature_version=version)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    fresh, stale = (
        s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=seconds)
        for seconds in (60, -60)
    )
    assert (http("GET", fresh), http("GET", stale)) == (200, 403)


# What is not modelled ---------------------------------------------------------------------------------------------


def test_what_s3_would_do_and_the_sandbox_does_not_is_refused_at_once(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    attempts: list[tuple[Callable[..., Any], dict[str, Any]]] = [
        (s3.rename_object, {"Key": "new", "RenameSource": f"{bucket}/k"}),
        (s3.put_bucket_metrics_configuration, {"Id": "m", "MetricsConfiguration": {"Id": "m"}}),
        (s3.get_bucket_lifecycle_configuration, {}),
        (s3.get_object_torrent, {"Key": "k"}),
    ]
    for call, options in attempts:
        assert refused(call, Bucket=bucket, **options) == ("NotImplemented", 501)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1


def test_a_sub_resource_that_nobody_knows_is_not_taken_for_the_plain_verb(aws: Aws, bucket: str) -> None:
    url = f"{aws.base_url}/{bucket}/k?sparkle"
    assert http("PUT", url, b"x", {"Authorization": signature("s3")}) == 501


def test_services_regions_and_operations_that_are_not_modelled_are_refused_without_a_repeat(aws: Aws) -> None:
    plenty = {"retries": {"total_max_attempts": 5}}
    attempts = [
        lambda: aws.client("kms", RECOVERY, **plenty).list_keys(),
        lambda: aws.client("eks", RECOVERY, **plenty).list_clusters(),
        lambda: aws.client("s3", "ap-south-1", **plenty).list_buckets(),
        lambda: aws.client("sagemaker", RECOVERY, **plenty).list_apps(),
        lambda: aws.client("apigateway", RECOVERY, **plenty).get_sdk_types(),
    ]
    for attempt in attempts:
        with pytest.raises(ClientError) as error:
            attempt()
        answer = error.value.response
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 501
        assert answer["ResponseMetadata"]["RetryAttempts"] == 0
        assert answer["Error"]["Code"] == "NotImplemented"


def test_a_service_that_nobody_knows_is_refused_too(aws: Aws) -> None:
    assert http("GET", f"{aws.base_url}/anything", None, {"Authorization": signature("sparkle")}) == 501


def test_the_api_of_moto_itself_is_closed(aws: Aws) -> None:
    assert http("POST", f"{aws.base_url}/moto-api/reset") == 403


def test_listing_versions_does_not_hold_on_to_the_bytes(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 1000)
    for _ in range(3):
        (listed,) = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert (listed["Size"], listed["ETag"]) == (1000, s3.head_object(Bucket=bucket, Key="k")["ETag"])
    assert len(s3.get_object(Bucket=bucket, Key="k")["Body"].read()) == 1000
