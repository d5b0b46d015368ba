"""S3: replication, object lock that holds, checked uploads, expiring addresses; all that is not modelled is refused."""

import io
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from moto.s3.exceptions import MissingKey, PreconditionFailed, S3ClientError
from moto.s3.models import FakeBucket, FakeDeleteMarker, FakeKey, S3Backend, s3_backends
from moto.s3.responses import S3Response

from recovery_ops.sandbox import locks, patching
from recovery_ops.sandbox.calls import Answer, Environ
from recovery_ops.sandbox.s3 import integrity, locking, policies, rules
from recovery_ops.sandbox.s3.damage import harm
from recovery_ops.sandbox.s3.replication import Replication
from recovery_ops.sandbox.world import ACCOUNT, World

MODELLED = {
    "s3": frozenset(
        {"CreateBucket", "DeleteBucket", "HeadBucket", "ListBuckets", "GetBucketLocation"}
        | {"GetBucketVersioning", "PutBucketVersioning", "GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"}
        | {"GetBucketTagging", "PutBucketTagging", "DeleteBucketTagging"}
        | {"GetBucketEncryption", "PutBucketEncryption", "DeleteBucketEncryption"}
        | {"GetPublicAccessBlock", "PutPublicAccessBlock", "DeletePublicAccessBlock"}
        | {"GetBucketOwnershipControls", "PutBucketOwnershipControls", "DeleteBucketOwnershipControls"}
        | {"GetBucketReplication", "PutBucketReplication", "DeleteBucketReplication", "GetBucketAcl", "GetObjectAcl"}
        | {"GetObjectLockConfiguration", "PutObjectLockConfiguration", "GetObjectRetention", "PutObjectRetention"}
        | {"GetObjectLegalHold", "PutObjectLegalHold"}
        | {"PutObject", "GetObject", "HeadObject", "CopyObject", "DeleteObject", "DeleteObjects", "GetObjectAttributes"}
        | {"GetObjectTagging", "PutObjectTagging", "DeleteObjectTagging"}
        | {"ListObjects", "ListObjectsV2", "ListObjectVersions"}
        | {"CreateMultipartUpload", "UploadPart", "UploadPartCopy", "CompleteMultipartUpload", "AbortMultipartUpload"}
        | {"ListMultipartUploads", "ListParts"}
    )
}
DAMAGES = ("s3-",)

_replication: Replication


def install(world: World) -> None:
    """Patch moto's S3 for ``world``."""
    global _replication
    _replication = Replication(world)
    _patch_versions()
    _patch_rules()
    _patch_locks()
    _patch_conditions()
    _patch_policies()


def data_plane(_world: World) -> Callable[[Environ, bytes, str, str], Answer | None]:
    """Return the check of what S3 requests carry."""

    def check(environ: Environ, body: bytes, _region: str, service: str) -> Answer | None:
        return integrity.refuse(environ, body) if service == "s3" else None

    return check


# Versions ---------------------------------------------------------------------------------------------------------


def _patch_versions() -> None:
    put, mark = patching.original(S3Backend, "put_object"), patching.original(S3Backend, "_set_delete_marker")
    tag, untag = (patching.original(S3Backend, name) for name in ("put_object_tagging", "delete_object_tagging"))
    shown = patching.original(FakeKey, "response_dict")

    def put_object(self: S3Backend, bucket_name: str, key_name: str, *args: Any, **options: Any) -> FakeKey:
        bucket = self.get_bucket(bucket_name)
        if bucket.has_default_lock and not options.get("lock_mode"):
            options |= {"lock_mode": bucket.default_lock_mode, "lock_until": bucket.default_retention()}
        key = put(self, bucket_name, key_name, *args, **options)
        _replication.created(key)
        return key

    def _set_delete_marker(self: S3Backend, bucket_name: str, key_name: str) -> FakeDeleteMarker:
        marker = mark(self, bucket_name, key_name)
        _replication.marked(bucket_name, marker)
        return marker

    def put_object_tagging(self: S3Backend, key: FakeKey, tags: dict[str, str] | None) -> FakeKey:
        tagged = tag(self, key, tags)
        _replication.changed(tagged)
        return tagged

    def delete_object_tagging(self: S3Backend, bucket_name: str, key_name: str, version_id: str | None = None) -> None:
        untag(self, bucket_name, key_name, version_id)
        _replication.changed(self.get_object(bucket_name, key_name, version_id=version_id))

    def response_dict(self: FakeKey) -> dict[str, Any]:
        status = getattr(self, "replication_status", None)
        return {**shown.fget(self), **({"x-amz-replication-status": status} if status else {})}

    for function in (put_object, _set_delete_marker, put_object_tagging, delete_object_tagging):
        patching.replace(S3Backend, function.__name__, function)
    patching.replace(FakeKey, "response_dict", _Property(response_dict))
    FakeKey.__deepcopy__ = _light_copy


