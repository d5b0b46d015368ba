"""Whether buckets are set up so that recovery can rely on them; reads only."""

from dataclasses import dataclass
from datetime import datetime

from recovery_ops.aws.clients import client
from recovery_ops.aws.pinned import list_versions
from recovery_ops.aws.translate import aws_errors, found


def not_versioned(bucket: str, region: str) -> str | None:
    """Return why ``bucket`` cannot hold replicated versions, or ``None`` when it can."""
    with aws_errors(f"look at s3://{bucket}", region=region):
        answer = found(lambda: client("s3", region).get_bucket_versioning(Bucket=bucket))
    if answer is None:
        return f"there is no bucket {bucket} in {region}"
    if answer.get("Status") != "Enabled":
        return f"versioning of s3://{bucket} is {answer.get('Status', 'off')}"
    return None


def replicates_to(bucket: str, target: str, prefix: str, region: str) -> bool:
    """Return whether a rule of ``bucket`` replicates everything under ``prefix`` to the bucket ``target``."""
    with aws_errors(f"look at replication of s3://{bucket}", region=region):
        answer = found(lambda: client("s3", region).get_bucket_replication(Bucket=bucket))
    rules = (answer or {}).get("ReplicationConfiguration", {}).get("Rules", [])
    return any(
        rule.get("Status") == "Enabled"
        and rule["Destination"]["Bucket"].split(":")[-1] == target
        and prefix.startswith(rule.get("Filter", {}).get("Prefix", rule.get("Prefix", "")) or "")
        for rule in rules
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """Current objects of a source bucket that its copy lacks. ``oldest_at`` is when the oldest was written (UTC)."""

    count: int
    oldest_at: datetime
    example: str


def lag(bucket: str, target: str, prefix: str, *, region: str, target_region: str) -> Lag | None:
    """Return what is current in ``bucket`` of ``region`` and not yet in ``target``; ``None`` when nothing is.

    Versions keep their ids when S3 replicates them, so a version that is listed on both sides has arrived.
    """
    here, there = list_versions(bucket, prefix, region), list_versions(target, prefix, target_region)
    waiting = {
        key: listed
        for key, listed in here.current.items()
        if not listed.hidden and (key, listed.version_id) not in there.versions
    }
    if not waiting:
        return None
    example = min(waiting, key=lambda key: waiting[key].changed_at)
    return Lag(count=len(waiting), oldest_at=waiting[example].changed_at, example=example)
