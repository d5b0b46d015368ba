"""Buckets as failovers fence them: nobody but this library writes under a prefix, and S3 replicates into it."""

import hashlib
import json
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from recovery_ops.aws.clients import client
from recovery_ops.aws.permissions import principal_of
from recovery_ops.aws.translate import aws_errors, found

FENCE = "RecoveryOpsFence"
"""How the ids of our statements begin; statements of others are never changed."""
WRITES = ("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObject")
"""What writers call. S3's own replication needs other actions (``s3:ReplicateObject``, ``s3:ReplicateDelete``), source:
Amazon S3 User Guide, "Setting up permissions for live replication"."""
ACTIONS = frozenset({"s3:DeleteBucketPolicy", "s3:GetBucketPolicy", "s3:PutBucketPolicy", "sts:GetCallerIdentity"})
"""What fencing needs."""

_editing: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
"""One per bucket: components share buckets, and S3 knows no condition on the policy that is replaced."""


def keep_writers_out(s3: Any, bucket: str, prefix: str, *, asked_in: str, why: str) -> None:
    """Deny writes under ``prefix`` by the bucket policy, to everybody but ourselves. Safe to repeat.

    A failback writes to the bucket while its fence stands. Whoever of us sets the fence again, under another role, is
    added to those who may. Other statements of the policy stay.

    Args:
        s3: A client of the bucket's region, usually a suspect one.
        bucket: Its name.
        prefix: Of the keys, with a slash at its end.
        asked_in: A region that is alive, to ask who we are.
        why: Beginning of messages.
    """
    ours = _patterns(principal_of(asked_in))
    with _editing[bucket]:
        policy = _policy(s3, bucket)
        others, fence = _apart(policy, prefix)
        spared = _spared(fence)
        if not set(ours) <= set(spared):
            made = _fence(bucket, prefix, sorted({*spared, *ours}))
            _put(s3, bucket, {**policy, "Statement": [*others, made]}, why)


def let_us_in(bucket: str, prefix: str, region: str) -> None:
    """See to it that a fence of ours on ``bucket`` spares us, whoever of us has set it. Safe to repeat."""
    s3 = client("s3", region)
    if _apart(_policy(s3, bucket), prefix)[1] is not None:
        keep_writers_out(s3, bucket, prefix, asked_in=region, why=f"write to s3://{bucket}/{prefix}")


def let_writers_in(s3: Any, bucket: str, prefix: str, why: str) -> None:
    """Take our denial back, if there is one. Safe to repeat."""
    with _editing[bucket]:
        policy = _policy(s3, bucket)
        others, fence = _apart(policy, prefix)
        if fence is None:
            return
        if others:
            _put(s3, bucket, {**policy, "Statement": others}, why)
        else:
            with aws_errors(f"{why}: remove the policy of s3://{bucket}", region=s3.meta.region_name):
                s3.delete_bucket_policy(Bucket=bucket)


def _fence(bucket: str, prefix: str, spared: Iterable[str]) -> Mapping[str, Any]:
    principals = list(spared)
    partition = principals[0].split(":")[1]
    return {
        "Sid": _sid(prefix),
        "Effect": "Deny",
        "Principal": "*",
        "Action": list(WRITES),
        "Resource": f"arn:{partition}:s3:::{bucket}/{prefix}*",
        "Condition": {"ArnNotLike": {"aws:PrincipalArn": principals}},
    }


def _sid(prefix: str) -> str:
    """Return the id of the statement for a prefix: letters and digits only, one per prefix."""
    return FENCE + hashlib.sha256(prefix.encode()).hexdigest()[:8]


def _patterns(principal: str) -> list[str]:
    """Return what a role is called in ``aws:PrincipalArn``, which has its path; STS does not tell the path."""
    start, found_, name = principal.partition(":role/")
    return [principal, f"{start}:role/*/{name}"] if found_ else [principal]


def _spared(fence: Mapping[str, Any] | None) -> list[str]:
    named = (fence or {}).get("Condition", {}).get("ArnNotLike", {}).get("aws:PrincipalArn", [])
    return [named] if isinstance(named, str) else list(named)


def _apart(policy: Mapping[str, Any], prefix: str) -> tuple[list[Any], Mapping[str, Any] | None]:
    """Return the statements of others, and ours for this prefix."""
    stated = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    ours = [item for item in stated if item.get("Sid") == _sid(prefix)]
    return [item for item in stated if item not in ours], ours[0] if ours else None


def _policy(s3: Any, bucket: str) -> dict[str, Any]:
    with aws_errors(f"look at the policy of s3://{bucket}", region=s3.meta.region_name):
        answer = found(lambda: s3.get_bucket_policy(Bucket=bucket))
    return dict(json.loads(answer["Policy"])) if answer else {"Version": "2012-10-17", "Statement": []}


def _put(s3: Any, bucket: str, policy: Mapping[str, Any], why: str) -> None:
    with aws_errors(f"{why}: set the policy of s3://{bucket}", region=s3.meta.region_name):
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
