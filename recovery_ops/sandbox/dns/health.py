"""Health checks that look: evaluated beside every region, so that they go on when one, or a control plane, is dead."""

import http.client
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit

from moto.iam.access_control import PermissionResult
from moto.route53.models import HealthCheck
from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeBucket, FakeKey, s3_backends

from recovery_ops.sandbox import locks
from recovery_ops.sandbox.world import ACCOUNT, World

LOOKING = ("HTTP", "HTTPS", "HTTP_STR_MATCH", "HTTPS_STR_MATCH")
CALCULATED = "CALCULATED"
CALLER = "Amazon-Route53-Health-Check-Service"
ANSWER_WITHIN_S = 2.0
MIN_WALL_INTERVAL_S = 0.02
_BUCKET_HOST = re.compile(r"(?:(?P<bucket>.+)\.)?s3[.-](?P<region>[a-z0-9-]+)\.amazonaws\.com")
_DOOR_HOST = re.compile(r"[a-z0-9-]+\.execute-api\.(?P<region>[a-z0-9-]+)\.amazonaws\.com")


@dataclass(slots=True, kw_only=True)
class Status:
    """What the checkers saw: ``passing`` before inversion, and how many results in a row contradict it.

    A new health check passes until enough results say otherwise; an inverted one is unhealthy that long.
    """

    passing: bool = True
    against: int = 0
    report: str = ""
    checked_at: datetime = field(default_factory=lambda: datetime.now(UTC))


class HealthChecks:
    """Evaluates every health check of ``checks`` once per interval, in scaled time."""

    def __init__(self, world: World, checks: Callable[[], Mapping[str, HealthCheck]]) -> None:
        self._world = world
        self._checks = checks
        self._statuses: dict[str, Status] = {}
        self._epoch = 0

    def watch(self, check_id: str) -> None:
        """Begin to evaluate a health check; it ends when the check is deleted."""
        self._later(check_id, self._epoch)

    def watch_all(self) -> None:
        """Begin again with every check there is: after a restore."""
        self._epoch += 1
        for check_id in list(self._checks()):
            self.watch(check_id)

    def is_healthy(self, check_id: str | None) -> bool:
        """Return whether a record with this check may be answered; none, or one that is gone, is healthy."""
        check = self._checks().get(check_id or "")
        if check is None:
            return True
        return self._passes(check) != _truth(check.inverted)

    def status(self, check_id: str) -> Status | None:
        """Return what was seen last; ``None`` before the first look."""
        return self._statuses.get(check_id)

    def dump(self) -> dict[str, dict[str, Any]]:
        """Return what was seen, for a snapshot."""
        return {check_id: asdict(status) for check_id, status in self._statuses.items()}

    def load(self, statuses: Mapping[str, Mapping[str, Any]]) -> None:
        """Put back what was seen and go on looking."""
        self._statuses = {check_id: Status(**status) for check_id, status in statuses.items()}
        self.watch_all()

    def _passes(self, check: HealthCheck) -> bool:
        if _truth(check.disabled):
            return True
        if check.type_ == CALCULATED:
            healthy = sum(self.is_healthy(child) for child in check.children or [])
            return healthy >= int(check.health_threshold or 0)
        status = self._statuses.get(check.id)
        return status.passing if status else True

    def _later(self, check_id: str, epoch: int) -> None:
        check = self._checks().get(check_id)
        if check is not None and check.type_ != CALCULATED:
            wall_s = max(int(check.request_interval) * self._world.clock.factor, MIN_WALL_INTERVAL_S)
            self._world.clock.later_wall(wall_s, lambda: self._tick(check_id, epoch))

    def _tick(self, check_id: str, epoch: int) -> None:
        check = self._checks().get(check_id)
        if check is None or epoch != self._epoch:
            return
        if door := _DOOR_HOST.fullmatch(check.fqdn or ""):
            looking = threading.Thread(target=self._look_at_door, args=(check, door["region"], epoch), daemon=True)
            looking.start()
            return
        self._take(check, *self._look_at_object(check))
        self._later(check_id, epoch)

    def _look_at_door(self, check: HealthCheck, region: str, epoch: int) -> None:
        self._take(check, *_ask(self._world.front_doors.get(region), str(check.fqdn), _path(check)))
        self._later(check.id, epoch)

    def _look_at_object(self, check: HealthCheck) -> tuple[int, bytes, str]:
        """Return status, body and trouble of an anonymous GET; status 0 when nobody answers."""
        host = _BUCKET_HOST.fullmatch(check.fqdn or "")
        if host is None:
            return 0, b"", f"the sandbox does not know the host {check.fqdn}"
        fault = self._world.faults.find(host["region"], "s3", CALLER)
        if fault is not None and (fault.mode != "latency" or (fault.seconds or 0) > ANSWER_WITHIN_S):
            return (503, b"", "") if fault.mode in ("503", "throttle") else (0, b"", "The connection failed")
        path = unquote(_path(check)).lstrip("/")
        bucket, key = (host["bucket"], path) if host["bucket"] else tuple(path.partition("/")[::2])
        with locks.of("s3"):
            return (*_anonymous_get(host["region"], str(bucket), key), "")

    def _take(self, check: HealthCheck, code: int, body: bytes, trouble: str) -> None:
        """Take a result: the status turns after as many contradictions in a row as the check's threshold."""
        passes = 200 <= code < 400 and (not check.type_.endswith("STR_MATCH") or _contains(body, check.search_string))
        standing = self._statuses.get(check.id) or Status()
        against = 0 if passes == standing.passing else standing.against + 1
        turns = against >= int(check.failure_threshold)
        self._statuses[check.id] = Status(
            passing=passes if turns else standing.passing,
            against=0 if turns else against,
            report=_report(code, trouble, passes=passes),
        )


