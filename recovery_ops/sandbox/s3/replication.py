"""Replication between buckets: later, in order, as the same versions; what is on its way survives an outage.

One queue a pair of regions. It keeps what it holds while one of the two is down or the direction is paused: the queue
is what a region loss loses, and it is delivered when both ends are back.
"""

import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from moto.s3.models import FakeBucket, FakeDeleteMarker, FakeKey, s3_backends

from recovery_ops.sandbox import durations
from recovery_ops.sandbox.jobs import JobBook
from recovery_ops.sandbox.s3.policies import denied_to
from recovery_ops.sandbox.s3.rules import Route, find_bucket, routes
from recovery_ops.sandbox.world import ACCOUNT, World

RETRY_WALL_S = 0.05
"""Real seconds between two looks at a direction that cannot deliver."""

Direction = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One version on its way, or with ``attributes`` only its tags and lock. Times are Unix seconds, real ones."""

    source: str
    target: str
    key: str
    version_id: str
    storage_class: str | None
    attributes: bool
    at: float
    due_at: float


class Replication:
    """The queues between the regions. Every method is called under the S3 lock."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._jobs = JobBook(world, "s3", {"deliver": self.deliver})
        self.queues: dict[Direction, deque[Copy]] = {}
        self._armed: set[Direction] = set()

    def created(self, key: FakeKey) -> None:
        """Queue a new version for every destination of its bucket's rules."""
        if self._send(key, key.bucket_name, markers=False):
            key.replication_status = "PENDING"

    def marked(self, bucket_name: str, marker: FakeDeleteMarker) -> None:
        """Queue a delete marker, where the rules say so."""
        self._send(marker, bucket_name, markers=True)

    def changed(self, key: FakeKey) -> None:
        """Queue new tags or a new lock of a version that was copied already; one on its way takes them along."""
        if getattr(key, "replication_status", None) == "COMPLETED":
            self._send(key, key.bucket_name, markers=False, attributes=True)

    def deliver(self, source: str, target: str) -> None:
        """Copy what is due from region ``source`` to ``target``, in order, as far as both are reachable."""
        self._armed.discard((source, target))
        queue = self.queues.get((source, target), deque())
        while queue and queue[0].due_at <= time.time():
            if not self._reaches(source, target):
                self._arm((source, target), RETRY_WALL_S)
                return
            self._copy(queue.popleft())
        self._arm((source, target))

    def pending(self) -> dict[str, float]:
        """Return how many copies are on their way and how long the oldest has been, in real seconds."""
        heads = [queue[0].at for queue in list(self.queues.values()) if queue]
        count = sum(len(queue) for queue in list(self.queues.values()))
        return {"pending": count, "oldest_age_s": max(0.0, time.time() - min(heads)) if heads else 0.0}

    def load(self, queues: dict[Direction, deque[Copy]]) -> None:
        """Replace the queues and deliver on."""
        self.queues, self._armed = queues, set()
        self._jobs.load([])
        for direction in queues:
            self._arm(direction)

    def _send(
        self, version: FakeKey | FakeDeleteMarker, bucket_name: str, *, markers: bool, attributes: bool = False
    ) -> bool:
        bucket = find_bucket(bucket_name)
        found = list(routes(bucket, version.name, markers=markers)) if bucket else []
        for route in found:
            self._queue(version, bucket, route, attributes=attributes)
        return bool(found)

    def _queue(
        self, version: FakeKey | FakeDeleteMarker, bucket: FakeBucket, route: Route, *, attributes: bool
    ) -> None:
        now = time.time()
        copy = Copy(
            source=bucket.name,
            target=route.target,
            key=version.name,
            version_id=version.version_id,
            storage_class=route.storage_class,
            attributes=attributes,
            at=now,
            due_at=now + durations.seconds("s3.replication.lag") * self._world.clock.factor,
        )
        target = find_bucket(route.target)
        direction = (bucket.region_name, target.region_name if target else bucket.region_name)
        self.queues.setdefault(direction, deque()).append(copy)
        self._arm(direction)

    def _arm(self, direction: Direction, wall_s: float | None = None) -> None:
        queue = self.queues.get(direction)
        if not queue or direction in self._armed:
            return
        self._armed.add(direction)
        due_s = max(0.0, queue[0].due_at - time.time()) if wall_s is None else wall_s
        self._jobs.later_wall(due_s, "deliver", *direction)

    def _reaches(self, source: str, target: str) -> bool:
        down = any(self._world.faults.is_down(region, "s3") for region in (source, target))
        return self._world.replicates(source, target) and not down

    def _copy(self, copy: Copy) -> None:
        version = find_version(copy.source, copy.key, copy.version_id)
        target = find_bucket(copy.target)
        if version is None:  # deleted for good before its turn: there is nothing to copy any more
            return
        arrived = target is not None and target.is_versioned and not _is_denied(copy, version, target)
        if target is not None and arrived:
            _apply(copy, version, target)
        if isinstance(version, FakeKey) and not self._is_queued(copy):
            version.replication_status = "COMPLETED" if arrived else "FAILED"

    def _is_queued(self, copy: Copy) -> bool:
        same = (copy.source, copy.key, copy.version_id)
        queued = (other for queue in self.queues.values() for other in queue)
        return any((other.source, other.key, other.version_id) == same for other in queued)


