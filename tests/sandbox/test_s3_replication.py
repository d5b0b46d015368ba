"""S3 replication between regions: later, in order, as the same versions, and kept over an outage."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from sandbox_clients import HOME, RECOVERY, THIRD, Aws, eventually

from recovery_ops.sandbox.control import Control

pytestmark = pytest.mark.sandbox
ROLE = "arn:aws:iam::123456789012:role/replication"


def rule(target: str, *, prefix: str = "", markers: str = "Enabled", **more: Any) -> dict[str, Any]:
    return {
        "ID": f"to-{target}",
        "Status": "Enabled",
        "Priority": 1,
        "Filter": {"Prefix": prefix},
        "DeleteMarkerReplication": {"Status": markers},
        "Destination": {"Bucket": f"arn:aws:s3:::{target}"},
        **more,
    }


class Pair:
    """Two buckets, the first replicated to the second."""

    def __init__(self, aws: Aws, *, lock: bool = False, **options: Any) -> None:
        self.home, self.there = aws.client("s3", HOME), aws.client("s3", RECOVERY)
        self.source, self.target = aws.bucket(HOME, lock=lock), aws.bucket(RECOVERY, lock=lock)
        self.replicate(self.source, rule(self.target, **options))

    def replicate(self, bucket: str, *rules: dict[str, Any]) -> None:
        configuration = {"Role": ROLE, "Rules": list(rules)}
        self.home.put_bucket_replication(Bucket=bucket, ReplicationConfiguration=configuration)

    def put(self, key: str, body: bytes = b"data", **options: Any) -> str:
        return str(self.home.put_object(Bucket=self.source, Key=key, Body=body, **options)["VersionId"])

    def arrived(self, key: str, version: str) -> dict[str, Any]:
        """Wait for the replica and return its head."""
        return eventually(lambda: self.head(key, version))

    def head(self, key: str, version: str) -> dict[str, Any] | None:
        try:
            return dict(self.there.head_object(Bucket=self.target, Key=key, VersionId=version, ChecksumMode="ENABLED"))
        except ClientError:
            return None

    def status(self, key: str) -> str:
        return str(self.home.head_object(Bucket=self.source, Key=key).get("ReplicationStatus"))


@pytest.fixture
def pair(aws: Aws) -> Pair:
    return Pair(aws)


def test_a_replica_is_the_same_version_with_all_that_belongs_to_it(pair: Pair) -> None:
    version = pair.put("k", Metadata={"Owner": "ml"}, Tagging="stage=prod", ChecksumAlgorithm="SHA256")
    replica = pair.arrived("k", version)
    source = pair.home.head_object(Bucket=pair.source, Key="k", ChecksumMode="ENABLED")
    same = ("ETag", "Metadata", "ContentLength", "ChecksumSHA256", "LastModified", "ContentType")
    assert {name: replica[name] for name in same} == {name: source[name] for name in same}
    assert replica["ReplicationStatus"] == "REPLICA"
    tags = pair.there.get_object_tagging(Bucket=pair.target, Key="k")["TagSet"]
    assert tags == [{"Key": "stage", "Value": "prod"}]
    assert eventually(lambda: pair.status("k") == "COMPLETED")


def test_an_object_is_pending_until_it_has_arrived(pair: Pair, control: Control) -> None:
    control.replication(HOME, RECOVERY, paused=True)
    version = pair.put("k")
    assert pair.status("k") == "PENDING"
    assert control.status()["replication"]["pending"] >= 1
    control.replication(HOME, RECOVERY, paused=False)
    pair.arrived("k", version)


@pytest.mark.parametrize("dead", [HOME, RECOVERY])
def test_an_outage_of_either_end_keeps_the_queue_and_its_end_delivers_it(
    pair: Pair, control: Control, dead: str
) -> None:
    control.replication(HOME, RECOVERY, paused=True)
    version = pair.put("k")
    control.fault(dead, "reset", callers="")
    control.replication(HOME, RECOVERY, paused=False)
    third_round = eventually(lambda: control.status()["replication"]["oldest_age_s"] > 0.3)
    assert third_round
    control.heal(dead)
    pair.arrived("k", version)


def test_versions_of_a_key_arrive_in_order(pair: Pair) -> None:
    versions = [pair.put("k", str(number).encode()) for number in range(5)]
    pair.arrived("k", versions[-1])
    assert pair.there.get_object(Bucket=pair.target, Key="k")["Body"].read() == b"4"
    listed = pair.there.list_object_versions(Bucket=pair.target)["Versions"]
    assert {version["VersionId"] for version in listed} == set(versions)


def test_only_keys_under_the_prefix_are_copied(aws: Aws) -> None:
    pair = Pair(aws, prefix="models/")
    pair.put("other/x")
    pair.arrived("models/x", pair.put("models/x"))
    assert pair.there.list_objects_v2(Bucket=pair.target)["KeyCount"] == 1
    assert pair.status("other/x") == "None"


@pytest.mark.parametrize(("markers", "hidden"), [("Enabled", True), ("Disabled", False)])
def test_delete_markers_travel_where_the_rule_says_so(aws: Aws, markers: str, hidden: bool) -> None:
    pair = Pair(aws, markers=markers)
    pair.arrived("k", pair.put("k"))
    marker = pair.home.delete_object(Bucket=pair.source, Key="k")["VersionId"]
    after = pair.put("later")
    pair.arrived("later", after)
    there = pair.there.list_object_versions(Bucket=pair.target, Prefix="k").get("DeleteMarkers", [])
    assert [found["VersionId"] for found in there] == ([marker] if hidden else [])


def test_a_version_deleted_for_good_stays_in_the_other_region(pair: Pair) -> None:
    version = pair.put("k")
    pair.arrived("k", version)
    pair.home.delete_object(Bucket=pair.source, Key="k", VersionId=version)
    pair.arrived("later", pair.put("later"))
    assert pair.head("k", version)


def test_what_was_replicated_is_not_replicated_on(pair: Pair, aws: Aws) -> None:
    onward = aws.bucket(THIRD)
    pair.replicate(pair.target, rule(onward))
    pair.arrived("k", pair.put("k"))
    native = pair.there.put_object(Bucket=pair.target, Key="native", Body=b"x")["VersionId"]
    third = aws.client("s3", THIRD)
    eventually(lambda: third.list_objects_v2(Bucket=onward)["KeyCount"])
    listed = third.list_object_versions(Bucket=onward)["Versions"]
    assert [(version["Key"], version["VersionId"]) for version in listed] == [("native", native)]


def test_two_regions_that_replicate_to_each_other_agree_on_the_newest_version(pair: Pair, control: Control) -> None:
    pair.replicate(pair.target, rule(pair.source))
    for direction in ((HOME, RECOVERY), (RECOVERY, HOME)):
        control.replication(*direction, paused=True)
    older = pair.put("k", b"older")
    newer = pair.there.put_object(Bucket=pair.target, Key="k", Body=b"newer")["VersionId"]
    for direction in ((HOME, RECOVERY), (RECOVERY, HOME)):
        control.replication(*direction, paused=False)
    pair.arrived("k", older)
    eventually(lambda: pair.home.head_object(Bucket=pair.source, Key="k")["VersionId"] == newer)
    assert pair.there.get_object(Bucket=pair.target, Key="k")["Body"].read() == b"newer"


def test_tags_put_later_follow(pair: Pair) -> None:
    pair.arrived("k", pair.put("k"))
    eventually(lambda: pair.status("k") == "COMPLETED")
    pair.home.put_object_tagging(Bucket=pair.source, Key="k", Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    eventually(lambda: pair.there.get_object_tagging(Bucket=pair.target, Key="k")["TagSet"])


def test_the_rules_are_shown_as_they_were_put(aws: Aws) -> None:
    pair = Pair(aws, prefix="models/", markers="Disabled")
    shown = pair.home.get_bucket_replication(Bucket=pair.source)["ReplicationConfiguration"]["Rules"]
    assert shown == [rule(pair.target, prefix="models/", markers="Disabled")]


@pytest.mark.parametrize("target", ["nowhere-at-all", "unversioned"])
def test_a_destination_that_cannot_take_versions_is_refused(aws: Aws, pair: Pair, target: str) -> None:
    name = aws.bucket(RECOVERY, versioned=False) if target == "unversioned" else target
    with pytest.raises(ClientError, match="Destination bucket must") as refused:
        pair.replicate(pair.source, rule(name))
    assert refused.value.response["Error"]["Code"] == "InvalidRequest"


def test_rules_that_are_not_modelled_are_refused_and_not_ignored(pair: Pair) -> None:
    by_tag = {**rule(pair.target), "Filter": {"Tag": {"Key": "a", "Value": "b"}}}
    with pytest.raises(ClientError, match="filter by tag") as refused:
        pair.replicate(pair.source, by_tag)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_completed_uploads_in_parts_are_replicated(pair: Pair) -> None:
    upload = pair.home.create_multipart_upload(Bucket=pair.source, Key="big")["UploadId"]
    where = {"Bucket": pair.source, "Key": "big", "UploadId": upload}
    parts = [
        {"PartNumber": number, "ETag": pair.home.upload_part(**where, PartNumber=number, Body=body)["ETag"]}
        for number, body in ((1, b"a" * 5 * 1024 * 1024), (2, b"b"))
    ]
    done = pair.home.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    replica = pair.arrived("big", done["VersionId"])
    assert replica["ETag"] == done["ETag"]
    body = pair.there.get_object(Bucket=pair.target, Key="big", Range="bytes=5242879-5242880")["Body"].read()
    assert body == b"ab"


def test_a_locked_object_is_locked_in_the_other_region_too(aws: Aws) -> None:
    pair = Pair(aws, lock=True)
    until = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": "2999-01-01T00:00:00Z"}
    version = pair.put("k", **until)
    assert pair.arrived("k", version)["ObjectLockMode"] == "COMPLIANCE"
    with pytest.raises(ClientError, match="AccessDenied"):
        pair.there.delete_object(Bucket=pair.target, Key="k", VersionId=version)