class _Property(property):
    """A property that can carry what it replaced."""


def _light_copy(self: FakeKey, _memo: dict[int, Any]) -> FakeKey:
    """Copy a version without its bytes: moto copies the whole bucket for each ListObjectVersions, and for good."""
    etag = self.etag.strip('"')
    twin: FakeKey = object.__new__(FakeKey)  # not FakeKey(), which moto would keep for ever
    without_bytes = {"_value_buffer": io.BytesIO(), "multipart": None, "disposed": True, "_etag": etag}
    twin.__dict__.update({**self.__dict__, **without_bytes})
    return twin


# Rules, locks, conditions -----------------------------------------------------------------------------------------


def _patch_rules() -> None:
    put = patching.original(S3Backend, "put_bucket_replication")
    version = patching.original(S3Backend, "put_bucket_versioning")

    def put_bucket_replication(self: S3Backend, bucket_name: str, replication: dict[str, Any]) -> None:
        stated = replication["Rule"]
        rules.check(stated if isinstance(stated, list) else [stated])
        put(self, bucket_name, replication)

    def put_bucket_versioning(self: S3Backend, bucket_name: str, status: str) -> None:
        bucket = self.get_bucket(bucket_name)
        if status != "Enabled" and (bucket.object_lock_enabled or getattr(bucket, "replication", None)):
            message = "Versioning cannot be suspended on a bucket with object lock or replication"
            raise S3ClientError("InvalidBucketState", message)
        version(self, bucket_name, status)

    patching.replace(S3Backend, "put_bucket_replication", put_bucket_replication)
    patching.replace(S3Backend, "put_bucket_versioning", put_bucket_versioning)
    patching.replace(S3Response, "get_bucket_replication", _own(rules.get_bucket_replication))


