"""Two regions with a table and a bucket each: what one owes the other, and what became of writes while they parted."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from recovery_ops.aws import items, parting, replication, tables
from recovery_ops.errors import NoRecoveryPointError
from recovery_ops.kinds import Parted, Reconciliation, StepContext
from recovery_ops.kinds.feature_store.pinning import served_table
from recovery_ops.kinds.feature_store.settings import FeatureStoreSettings
from recovery_ops.model.operations import OperationState


def debts(settings: FeatureStoreSettings, ctx: StepContext) -> Iterable[str]:
    """Return what cannot replicate back before the region that was left is alive."""
    offline, table = settings.offline, str(ctx.output(ctx.component.name, "table"))
    (wanted, source), (bucket, target) = (offline.place(region) for region in (ctx.source_region, ctx.target_region))
    if not replication.replicates_to(bucket, wanted, offline.prefix, target):
        yield f"replicate s3://{bucket}/{offline.prefix} to s3://{wanted} once {source} is back"
    replicas = (tables.describe(table, target) or {}).get("Replicas", [])
    if source not in {replica["RegionName"] for replica in replicas}:
        yield f"add a replica of {table} in {source} once it is back"


def replicate_back(settings: FeatureStoreSettings, ctx: StepContext) -> Iterable[str]:
    """Let offline features replicate to the healed region, and give the served table a replica there."""
    served, healed, offline = ctx.target_region, ctx.source_region, settings.offline
    table = served_table(settings, served)
    yield from replication.replicate_back(offline.place(served), offline.place(healed), offline.prefix)
    if tables.add_replica(table, served, healed):
        yield f"table {table} gets a replica in {healed}"


def travelling(settings: FeatureStoreSettings, ctx: StepContext) -> Iterable[str]:
    """Say which offline objects and which items are not the same in both regions."""
    source, target, offline = ctx.source_region, ctx.target_region, settings.offline
    table = served_table(settings, source)
    yield from replication.travelling(offline.place(source), offline.place(target), offline.prefix)
    here, there = (_rows(settings, table, region) for region in (source, target))
    yield from (f"{table} {key}" for key in sorted({*here, *there}) if here.get(key) != there.get(key))


def reconcile(settings: FeatureStoreSettings, ctx: StepContext, parted: Parted) -> Reconciliation:
    """Restore both tables to the second of the loss and compare them with each other and with what is served.

    What differed then had not been replicated. DynamoDB itself tells nobody which writes lost against a later one.
    """
    home, away, prefix = ctx.target_region, ctx.source_region, settings.offline.prefix
    places = settings.offline.place(home), settings.offline.place(away)
    offline = parting.object_story(*places, prefix, parted.lost_at, until=ctx.impact_at, factor=ctx.time_factor)
    table, second = served_table(settings, away), parting.whole_second_after(parted.lost_at)
    try:
        for region in (home, away):  # nothing is restored that has nothing to be compared with
            tables.until_restorable(table, second, region, factor=ctx.time_factor, clock=ctx.clock)
        restored = {region: _as_of(table, second, region, ctx) for region in (home, away)}
    except NoRecoveryPointError as error:
        basis = f"versions under {prefix}; writes to {table} are not known: {error.message}"
        return Reconciliation(merged=offline.merged, conflicts=offline.conflicts, basis=basis, waiting_for=offline.lost)
    waiting = [f"{name} in {region}" for region, name in restored.items() if not _stands(name, region)]
    if waiting or offline.lost:
        return Reconciliation(waiting_for=(*waiting, *offline.lost))
    here, there = (_rows(settings, name, region) for region, name in restored.items())
    now = _rows(settings, table, away)
    online = parting.item_story(here, there, now, since=second, timestamp=settings.timestamp, names=(home, away))
    return Reconciliation(
        merged=online.merged + offline.merged,
        conflicts=(*online.conflicts, *offline.conflicts),
        lost=online.lost,
        basis=f"{table} of both regions restored to {second:%Y-%m-%d %H:%M:%S} UTC, versions under {prefix}",
    )


def put_away(settings: FeatureStoreSettings, ctx: StepContext) -> None:
    """Remove both tables that were restored to be compared."""
    table = served_table(settings, ctx.source_region)
    for region in (ctx.target_region, ctx.source_region):
        tables.remove(_parted(table, ctx), region)


def _parted(table: str, ctx: StepContext) -> str:
    return f"{table[:200]}-{ctx.run_id}-parted"


def _as_of(table: str, second: datetime, region: str, ctx: StepContext) -> str:
    name = _parted(table, ctx)
    tables.restore(table, name, second, region, factor=ctx.time_factor, clock=ctx.clock)
    return name


def _stands(table: str, region: str) -> bool:
    return tables.progress(table, region).state is OperationState.SUCCEEDED


def _rows(settings: FeatureStoreSettings, table: str, region: str) -> dict[str, Mapping[str, Any]]:
    return parting.by_key(items.scan(table, region), settings.key)