def _anonymous_get(region: str, bucket_name: str, key_name: str) -> tuple[int, bytes]:
    backend = s3_backends[ACCOUNT]["aws"]
    bucket = backend.buckets.get(bucket_name)
    if bucket is None or bucket.region_name != region:
        return (404, b"") if bucket is None else (301, b"")
    try:
        key = backend.get_object(bucket_name, key_name)
    except S3ClientError:
        return 404, b""
    found = key if isinstance(key, FakeKey) else None
    if not _is_public(bucket, found, key_name):
        return 403, b""
    return (404, b"") if found is None else (200, bytes(found.value))


def _is_public(bucket: FakeBucket, key: FakeKey | None, key_name: str) -> bool:
    """Whether anybody may read, by the bucket's policy or the object's ACL; a missing object needs the policy."""
    block = bucket.public_access_block
    if block is not None and block.restrict_public_buckets:
        return False
    allowed = bucket.get_permission("s3:GetObject", f"arn:aws:s3:::{bucket.name}/{key_name}")
    by_acl = key is not None and key.acl is not None and bool(key.acl.public_read)
    return allowed == PermissionResult.PERMITTED or (by_acl and allowed != PermissionResult.DENIED)


def _ask(door: str | None, host: str, path: str) -> tuple[int, bytes, str]:
    if door is None:
        return 0, b"", f"nothing listens for {host}"
    connection = http.client.HTTPConnection(urlsplit(door).netloc, timeout=ANSWER_WITHIN_S)
    try:
        connection.request("GET", path, headers={"Host": host, "User-Agent": CALLER})
        answer = connection.getresponse()
        return answer.status, answer.read(), ""
    except (OSError, http.client.HTTPException) as error:
        return 0, b"", f"The connection failed: {type(error).__name__}"
    finally:
        connection.close()


def _path(check: HealthCheck) -> str:
    return "/" + str(check.resource_path or "/").lstrip("/")


def _contains(body: bytes, wanted: str | None) -> bool:
    return bool(wanted) and str(wanted).encode() in body[:5120]


def _report(code: int, trouble: str, *, passes: bool) -> str:
    if not code:
        return f"Failure: {trouble}"
    phrase = HTTPStatus(code).phrase if code in HTTPStatus._value2member_map_ else ""
    return f"{'Success' if passes else 'Failure'}: HTTP Status Code {code}, {phrase}"


def _truth(value: Any) -> bool:
    return str(value).lower() == "true"