def find_version(bucket_name: str, key: str, version_id: str) -> Any:
    """Return that version or delete marker; ``None`` when it is not there."""
    bucket = find_bucket(bucket_name)
    versions = bucket.keys.getlist(key, []) if bucket else []
    return next((version for version in versions if version.version_id == version_id), None)


def _is_denied(copy: Copy, version: FakeKey | FakeDeleteMarker, target: FakeBucket) -> bool:
    """Whether the policy of the target keeps the role of replication out."""
    source = find_bucket(copy.source)
    role = str((getattr(source, "replication", None) or {}).get("Role", ""))
    action = "s3:ReplicateDelete" if isinstance(version, FakeDeleteMarker) else "s3:ReplicateObject"
    return denied_to(target, action, role, copy.key)


def _apply(copy: Copy, version: FakeKey | FakeDeleteMarker, target: FakeBucket) -> None:
    present = find_version(target.name, copy.key, copy.version_id)
    if isinstance(version, FakeDeleteMarker):
        if present is None:
            _insert(target, _marker_like(version))
    elif present is not None:
        _take_attributes(version, present)
    elif not copy.attributes:
        replica = _replica_of(version, target, copy.storage_class)
        _insert(target, replica)
        _take_attributes(version, replica)


def _replica_of(key: FakeKey, target: FakeBucket, storage_class: str | None) -> FakeKey:
    replica = FakeKey(
        name=key.name,
        value=key.value,
        account_id=key.account_id,
        region_name=key.region_name,
        storage=storage_class or key.storage_class,
        etag=key.etag.strip('"'),
        is_versioned=True,
        version_id=key.version_id,
        bucket_name=target.name,
        encryption=key.encryption,
        kms_key_id=key.kms_key_id,
        bucket_key_enabled=key.bucket_key_enabled,
        checksum_value=key.checksum_value,
        checksum_type=key.checksum_type,
        checksum_parts=key.checksum_parts,
    )
    replica.checksum_algorithm = key.checksum_algorithm
    replica.last_modified = key.last_modified
    replica.website_redirect_location = key.website_redirect_location
    replica.replication_status = "REPLICA"
    replica.set_metadata(dict(key.metadata), replace=False)
    if target.has_default_lock and not key.lock_mode:
        replica.lock_mode, replica.lock_until = target.default_lock_mode, target.default_retention()
    return replica


def _take_attributes(key: FakeKey, replica: FakeKey) -> None:
    tagger = s3_backends[ACCOUNT]["aws"].tagger
    tagger.delete_all_tags_for_resource(replica.arn)
    tagger.copy_tags(key.arn, replica.arn)
    if key.lock_mode:
        replica.lock_mode, replica.lock_until = key.lock_mode, key.lock_until
    replica.lock_legal_status = key.lock_legal_status


def _marker_like(marker: FakeDeleteMarker) -> FakeDeleteMarker:
    replica = FakeDeleteMarker(key=marker.key)
    replica._version_id = marker.version_id
    replica.last_modified = marker.last_modified
    return replica


def _insert(bucket: FakeBucket, version: FakeKey | FakeDeleteMarker) -> None:
    """Put ``version`` in its place by time: one that arrives late does not hide a newer one."""
    versions = list(bucket.keys.getlist(version.name, []))
    older = sum(1 for other in versions if other.last_modified <= version.last_modified)
    bucket.keys.setlist(version.name, [*versions[:older], version, *versions[older:]])
