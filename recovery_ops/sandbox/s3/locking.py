"""Object lock that holds: retention that cannot be cut short, and can be read."""

from datetime import UTC, datetime
from typing import Any

from moto.s3.exceptions import AccessDeniedByLock, LockNotEnabled, MissingKey, S3ClientError
from moto.s3.models import FakeKey

_XML = (
    '<?xml version="1.0" encoding="UTF-8"?><Retention xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<Mode>{mode}</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>"
)


def put_retention(response: Any) -> FakeKey:
    """Set the retention that a PutObjectRetention request asks for, if the one in force allows it.

    Raises:
        AccessDeniedByLock: It would shorten or weaken a retention in force (governance: without the bypass header).
    """
    if not response.backend.get_bucket(response.bucket_name).object_lock_enabled:
        raise LockNotEnabled
    name, version_id = response.parse_key_name(), response._get_param("versionId")
    key = response.backend.get_object(response.bucket_name, name, version_id=version_id)
    if key is None:
        raise MissingKey(key=name)
    mode, until = response._mode_until_from_body()
    bypass = response.headers.get("x-amz-bypass-governance-retention", "").lower() == "true"
    _check(key, mode, until, bypass=bypass)
    key.lock_mode, key.lock_until = mode, until
    return key


def get_retention(response: Any) -> tuple[int, dict[str, str], str]:
    """Answer GetObjectRetention; moto answers it with the object."""
    key, _ = response._get_key(validate_storage_class=False)
    if not key.lock_mode:
        raise S3ClientError(
            "NoSuchObjectLockConfiguration", "The specified object does not have a ObjectLock configuration"
        )
    return 200, {"Content-Type": "application/xml"}, _XML.format(mode=key.lock_mode, until=key.lock_until)


def _check(key: FakeKey, mode: str | None, until: str | None, *, bypass: bool) -> None:
    if mode and _moment(until) <= datetime.now(UTC):
        raise S3ClientError("InvalidArgument", "The retain until date must be in the future!")
    if not key.lock_mode or _moment(key.lock_until) <= datetime.now(UTC):
        return
    longer = mode is not None and _moment(until) >= _moment(key.lock_until)
    if key.lock_mode == "COMPLIANCE" and not (longer and mode == "COMPLIANCE"):
        raise AccessDeniedByLock
    if key.lock_mode == "GOVERNANCE" and not longer and not bypass:
        raise AccessDeniedByLock


def _moment(text: str | None) -> datetime:
    if not text:
        return datetime.min.replace(tzinfo=UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