def _own(answer: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return ``answer`` as a function of this module, so that what is replaced is noted on it and not on ``answer``."""
    return lambda response: answer(response)


def _patch_locks() -> None:
    patching.original(S3Response, "put_object_retention")
    get, hold = (
        patching.original(S3Response, "_key_response_get"),
        patching.original(S3Backend, "put_object_legal_hold"),
    )

    def put_object_retention(self: S3Response) -> Any:
        _replication.changed(locking.put_retention(self))
        return 200, {}, ""

    def _key_response_get(self: S3Response, query: dict[str, Any], key_name: str) -> Any:
        return locking.get_retention(self) if "retention" in query else get(self, query, key_name)

    def put_object_legal_hold(
        self: S3Backend, bucket_name: str, key_name: str, version_id: str | None, legal_hold_status: Any
    ) -> None:
        key = self.get_object(bucket_name, key_name, version_id=version_id)
        if key is None:
            raise MissingKey(key=key_name)
        hold(self, bucket_name, key_name, version_id, legal_hold_status)
        _replication.changed(key)

    patching.replace(S3Response, "put_object_retention", put_object_retention)
    patching.replace(S3Response, "_key_response_get", _key_response_get)
    patching.replace(S3Backend, "put_object_legal_hold", put_object_legal_hold)


def _patch_conditions() -> None:
    copy_it = patching.original(S3Response, "copy_object")

    def copy_object(self: S3Response) -> Any:
        _check_source(self)
        _check_target(self)
        return copy_it(self)

    patching.replace(S3Response, "copy_object", copy_object)


def _check_source(response: S3Response) -> None:
    source, _, query = response.headers["x-amz-copy-source"].partition("?")
    bucket, _, name = unquote(source).lstrip("/").partition("/")
    key = response.backend.get_object(bucket, name, version_id=query.removeprefix("versionId=") or None)
    wanted = response.headers.get("x-amz-copy-source-if-match")
    if key is not None and wanted and wanted.strip('"') != key.etag.strip('"'):
        raise PreconditionFailed("x-amz-copy-source-If-Match")
    for name in ("x-amz-copy-source-if-modified-since", "x-amz-copy-source-if-unmodified-since"):
        if response.headers.get(name):
            raise NotImplementedError(name)


def _check_target(response: S3Response) -> None:
    present = response.backend.get_object(response.bucket_name, response.parse_key_name())
    if response.headers.get("If-None-Match") == "*" and present is not None:
        raise PreconditionFailed("If-None-Match")
    if wanted := response.headers.get("If-Match"):
        if present is None:
            raise MissingKey(key=response.parse_key_name())
        if wanted.strip('"') != present.etag.strip('"'):
            raise PreconditionFailed("If-Match")


def _patch_policies() -> None:
    put, answer = patching.original(S3Backend, "put_bucket_policy"), patching.original(S3Response, "_key_response")
    remove = patching.original(S3Response, "_bucket_response_delete_keys")

    def put_bucket_policy(self: S3Backend, bucket_name: str, policy: bytes) -> None:
        policies.check(policy)
        put(self, bucket_name, policy)

    def _key_response(self: S3Response, request: Any, full_url: str) -> Any:
        policies.refuse(self, request, full_url)
        return answer(self, request, full_url)

    def _bucket_response_delete_keys(self: S3Response, *args: Any, **options: Any) -> Any:
        with policies.asked_by(self):
            return remove(self, *args, **options)

    def get_permission(self: FakeBucket, action: str, resource: str) -> Any:
        return policies.permission(self, action, resource)

    patching.replace(S3Backend, "put_bucket_policy", put_bucket_policy)
    patching.replace(S3Response, "_key_response", _key_response)
    patching.replace(S3Response, "_bucket_response_delete_keys", _bucket_response_delete_keys)
    patching.replace(FakeBucket, "get_permission", get_permission)


# For the control API and snapshots --------------------------------------------------------------------------------


def damage(_world: World, request: dict[str, Any]) -> dict[str, Any]:
    """Harm one exact version in one bucket; see ``recovery_ops.sandbox.s3.damage``."""
    with locks.of("s3"):
        return harm(request)


def status(_world: World) -> dict[str, Any]:
    """Return what is on its way between the regions."""
    return {"replication": _replication.pending()}


def inventory(world: World) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return the buckets of every region with how many keys they hold, and uploads that were not completed."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {region: {"s3": []} for region in world.regions}
    with locks.of("s3"):
        for bucket in s3_backends[ACCOUNT]["aws"].buckets.values():
            found.setdefault(bucket.region_name, {"s3": []})["s3"].extend(_resources(bucket))
    return found


def _resources(bucket: FakeBucket) -> list[dict[str, Any]]:
    tags = s3_backends[ACCOUNT]["aws"].tagger.get_tag_dict_for_resource(bucket.arn)
    uploads = [f"{bucket.name}/{upload.key_name}#{upload.id}" for upload in bucket.multiparts.values()]
    return [
        {"type": "bucket", "id": bucket.name, "tags": tags, "keys": len(bucket.keys)},
        *({"type": "multipart-upload", "id": upload, "tags": {}} for upload in uploads),
    ]


def dump(_world: World) -> dict[str, Any]:
    """Return what is on its way."""
    return {"queues": _replication.queues}


def load(_world: World, state: dict[str, Any]) -> None:
    """Go on with what was on its way."""
    _replication.load(state["queues"])
