"""Whether buckets are set up so that recovery can rely on them, and replication back to a region that has healed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from recovery_ops.aws.clients import client
from recovery_ops.aws.objects import head, in_threads
from recovery_ops.aws.pinned import Listed, Listing, has_arrived, hide, list_versions
from recovery_ops.aws.translate import aws_errors, found
from recovery_ops.errors import StepRejectedError

OURS = "recovery-ops-back-"
"""How the ids of our own rules begin; rules of others are never changed."""
CHANGED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "NoSuchVersion"})
"""How S3 refuses a conditional copy of a key that somebody has changed or removed, or is changing now."""


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
    return any(
        rule.get("Status") == "Enabled"
        and rule["Destination"]["Bucket"].split(":")[-1] == target
        and prefix.startswith(rule.get("Filter", {}).get("Prefix", rule.get("Prefix", "")) or "")
        for rule in _configuration(bucket, region).get("Rules", [])
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


def replicate_back(source: tuple[str, str], target: tuple[str, str], prefix: str) -> list[str]:
    """Let everything under ``prefix`` replicate from ``source`` to ``target``, each ``(bucket, region)``.

    The role is that of the opposite direction. What was written before the rule stood is copied onto itself, so that S3
    replicates it as well; what clients change meanwhile is left as they want it. Safe to repeat.

    Returns:
        What was done, one phrase each.

    Raises:
        StepRejectedError: Neither bucket has a replication role that could be used; nothing was changed.
    """
    done = []
    (bucket, region), (other, _) = source, target
    if not replicates_to(bucket, other, prefix, region):
        _add_rule(source, target, prefix)
        done.append(f"s3://{bucket}/{prefix} replicates to s3://{other}")
    sent = _send_again(source, target, prefix)
    return [*done, f"{sent} objects under s3://{bucket}/{prefix} were sent again"] if sent else done


def stop_replicating_back(bucket: str, prefix: str, region: str) -> list[str]:
    """Remove the rule that :func:`replicate_back` set; returns what was done. Safe to repeat."""
    configuration = _configuration(bucket, region)
    kept = [rule for rule in configuration.get("Rules", []) if rule.get("ID") != _rule_id(prefix)]
    if len(kept) == len(configuration.get("Rules", [])):
        return []
    with aws_errors(f"stop replication of s3://{bucket}/{prefix}", region=region):
        if kept:
            client("s3", region).put_bucket_replication(
                Bucket=bucket, ReplicationConfiguration={**configuration, "Rules": kept}
            )
        else:
            client("s3", region).delete_bucket_replication(Bucket=bucket)
    return [f"s3://{bucket}/{prefix} replicates back no more"]


def travelling(source: tuple[str, str], target: tuple[str, str], prefix: str) -> Iterator[str]:
    """Yield the keys whose current state in ``source``, ``(bucket, region)``, has not arrived in ``target``."""
    here, there = list_versions(source[0], prefix, source[1]), list_versions(target[0], prefix, target[1])
    for key, listed in here.current.items():
        if not has_arrived(listed, there.current.get(key)):
            yield f"s3://{source[0]}/{key}"


def _send_again(source: tuple[str, str], target: tuple[str, str], prefix: str) -> int:
    here, there = list_versions(source[0], prefix, source[1]), list_versions(target[0], prefix, target[1])
    stuck = [
        (key, listed)
        for key, listed in here.current.items()
        if not listed.hidden and (key, listed.version_id) not in there.versions
    ]
    hidden = [key for key, listed in here.current.items() if listed.hidden and key in there.visible()]
    sent = in_threads(lambda item: _copy_onto_itself(*source, *item), stuck)
    sent += in_threads(lambda key: _hide_again(here, source[1], key), hidden)
    return sum(sent)


def _copy_onto_itself(bucket: str, region: str, key: str, listed: Listed) -> bool:
    """Make a new version with the same content and metadata; return whether that was needed.

    A key that has changed since it was listed is left alone, for what changed it replicates by the rule. S3 itself
    refuses the copy when the key changes between the look and the copy.
    """
    seen = head(bucket, key, region)
    if seen is None or seen.get("VersionId") != listed.version_id or seen.get("ReplicationStatus") == "PENDING":
        return False
    return _copy(
        bucket,
        region,
        key,
        listed.version_id,
        IfMatch=seen["ETag"],
        MetadataDirective="REPLACE",
        Metadata={**seen.get("Metadata", {}), "recovery-ops-sent-again": listed.version_id},
        ContentType=seen.get("ContentType", "binary/octet-stream"),
    )


def _hide_again(here: Listing, region: str, key: str) -> bool:
    """Put a new delete marker on a key that is still hidden, so that it replicates; return whether that was done.

    S3 has no condition for that. A client that makes the key again between the look and the marker gets its object back
    on top, unless it acts again meanwhile.
    """
    if head(here.bucket, key, region) is not None:
        return False
    marker = hide(here.bucket, key, region)
    with aws_errors(f"look at versions of s3://{here.bucket}/{key}", region=region):
        # One page will do: this key comes before all that only begin like it, and its newest version comes first.
        page = client("s3", region).list_object_versions(Bucket=here.bucket, Prefix=key)
    ours = any(item["VersionId"] == marker and item["IsLatest"] for item in page.get("DeleteMarkers", []))
    newest = next((item["VersionId"] for item in page.get("Versions", []) if item["Key"] == key), None)
    if not ours or newest is None or (key, newest) in here.versions:
        return True
    _copy(here.bucket, region, key, newest, IfNoneMatch="*")
    return False


def _copy(bucket: str, region: str, key: str, version_id: str, **how: Any) -> bool:
    """Put a version on top of its key; return ``False`` when S3 says that the condition in ``how`` does not hold."""
    source = {"Bucket": bucket, "Key": key, "VersionId": version_id}
    try:
        with aws_errors(f"send s3://{bucket}/{key} again", region=region):
            client("s3", region).copy_object(Bucket=bucket, Key=key, CopySource=source, **how)
    except StepRejectedError as error:
        if error.facts.get("aws_code") in CHANGED:
            return False
        raise
    return True


def _add_rule(source: tuple[str, str], target: tuple[str, str], prefix: str) -> None:
    (bucket, region), (other, other_region) = source, target
    configuration = _configuration(bucket, region)
    role = configuration.get("Role") or _configuration(other, other_region).get("Role")
    if role is None:
        message = f"s3://{bucket} cannot replicate to s3://{other}: neither bucket names a replication role"
        raise StepRejectedError(message, region=region, bucket=bucket)
    rules = list(configuration.get("Rules", []))
    rule = {
        "ID": _rule_id(prefix),
        "Priority": 1 + max((int(item.get("Priority", 0)) for item in rules), default=0),
        "Status": "Enabled",
        "Filter": {"Prefix": prefix},
        "DeleteMarkerReplication": {"Status": "Enabled"},
        "Destination": {"Bucket": f"arn:{role.split(':')[1]}:s3:::{other}"},
    }
    with aws_errors(f"replicate s3://{bucket}/{prefix} to s3://{other}", region=region):
        client("s3", region).put_bucket_replication(
            Bucket=bucket, ReplicationConfiguration={"Role": role, "Rules": [*rules, rule]}
        )


def _configuration(bucket: str, region: str) -> dict[str, Any]:
    with aws_errors(f"look at replication of s3://{bucket}", region=region):
        answer = found(lambda: client("s3", region).get_bucket_replication(Bucket=bucket))
    return dict((answer or {}).get("ReplicationConfiguration", {}))


def _rule_id(prefix: str) -> str:
    return f"{OURS}{prefix.strip('/').replace('/', '-')}"
