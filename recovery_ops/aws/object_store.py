"""The record's object store on S3: writes that never overwrite, by S3's own conditional requests."""

from typing import Any

from recovery_ops.aws.calls import unguarded
from recovery_ops.aws.clients import client
from recovery_ops.aws.translate import aws_errors, found, refused_as
from recovery_ops.record.store import KeyChangedError, KeyExistsError

TAKEN = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
CHANGED = (*TAKEN, "NoSuchKey", "404")


def open_store(bucket: str, region: str, *, suspect: bool = False) -> "S3ObjectStore":
    """Return the store in ``bucket`` of ``region``; nothing is called yet. ``suspect`` asks only briefly."""
    return S3ObjectStore(bucket=bucket, region=region, suspect=suspect)


class S3ObjectStore:
    """``recovery_ops.record.store.ObjectStore`` on a versioned bucket, ideally with object lock."""

    def __init__(self, *, bucket: str, region: str, suspect: bool = False) -> None:
        self.bucket = bucket
        self.region = region
        self.suspect = suspect

    def _s3(self) -> Any:
        return client("s3", self.region, suspect=self.suspect)

    def put_new(self, key: str, body: bytes) -> str:
        """Write ``key`` unless it exists; return its ETag.

        Raises:
            KeyExistsError: Somebody wrote it before; nothing was changed.
            StepInterruptedError: S3 did not answer; whether it was written is not known, and repeating is safe.
        """
        with (
            unguarded(),
            aws_errors(f"write s3://{self.bucket}/{key}", region=self.region),
            refused_as(KeyExistsError, *TAKEN, what=f"s3://{self.bucket}/{key} exists already"),
        ):
            answer = self._s3().put_object(Bucket=self.bucket, Key=key, Body=body, IfNoneMatch="*")
        return str(answer["ETag"])

    def replace(self, key: str, body: bytes, etag: str) -> str:
        """Write ``key`` if it still has ``etag``; return the new ETag.

        Raises:
            KeyChangedError: Somebody changed or removed it since; nothing was changed.
        """
        with (
            unguarded(),
            aws_errors(f"replace s3://{self.bucket}/{key}", region=self.region),
            refused_as(KeyChangedError, *CHANGED, what=f"s3://{self.bucket}/{key} was changed by somebody else"),
        ):
            answer = self._s3().put_object(Bucket=self.bucket, Key=key, Body=body, IfMatch=etag)
        return str(answer["ETag"])

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Return content and ETag, or ``None`` when the key does not exist."""
        with aws_errors(f"read s3://{self.bucket}/{key}", region=self.region):
            answer = found(lambda: self._s3().get_object(Bucket=self.bucket, Key=key))
            return None if answer is None else (answer["Body"].read(), str(answer["ETag"]))

    def list(self, prefix: str) -> list[str]:
        """Return every key under ``prefix``, sorted."""
        with aws_errors(f"list s3://{self.bucket}/{prefix}", region=self.region):
            pages = self._s3().get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            return sorted(item["Key"] for page in pages for item in page.get("Contents", []))

    def delete(self, key: str, etag: str) -> None:
        """Remove ``key`` if it still has ``etag``.

        Raises:
            KeyChangedError: Somebody changed it since; nothing was changed.
        """
        with (
            unguarded(),
            aws_errors(f"delete s3://{self.bucket}/{key}", region=self.region),
            refused_as(KeyChangedError, *TAKEN, what=f"s3://{self.bucket}/{key} was changed by somebody else"),
        ):
            self._s3().delete_object(Bucket=self.bucket, Key=key, IfMatch=etag)
