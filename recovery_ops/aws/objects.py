"""S3 objects as recovery needs them: exact versions, checksums, and copies that prove themselves."""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from recovery_ops.aws.clients import client
from recovery_ops.aws.translate import aws_errors, found
from recovery_ops.model.points import ObjectVersion

WORKERS = 8

T = TypeVar("T")
R = TypeVar("R")


def in_threads(call: Any, items: Iterable[T]) -> list[Any]:
    """Call ``call(item)`` for every item in up to eight threads, each with the caller's context, in order."""
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        return [future.result() for future in [pool.submit(copy_context().run, call, item) for item in items]]


def sha256(body: bytes) -> str:
    """Return 64 hex digits."""
    return hashlib.sha256(body).hexdigest()


def read(bucket: str, key: str, region: str, *, version_id: str | None = None, limit: int = 2 << 30) -> bytes:
    """Return the content of an object, at most ``limit`` bytes.

    Raises:
        StepRejectedError: The object or version is not there, or may not be read.
        StepInterruptedError: S3 did not answer.
    """
    wanted = {"VersionId": version_id} if version_id else {}
    with aws_errors(f"read s3://{bucket}/{key}", region=region):
        answer = client("s3", region).get_object(Bucket=bucket, Key=key, **wanted)
        return bytes(answer["Body"].read(limit))


def exists(bucket: str, key: str, region: str, *, version_id: str | None = None) -> bool:
    """Return whether the object (in that exact version) is there."""
    return head(bucket, key, region, version_id=version_id) is not None


def head(bucket: str, key: str, region: str, *, version_id: str | None = None) -> dict[str, Any] | None:
    """Return HeadObject's answer, or ``None`` when the object or version is not there."""
    wanted = {"VersionId": version_id} if version_id else {}
    with aws_errors(f"look at s3://{bucket}/{key}", region=region):
        return found(lambda: dict(client("s3", region).head_object(Bucket=bucket, Key=key, **wanted)))


def stored_bytes(bucket: str, prefix: str, region: str) -> int:
    """Return the bytes of every version under ``prefix``, older ones too: what is paid for."""
    with aws_errors(f"list versions of s3://{bucket}/{prefix}", region=region):
        pages = client("s3", region).get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
        return sum(int(version["Size"]) for page in pages for version in page.get("Versions", []))


def latest_versions(bucket: str, prefix: str, region: str) -> Iterator[dict[str, Any]]:
    """Yield the newest version of every live object under ``prefix``: Key, VersionId, Size, LastModified, ETag."""
    with aws_errors(f"list s3://{bucket}/{prefix}", region=region):
        pages = client("s3", region).get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            yield from (version for version in page.get("Versions", []) if version["IsLatest"])


def pin(bucket_template: str, prefix: str, region: str) -> tuple[ObjectVersion, ...]:
    """Return the exact newest versions under ``prefix`` in ``region``, each read for its checksum, ordered by key."""
    bucket = bucket_template.format(region=region)

    def one(version: dict[str, Any]) -> ObjectVersion:
        body = read(bucket, version["Key"], region, version_id=version["VersionId"])
        return ObjectVersion(
            bucket=bucket_template,
            key=version["Key"],
            version_id=version["VersionId"],
            sha256=sha256(body),
            size=len(body),
        )

    return tuple(sorted(in_threads(one, latest_versions(bucket, prefix, region)), key=lambda item: item.key))


def pin_key(bucket_template: str, key: str, region: str) -> ObjectVersion:
    """Return the exact newest version of one object, read for its checksum.

    Raises:
        StepRejectedError: The object is not there, or may not be read.
    """
    bucket = bucket_template.format(region=region)
    with aws_errors(f"pin s3://{bucket}/{key}", region=region):
        answer = client("s3", region).get_object(Bucket=bucket, Key=key)
        body, version = bytes(answer["Body"].read()), str(answer["VersionId"])
    return ObjectVersion(bucket=bucket_template, key=key, version_id=version, sha256=sha256(body), size=len(body))


def content_problem(item: ObjectVersion, region: str, *, read_up_to: int | None = None) -> str | None:
    """Return why ``item`` cannot be trusted in ``region``: absent, or content that differs from its checksum.

    Objects larger than ``read_up_to`` bytes are judged by presence and size only; ``None`` reads everything.
    """
    bucket, version = item.bucket_in(region), item.version_id or None
    label = f"s3://{bucket}/{item.key}" + (f" version {version}" if version else "")
    seen = head(bucket, item.key, region, version_id=version)
    if seen is None:
        return f"{label} is not in {region}"
    if seen["ContentLength"] != item.size:
        return f"{label} has {seen['ContentLength']} bytes in {region}, not {item.size}"
    if read_up_to is not None and item.size > read_up_to:
        return None
    digest = sha256(read(bucket, item.key, region, version_id=version))
    if digest != item.sha256:
        return f"{label} has sha256 {digest[:12]}… in {region}, not {item.sha256[:12]}…"
    return None


def make_current(item: ObjectVersion, region: str) -> str:
    """Make the exact version the newest one of its key in ``region`` and return the version id that is current now.

    Copies the version onto its own key unless it is current already. Safe to repeat.
    """
    bucket = item.bucket_in(region)
    now = head(bucket, item.key, region)
    if now is not None and (now.get("VersionId") == item.version_id or _is_our_copy(now, item, region)):
        return str(now["VersionId"])
    source = {"Bucket": bucket, "Key": item.key, "VersionId": item.version_id}
    with aws_errors(f"restore s3://{bucket}/{item.key}", region=region):
        answer = client("s3", region).copy_object(
            Bucket=bucket,
            Key=item.key,
            CopySource=source,
            MetadataDirective="REPLACE",
            Metadata={"recovery-ops-sha256": item.sha256},
        )
    return str(answer["VersionId"])


def _is_our_copy(seen: dict[str, Any], item: ObjectVersion, region: str) -> bool:
    """Return whether what is current is a copy of an earlier attempt; its note is not believed, its bytes are."""
    if seen.get("Metadata", {}).get("recovery-ops-sha256") != item.sha256:
        return False
    return sha256(read(item.bucket_in(region), item.key, region, version_id=seen.get("VersionId"))) == item.sha256
