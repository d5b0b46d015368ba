"""What stands of a feature store in a region beside what its recovery needs there; reads only."""

from collections.abc import Iterable
from typing import Any

from recovery_ops.aws import replication, tables
from recovery_ops.aws.pinned import absent, list_versions
from recovery_ops.kinds import StepContext, replicated, replication_findings
from recovery_ops.kinds.feature_store.pinning import known_table
from recovery_ops.kinds.feature_store.proving import suite_file
from recovery_ops.kinds.feature_store.settings import FeatureStoreSettings
from recovery_ops.model.cost import GIB, Purpose, Usage
from recovery_ops.model.finding_codes import finding
from recovery_ops.model.findings import Finding


def readiness(settings: FeatureStoreSettings, ctx: StepContext) -> Iterable[Finding]:
    """Say whether the replica, its recovery, the bucket, the suites and the point are there."""
    name, (bucket, region) = ctx.component.name, settings.offline.place(ctx.target_region)
    for suite in (settings.suites.online, settings.suites.offline):
        if (path := suite_file(ctx, suite)) is not None and not path.is_file():
            yield finding("no-suite", name, f"{path} is not there", subject=str(suite))
    table = known_table(settings, ctx)
    if tables.describe(table, region) is None:
        yield finding("no-replica", name, f"table {table} has no replica in {region}")
    elif tables.window(table, region) is None:
        what = f"point-in-time recovery of {table} is off in {region}"
        yield finding("no-point-in-time-recovery", name, what)
    if (problem := replication.not_versioned(bucket, region)) is not None:
        yield finding("bucket-not-versioned", name, problem)
    elif ctx.capture is None:
        yield finding("no-recovery-point", name, f"{name} is in no recovery point")
    elif gone := absent(ctx.capture.objects, list_versions(bucket, settings.offline.prefix, region)):
        what = f"{len(gone)} pinned objects are not in s3://{bucket}, for example {gone[0].key}"
        yield finding("not-replicated", name, what)


def compare(settings: FeatureStoreSettings, ctx: StepContext) -> Iterable[Finding]:
    """Say whether the table replicates to the target region, and offline features too."""
    table, region = known_table(settings, ctx), ctx.target_region
    replicas = (tables.describe(table, ctx.source_region) or {}).get("Replicas", [])
    states = {replica["RegionName"]: str(replica.get("ReplicaStatus", tables.ACTIVE)) for replica in replicas}
    if (state := states.get(region)) != tables.ACTIVE:
        what = f"as {ctx.source_region} sees it, the replica of {table} in {region} is {state or 'absent'}"
        yield finding("replica-not-active", ctx.component.name, what)
    yield from replication_findings(ctx, settings.offline.bucket, settings.offline.prefix)


def footprint(settings: FeatureStoreSettings, ctx: StepContext) -> Iterable[Usage]:
    """Say what the replica, its point-in-time recovery and the copy of offline features store."""
    table, region = known_table(settings, ctx), ctx.target_region
    held = int((tables.describe(table, region) or {}).get("TableSizeBytes", 0)) / GIB
    about: dict[str, Any] = {"component": ctx.component.name, "region": region, "purpose": Purpose.REPLICATED}
    yield Usage(what=f"replica of {table}", sku="dynamodb:storage", quantity=held, **about)
    if tables.window(table, region) is not None:
        what = f"point-in-time recovery of {table}"
        yield Usage(what=what, sku="dynamodb:point-in-time-recovery", quantity=held, **about)
    yield replicated(ctx, settings.offline.bucket, settings.offline.prefix)
