"""Where recovery points are kept: one bucket per region, written once, locked.

Layout: ``<system>/points/<point id>/<component>/<file>`` and, last, ``<system>/points/<point id>/manifest.json``. The
manifest is written to a region when everything it names is there, so a manifest says "complete in this region".
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from recovery_ops.aws.calls import unguarded
from recovery_ops.aws.clients import client
from recovery_ops.aws.objects import head, read, sha256
from recovery_ops.aws.translate import aws_errors, refused_as
from recovery_ops.errors import PointDamagedError, StepRejectedError
from recovery_ops.model.points import ConsistentPoint, ObjectVersion
from recovery_ops.model.system import System

MANIFEST = "manifest.json"
EXISTS = ("PreconditionFailed", "ConditionalRequestConflict", "412")


class _AlreadyThere(Exception):  # noqa: N818 - not an error: written by an earlier attempt
    """The key was written before; the first content of a written-once key is the one that counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """The recovery points of one system."""

    system: System

    def bucket(self, region: str) -> str:
        """Return the bucket that holds points in ``region``."""
        return self.system.point_bucket.format(region=region)

    def put(self, region: str, key: str, body: bytes, *, locked_until: datetime) -> bytes:
        """Write a key once, locked in compliance mode until ``locked_until`` (UTC). Safe to repeat.

        Returns:
            What the key holds: ``body``, or what an earlier attempt wrote.
        """
        bucket = self.bucket(region)
        with unguarded(), aws_errors(f"store s3://{bucket}/{key}", region=region):
            try:
                with refused_as(_AlreadyThere, *EXISTS, what=key):
                    client("s3", region).put_object(
                        Bucket=bucket,
                        Key=key,
                        Body=body,
                        IfNoneMatch="*",
                        ObjectLockMode="COMPLIANCE",
                        ObjectLockRetainUntilDate=locked_until,
                    )
            except _AlreadyThere:
                return read(bucket, key, region)
        return body

    def file(self, point_id: str, component: str, name: str, body: bytes) -> ObjectVersion:
        """Return how a file of a point is named in a manifest; nothing is written."""
        key = f"{self.system.name}/points/{point_id}/{component}/{name}"
        return ObjectVersion(
            bucket=self.system.point_bucket, key=key, version_id="", sha256=sha256(body), size=len(body)
        )

    def publish(self, point: ConsistentPoint, region: str, *, locked_until: datetime) -> None:
        """Write the manifest to ``region``: from now on the point is complete there."""
        body = canonical(point.to_json() | {"sha256": digest(point)})
        self.put(region, self.manifest_key(point.id), body, locked_until=locked_until)

    def manifest_key(self, point_id: str) -> str:
        """Return the key of a point's manifest."""
        return f"{self.system.name}/points/{point_id}/{MANIFEST}"

    def holds(self, point_id: str, region: str) -> bool:
        """Return whether a point is published in ``region``."""
        return head(self.bucket(region), self.manifest_key(point_id), region) is not None

    def ids(self, region: str) -> list[str]:
        """Return the ids of all points published in ``region``, newest first."""
        bucket, prefix = self.bucket(region), f"{self.system.name}/points/"
        with aws_errors(f"list recovery points in s3://{bucket}/{prefix}", region=region):
            pages = client("s3", region).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return sorted({key.split("/")[2] for key in keys if key.endswith(f"/{MANIFEST}")}, reverse=True)

    def read(self, point_id: str, region: str) -> ConsistentPoint:
        """Return a published point.

        Raises:
            PointDamagedError: There is no such point in ``region``, or its manifest does not match its own checksum.
        """
        bucket, key = self.bucket(region), self.manifest_key(point_id)
        if not self.holds(point_id, region):
            message = f"{self.system.name}: there is no recovery point {point_id} in {region}"
            raise PointDamagedError(message, point_id=point_id, region=region)
        return _checked(point_id, region, read(bucket, key, region))

    def all(self, region: str) -> Iterator[ConsistentPoint | PointDamagedError]:
        """Yield every published point of ``region``, newest first; a damaged manifest is yielded as its error."""
        for point_id in self.ids(region):
            try:
                yield self.read(point_id, region)
            except (PointDamagedError, StepRejectedError) as error:
                yield PointDamagedError(error.message, point_id=point_id, region=region)

    def locked_until(self, now: datetime) -> datetime:
        """Return until when something written ``now`` stays locked."""
        return now + timedelta(seconds=self.system.protection.lock_s)


def _checked(point_id: str, region: str, body: bytes) -> ConsistentPoint:
    try:
        value: dict[str, Any] = json.loads(body)
        stated = value.pop("sha256")
        point = ConsistentPoint.from_json(value)
    except (ValueError, KeyError, TypeError) as error:
        message = f"the manifest of recovery point {point_id} in {region} cannot be read: {error!r}"
        raise PointDamagedError(message, point_id=point_id, region=region) from error
    if digest(point) != stated:
        message = f"the manifest of recovery point {point_id} in {region} does not match its own checksum"
        raise PointDamagedError(message, point_id=point_id, region=region)
    return point


def digest(point: ConsistentPoint) -> str:
    """Return the SHA-256 (hex) of a point's canonical JSON."""
    return hashlib.sha256(canonical(point.to_json())).hexdigest()


def canonical(value: Any) -> bytes:
    """Return JSON with sorted keys and no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
