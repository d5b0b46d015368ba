"""Whether buckets are set up so that recovery can rely on them; reads only."""

from recovery_ops.aws.clients import client
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
