"""Replication rules of a bucket: what moto stores, read as AWS means it, and refused where AWS refuses it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from moto.core.responses import ActionResult
from moto.s3.exceptions import ReplicationConfigurationNotFoundError, S3ClientError
from moto.s3.models import FakeBucket, s3_backends

from recovery_ops.sandbox.world import ACCOUNT

Rule = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where an object of a bucket is copied to, and in which storage class (``None``: that of the source)."""

    target: str
    storage_class: str | None


def find_bucket(name: str) -> FakeBucket | None:
    """Return the bucket ``name``, in whatever region it is."""
    return s3_backends[ACCOUNT]["aws"].buckets.get(name)


def routes(bucket: FakeBucket, key: str, *, markers: bool = False) -> Iterator[Route]:
    """Yield where ``key`` of ``bucket`` goes, once per destination; with ``markers``, where its delete markers go."""
    seen: set[str] = set()
    for rule in sorted(_rules(bucket), key=lambda rule: -int(rule.get("Priority", 0))):
        destination = rule["Destination"]
        target = destination["Bucket"].rpartition(":")[2]
        if _applies(rule, key) and (not markers or _takes_markers(rule)) and target not in seen:
            seen.add(target)
            yield Route(target=target, storage_class=destination.get("StorageClass"))


def check(rules: list[Rule]) -> None:
    """Refuse rules as AWS does, and those that are not modelled with NotImplementedError (answered 501)."""
    for rule in rules:
        if "Tag" in _filter(rule) or "And" in _filter(rule):
            raise NotImplementedError("replication rules that filter by tag")
        if (rule.get("ExistingObjectReplication") or {}).get("Status") == "Enabled":
            raise NotImplementedError("replication of objects that were there before the rule")
        name = rule["Destination"]["Bucket"].rpartition(":")[2]
        target = find_bucket(name)
        if target is None:
            raise S3ClientError("InvalidRequest", f"Destination bucket must exist: {name}")
        if not target.is_versioned:
            raise S3ClientError("InvalidRequest", f"Destination bucket must have versioning enabled: {name}")


def get_bucket_replication(response: Any) -> Any:
    """Answer GetBucketReplication with the rules as they were put; moto shows every rule without its filter."""
    response.data["Action"] = "GetBucketReplication"
    configuration = response.backend.get_bucket_replication(response.bucket_name)
    if not configuration:
        raise ReplicationConfigurationNotFoundError(bucket_name=response.bucket_name)
    rules = [_shown(rule) for rule in configuration["Rule"]]
    shown = {"ReplicationConfiguration": {"Role": configuration["Role"], "Rules": rules}}
    return response.serialized(ActionResult(shown))


def _shown(rule: Rule) -> Rule:
    shown = {name: value for name, value in rule.items() if name not in ("Filter", "Prefix")}
    if "Filter" in rule:
        return {**shown, "Filter": {"Prefix": _filter(rule).get("Prefix") or ""}}
    return {**shown, "Prefix": rule.get("Prefix") or ""}


def _rules(bucket: FakeBucket) -> list[Rule]:
    configuration = getattr(bucket, "replication", None)
    return configuration["Rule"] if configuration and bucket.is_versioned else []


def _applies(rule: Rule, key: str) -> bool:
    prefix = _filter(rule).get("Prefix") or rule.get("Prefix") or ""
    return rule.get("Status") == "Enabled" and key.startswith(prefix)


def _takes_markers(rule: Rule) -> bool:
    if "Filter" not in rule:  # the first version of the configuration copies delete markers without being asked
        return True
    return (rule.get("DeleteMarkerReplication") or {}).get("Status") == "Enabled"


def _filter(rule: Rule) -> Rule:
    return rule.get("Filter") or {}
