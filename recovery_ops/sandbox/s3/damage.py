"""Harm that AWS lets nobody do, for tests: bytes changed under their claims, versions gone in spite of a lock."""

import base64
from typing import Any

from moto.s3.models import FakeKey, s3_backends

from recovery_ops.sandbox.s3.replication import find_version
from recovery_ops.sandbox.s3.rules import find_bucket
from recovery_ops.sandbox.world import ACCOUNT


def harm(request: dict[str, Any]) -> dict[str, Any]:
    """Harm one exact version in one bucket; neither replicated nor stopped by object lock. Call it under the S3 lock.

    ``{"what": "s3-object", "bucket", "key", "version_id"?, "body"?: base64}`` overwrites the bytes while ETag, checksum
    and metadata still claim the old ones; without ``body`` one byte in the middle is flipped. ``{"what": "s3-version",
    "bucket", "key", "version_id"?}`` drops the version. Without ``version_id`` it is the newest one.

    Raises:
        ValueError: There is no such object or no such damage.
    """
    key = _version(request)
    if request["what"] == "s3-object":
        _overwrite(key, request.get("body"))
    elif request["what"] == "s3-version":
        _drop(key)
    else:
        raise ValueError(f"S3 has no damage {request['what']!r}; known: s3-object, s3-version")
    return {"bucket": key.bucket_name, "key": key.name, "version_id": key.version_id}


def _version(request: dict[str, Any]) -> FakeKey:
    name, key, version_id = request["bucket"], request["key"], request.get("version_id")
    bucket = find_bucket(name)
    newest = bucket.keys.get(key) if bucket else None
    found = find_version(name, key, version_id) if version_id else newest
    if not isinstance(found, FakeKey):
        raise ValueError(f"bucket {name!r} has no object {key!r} in version {version_id or 'newest'}")
    return found


def _overwrite(key: FakeKey, body: str | None) -> None:
    key._etag = key.etag.strip('"')
    before = key.value
    middle = len(before) // 2
    flipped = before[:middle] + bytes([before[middle] ^ 0xFF] if before else [0]) + before[middle + 1 :]
    key.value = flipped if body is None else base64.b64decode(body)


def _drop(key: FakeKey) -> None:
    bucket = s3_backends[ACCOUNT]["aws"].get_bucket(key.bucket_name)
    kept = [version for version in bucket.keys.getlist(key.name) if version is not key]
    if kept:
        bucket.keys.setlist(key.name, kept)
    else:
        bucket.keys.pop(key.name)
