"""Sets of pinned S3 object versions under one prefix: is every one there, and which version is current.

Nothing here deletes a version. What must not be seen is hidden behind a delete marker and can be looked at afterwards.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from recovery_ops.aws.clients import client
from recovery_ops.aws.objects import content_problem, in_threads, make_current
from recovery_ops.aws.translate import aws_errors
from recovery_ops.errors import PointDamagedError
from recovery_ops.model.points import ObjectVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One version of a key; ``hidden`` for a delete marker. ``changed_at`` is when S3 says it was last modified."""

    version_id: str
    changed_at: datetime
    hidden: bool


@dataclass(slots=True)
class Listing:
    """Every version under a prefix of a bucket, by key, as one listing showed them."""

    bucket: str
    current: dict[str, Listed] = field(default_factory=dict)
    versions: dict[tuple[str, str], Listed] = field(default_factory=dict)
    markers: dict[tuple[str, str], Listed] = field(default_factory=dict)
    """Delete markers, which are no versions that could be read."""

    def add(self, entry: dict[str, Any], *, hidden: bool) -> None:
        """Take in one entry of S3's answer."""
        listed = Listed(version_id=entry["VersionId"], changed_at=entry["LastModified"], hidden=hidden)
        (self.markers if hidden else self.versions)[(entry["Key"], listed.version_id)] = listed
        if entry["IsLatest"]:
            self.current[entry["Key"]] = listed

    def visible(self) -> list[str]:
        """Return the keys that a reader sees, sorted."""
        return sorted(key for key, listed in self.current.items() if not listed.hidden)


def list_versions(bucket: str, prefix: str, region: str) -> Listing:
    """Return every version and delete marker under ``prefix``.

    Raises:
        StepInterruptedError: S3 did not answer.
        StepRejectedError: The bucket is not there or may not be listed.
    """
    listing = Listing(bucket=bucket)
    with aws_errors(f"list versions of s3://{bucket}/{prefix}", region=region):
        for page in client("s3", region).get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Versions", []):
                listing.add(entry, hidden=False)
            for entry in page.get("DeleteMarkers", []):
                listing.add(entry, hidden=True)
    return listing


def absent(items: Iterable[ObjectVersion], listing: Listing) -> list[ObjectVersion]:
    """Return the pinned versions that the listing does not show."""
    return [item for item in items if (item.key, item.version_id) not in listing.versions]


def has_arrived(item: Listed, other: Listed | None) -> bool:
    """Return whether ``item``, current in one bucket, is or needs not be in another, where ``other`` is current."""
    if item.hidden and (other is None or other.hidden):
        return True
    return other is not None and (other.version_id == item.version_id or other.changed_at > item.changed_at)


def keep_newest(items: Sequence[ObjectVersion], prefix: str, region: str) -> list[str]:
    """See to it that no key under ``prefix`` shows less than its pinned version; newer state stays as it is.

    A version or delete marker that S3 dates later than the pinned version is newer state and wins. Safe to repeat.

    Returns:
        The keys that were changed.

    Raises:
        PointDamagedError: A pinned version is not in ``region``; nothing was changed.
    """
    listing = _complete(items, prefix, region)
    older = [item for item in items if _is_older(listing, item)]
    in_threads(lambda item: make_current(item, region), older)
    return [item.key for item in older]


def restore_exactly(items: Sequence[ObjectVersion], prefix: str, region: str) -> list[str]:
    """Make exactly the pinned versions current under ``prefix``; every other key is hidden by a delete marker.

    Safe to repeat: a second call changes nothing.

    Returns:
        The keys that were changed.

    Raises:
        PointDamagedError: A pinned version is not in ``region``; nothing was changed.
    """
    listing = _complete(items, prefix, region)
    wanted = {item.key for item in items}
    others = [item for item in items if listing.current[item.key].version_id != item.version_id]
    extra = [key for key in listing.visible() if key not in wanted]
    in_threads(lambda item: make_current(item, region), others)
    in_threads(lambda key: hide(listing.bucket, key, region), extra)
    return sorted([*(item.key for item in others), *extra])


def restore_keys(items: Sequence[ObjectVersion], region: str) -> None:
    """Make exactly the pinned version current for each of the keys, whatever else the bucket holds. Safe to repeat.

    Raises:
        PointDamagedError: A pinned version is not in ``region``, or its bytes are not those of the point; nothing was
            changed.
    """
    if problems := damage(items, region):
        raise PointDamagedError("; ".join(problems[:5]), region=region)
    in_threads(lambda item: make_current(item, region), items)


def hide(bucket: str, key: str, region: str) -> str:
    """Put a delete marker on top of ``key`` and return the marker's version id; the versions stay."""
    with aws_errors(f"hide s3://{bucket}/{key}", region=region):
        return str(client("s3", region).delete_object(Bucket=bucket, Key=key).get("VersionId", ""))


def damage(items: Iterable[ObjectVersion], region: str) -> list[str]:
    """Return why pinned versions cannot be trusted in ``region``; reads and hashes every one of them."""
    return [problem for problem in in_threads(lambda item: content_problem(item, region), items) if problem]


def _complete(items: Sequence[ObjectVersion], prefix: str, region: str) -> Listing:
    bucket = items[0].bucket_in(region) if items else ""
    listing = list_versions(bucket, prefix, region) if items else Listing(bucket=bucket)
    if gone := absent(items, listing):
        names = ", ".join(f"{item.key} version {item.version_id}" for item in gone[:5])
        message = f"{len(gone)} of {len(items)} pinned objects are not in s3://{bucket} in {region}: {names}"
        raise PointDamagedError(message, region=region, bucket=bucket)
    return listing


def _is_older(listing: Listing, item: ObjectVersion) -> bool:
    now, pinned = listing.current[item.key], listing.versions[(item.key, item.version_id)]
    return now.version_id != item.version_id and now.changed_at < pinned.changed_at
