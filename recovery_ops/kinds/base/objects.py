"""What kinds share whose objects lie in replicated, versioned buckets."""

from collections.abc import Iterable
from datetime import UTC, datetime

from recovery_ops.aws import fences, replication
from recovery_ops.aws.objects import stored_bytes
from recovery_ops.kinds.base.context import StepContext
from recovery_ops.model.cost import GIB, Purpose, Usage
from recovery_ops.model.finding_codes import finding
from recovery_ops.model.findings import Finding, Severity

OBJECT_ACTIONS = fences.ACTIONS | frozenset(
    {
        "iam:PassRole",
        "s3:DeleteObject",
        "s3:GetBucketVersioning",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:GetReplicationConfiguration",
        "s3:ListBucketVersions",
        "s3:PutObject",
        "s3:PutReplicationConfiguration",
    }
)
"""What a kind calls whose objects lie in replicated, versioned buckets."""


def replicated(ctx: StepContext, bucket: str, prefix: str) -> Usage:
    """Return the storage of the copy of ``prefix`` in the target region, for :meth:`Kind.footprint`."""
    place, region = bucket.format(region=ctx.target_region), ctx.target_region
    return Usage(
        component=ctx.component.name,
        region=region,
        purpose=Purpose.REPLICATED,
        what=f"s3://{place}/{prefix}, every version",
        sku="s3:standard",
        quantity=stored_bytes(place, prefix, region) / GIB,
    )


def replication_findings(ctx: StepContext, bucket: str, prefix: str) -> Iterable[Finding]:
    """Say whether ``prefix`` of the bucket template ``bucket`` replicates from source to target, and how far behind.

    Lag is a blocker as soon as it is longer than the component's RPO. For :meth:`Kind.compare` of kinds with objects.
    """
    name, (here, there) = ctx.component.name, (bucket.format(region=r) for r in (ctx.source_region, ctx.target_region))
    if not replication.replicates_to(here, there, prefix, ctx.source_region):
        yield finding("no-replication", name, f"no rule of s3://{here} replicates {prefix} to s3://{there}")
    late = replication.lag(here, there, prefix, region=ctx.source_region, target_region=ctx.target_region)
    if late is not None:
        behind_s = (datetime.now(UTC) - late.oldest_at).total_seconds() / (ctx.time_factor or 1.0)
        missed = ctx.component.rpo_s is not None and behind_s > ctx.component.rpo_s
        what = f"{late.count} objects under {prefix} wait since {behind_s:.0f} s, for example {late.example}"
        yield finding("replication-lag", name, what, severity=Severity.BLOCKER if missed else None)


def fence_objects(ctx: StepContext, place: tuple[str, str], prefix: str) -> str:
    """Deny writes under ``prefix`` of the bucket of the region we leave, ``(bucket, region)``; replication goes on.

    Returns what was fenced, for :meth:`Kind.fence`.
    """
    bucket, why = place[0], f"{ctx.component.name}.fence"
    fences.keep_writers_out(ctx.suspect("s3"), bucket, prefix, asked_in=ctx.living_region, why=why)
    return f"writes to s3://{bucket}/{prefix} are denied"


def unfence_objects(ctx: StepContext, place: tuple[str, str], prefix: str) -> str:
    """Let writers in; returns what is open, for :meth:`Kind.unfence`."""
    bucket, why = place[0], f"{ctx.component.name}.unfence"
    fences.let_writers_in(ctx.suspect("s3"), bucket, prefix, why)
    return f"writes to s3://{bucket}/{prefix} are allowed"
