"""``feature-store``: a self-managed one, DynamoDB online with a replica and Parquet offline."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from recovery_ops.aws import items, parting, published, replication, tables
from recovery_ops.aws.objects import pin
from recovery_ops.aws.pinned import absent, keep_newest, list_versions, restore_exactly
from recovery_ops.catalog.quantities import BucketTemplate, Duration
from recovery_ops.errors import NoRecoveryPointError
from recovery_ops.kinds import (
    OBJECT_ACTIONS,
    Kind,
    KindSettings,
    Parted,
    Reconciliation,
    Stage,
    StepContext,
    kind,
    replicated,
    replication_findings,
)
from recovery_ops.model.access import PASSED_TO_S3
from recovery_ops.model.checks import Check, Gate
from recovery_ops.model.cost import GIB, Purpose, Usage
from recovery_ops.model.finding_codes import finding
from recovery_ops.model.findings import Finding
from recovery_ops.model.operations import OperationRef, OperationState, OperationStatus
from recovery_ops.model.plan import Intent, Phase, PhaseCost
from recovery_ops.model.points import Capture
from recovery_ops.model.runs import ANY_RUN
from recovery_ops.model.system import Component, System
from recovery_ops.quality.datasets import Dataset, profile_objects
from recovery_ops.quality.feature_gates import as_of_check, consistency_check, freshness_check, newest_of, written_until
from recovery_ops.quality.manifest import Restored, Tolerance, judge_against_profile
from recovery_ops.quality.probes import broken_probe
from recovery_ops.quality.profile import FrameProfile, profile_frame
from recovery_ops.quality.suites import judge_file

REPLICATED_S = 2.0
"""Age at which a write has reached every replica. Source: of global tables AWS says typically within a second."""
RESTORED_S = 600.0
"""How long a restored table takes more than a replica. Source: none of AWS; the estimate of the sandbox's durations."""
DEFAULT_FRESHNESS_S = 60.0


class Offline(KindSettings):
    """Where offline features lie: Parquet in a replicated, versioned bucket."""

    bucket: BucketTemplate
    prefix: str = Field(min_length=1, pattern=r"/$")


class Suites(KindSettings):
    """Great Expectations suites, JSON files in the folder beside the catalog."""

    online: str | None = None
    offline: str | None = None


class FeatureStoreSettings(KindSettings):
    """Settings of a ``feature-store``.

    Example:
        ```yaml
        table: fraud-features
        key: entity_id
        table_parameter: /fraud-detection/features/table
        offline: {bucket: "fraud-data-{region}", prefix: features/offline/}
        suites: {online: suites/features_online.json, offline: suites/features_offline.json}
        freshness: 1m
        ```
    """

    table: str = Field(pattern=r"^[a-zA-Z0-9_.-]{3,255}$")
    """Global table of online features; the same name in every region until a restore makes another one."""
    key: str
    """Partition key, text; also a column offline."""
    version: str = "version"
    """Number that grows with every write of an item; also a column offline."""
    timestamp: str = "updated_at"
    """Time of the write, ISO 8601 text; also a column offline."""
    table_parameter: str = Field(pattern=r"^/")
    """SSM parameter that tells readers and writers the name of the table."""
    offline: Offline
    suites: Suites = Suites()
    freshness: Duration | None = None
    """How old the newest captured write may be at the impact; the component's RPO unless named."""


@kind("feature-store")
class FeatureStore(Kind):
    """Region loss adopts the live replica and takes nothing from it; corruption restores to the second of the point.

    The restored table is called ``<table>-<run id>``; the parameter tells everybody its name. The old one stays to be
    looked at. Offline features come back by pinned versions.
    """

    settings_model = FeatureStoreSettings
    stateful: ClassVar[bool] = True
    gates = frozenset({Gate.DATA, Gate.INTEGRITY, Gate.CONSISTENCY, Gate.FRESHNESS})
    aws_actions = OBJECT_ACTIONS | frozenset(
        {
            "dynamodb:BatchWriteItem",
            "dynamodb:CreateTableReplica",
            "dynamodb:DeleteItem",
            "dynamodb:DeleteResourcePolicy",
            "dynamodb:DeleteTable",
            "dynamodb:DescribeContinuousBackups",
            "dynamodb:DescribeTable",
            "dynamodb:GetItem",
            "dynamodb:GetResourcePolicy",
            "dynamodb:PutItem",
            "dynamodb:PutResourcePolicy",
            "dynamodb:Query",
            "dynamodb:RestoreTableToPointInTime",
            "dynamodb:Scan",
            "dynamodb:TagResource",
            "dynamodb:UpdateContinuousBackups",
            "dynamodb:UpdateItem",
            "dynamodb:UpdateTable",
            "ssm:GetParameter",
            "ssm:PutParameter",
            "sts:GetCallerIdentity",
        }
    )

    def __init__(self, component: Component) -> None:
        super().__init__(component)
        self.settings = FeatureStoreSettings.model_validate(dict(component.settings))

    @classmethod
    def costs(cls, component: Component) -> Mapping[Phase, PhaseCost]:  # noqa: ARG003 - the replica is the usual case
        """Return the cost with a live replica; the budget allows for a restore."""
        return {
            Phase.REHYDRATE: PhaseCost(estimate_s=15, budget_s=3600, control_planes=("dynamodb",)),
            Phase.VERIFY: PhaseCost(estimate_s=30, budget_s=900),
        }

    @classmethod
    def costs_from_point(cls, component: Component) -> Mapping[Phase, PhaseCost]:
        """Return the cost with a table that is restored first."""
        costs = cls.costs(component)
        rehydrate = costs[Phase.REHYDRATE]
        return {**costs, Phase.REHYDRATE: replace(rehydrate, estimate_s=rehydrate.estimate_s + RESTORED_S)}

    def start(self, phase: Phase, ctx: StepContext) -> OperationRef:
        """Bring offline features back by versions; adopt the replica, or start a restore.

        Raises:
            NoRecoveryPointError: There is no replica and nothing to restore from.
            PointDamagedError: A pinned offline object is not in the target region.
        """
        if phase is not Phase.REHYDRATE:
            return super().start(phase, ctx)
        capture, exact = self._capture(ctx), ctx.intent is Intent.CORRUPTION
        table = str(capture.content["table"])
        if not ctx.isolated:
            bring_back = restore_exactly if exact else keep_newest
            bring_back(capture.objects, self.settings.offline.prefix, ctx.target_region)
        if tables.describe(table, ctx.target_region) is None:
            message = f"{self.component.name}: there is no replica {table} in {ctx.target_region} to adopt or restore"
            raise NoRecoveryPointError(message, component=self.component.name, region=ctx.target_region)
        if not exact:
            return ctx.ref(phase, table, source="replica")
        restored, at = self._restored(ctx), _restore_at(capture)
        tables.restore(table, restored, at, ctx.target_region, factor=ctx.time_factor, clock=ctx.clock)
        return ctx.ref(phase, restored, source="point")

    def poll(self, ref: OperationRef, ctx: StepContext) -> OperationStatus:
        """Look whether the table is active."""
        return tables.progress(ref.resource_id, ctx.target_region)

    def finish(self, ref: OperationRef, ctx: StepContext) -> Mapping[str, Any]:
        """Protect, tag and publish the table; a drill publishes nothing and leaves the replica untouched."""
        if not ctx.isolated or ref.details["source"] == "point":
            tables.enable_recovery(ref.resource_id, ctx.target_region)
            tables.tag(ref.resource_id, ctx.tags, ctx.target_region)
        if not ctx.isolated:
            published.publish(self.settings.table_parameter, ref.resource_id, ctx.target_region)
        return {
            "table": ref.resource_id,
            "key": self.settings.key,
            "source": ref.details["source"],
            "offline_bucket": self._bucket(ctx.target_region),
            "offline_prefix": self.settings.offline.prefix,
        }

    def verify(self, ctx: StepContext) -> Iterable[Check]:
        """Judge offline and online data, that both tell the same story, and how recent it is."""
        name, capture = self.component.name, self._capture(ctx)
        checks, offline = self._offline(ctx).judge()
        yield from checks
        online = items.scan(self._table(ctx), ctx.target_region)
        yield from self._online_checks(online, ctx)
        if offline is None:
            yield broken_probe(name, Gate.CONSISTENCY, "online and offline", "offline features could not be read")
        else:
            yield consistency_check(
                name,
                _rows(offline),
                online,
                key=self.settings.key,
                version=self.settings.version,
                besides=frozenset({self.settings.timestamp}),
            )
        yield self._freshness(online, capture, ctx)

    def protect(self, ctx: StepContext, stage: Stage) -> Capture:  # noqa: ARG002 - nothing but versions is kept
        """Note the whole second that the table can be restored to, profile it, and pin the offline objects.

        A scan also sees what came after it, which no restore brings back. Writes that were acknowledged shortly before
        that second may be missing in a table that is restored from a replica, so the profile is that of rows which were
        :data:`REPLICATED_S` old then.
        """
        watermark, region = datetime.now(UTC).replace(microsecond=0), ctx.source_region
        table = published.value_of(self.settings.table_parameter, region) or self.settings.table
        facts = self.settings
        online = written_until(items.scan(table, region), facts.timestamp, watermark)
        objects = pin(facts.offline.bucket, facts.offline.prefix, region)
        offline = profile_objects(
            objects, region, component=self.component.name, key=(facts.key,), timestamp=facts.timestamp
        )
        newest = newest_of(online, facts.timestamp)
        settled = watermark - timedelta(seconds=REPLICATED_S)
        arrived = written_until(online, facts.timestamp, settled) or online
        return Capture(
            component=self.component.name,
            kind=self.name,
            watermark=watermark,
            objects=objects,
            content={
                "table": table,
                "restore_at": watermark.isoformat(),
                "newest": newest.isoformat() if newest else None,
                "online": profile_frame(_frame(arrived), (facts.key,), facts.timestamp).to_json(),
                "offline": offline.to_json(),
            },
        )

    def missing(self, capture: Capture, ctx: StepContext) -> Iterable[str]:
        """Say when the table is not in the target region, or cannot be restored to the second of the point."""
        table, limits = str(capture.content["table"]), tables.window(str(capture.content["table"]), ctx.target_region)
        if tables.describe(table, ctx.target_region) is None:
            yield f"table {table} is not in {ctx.target_region}"
        elif limits is None:
            yield f"point-in-time recovery of {table} is off in {ctx.target_region}"
        elif _restore_at(capture) < limits[0].replace(microsecond=0):
            yield f"{table} in {ctx.target_region} can be restored only from {limits[0]:%Y-%m-%d %H:%M:%S} UTC on"

    def live_watermark(self, ctx: StepContext) -> datetime | None:
        """Return until when the live replica has captured writes, at most T0; ``None`` without a replica.

        That is the newest replicated write. Where nothing was written since the point, the watermark of the point is
        later and counts, as soon as the replica holds the newest write that the point saw: unchanged is not old.
        """
        table = self._known_table(ctx)
        seen = tables.describe(table, ctx.target_region)
        if seen is None or seen["TableStatus"] not in (tables.ACTIVE, "UPDATING"):
            return None
        return self._captured_until(items.scan(table, ctx.target_region), ctx)

    def readiness(self, ctx: StepContext) -> Iterable[Finding]:
        """Say whether the replica, its recovery, the bucket, the suites and the point are there; reads only."""
        name, region, bucket = self.component.name, ctx.target_region, self._bucket(ctx.target_region)
        for suite in (self.settings.suites.online, self.settings.suites.offline):
            if (path := self._suite(ctx, suite)) is not None and not path.is_file():
                yield finding("no-suite", name, f"{path} is not there", subject=str(suite))
        table = self._known_table(ctx)
        if tables.describe(table, region) is None:
            yield finding("no-replica", name, f"table {table} has no replica in {region}")
        elif tables.window(table, region) is None:
            what = f"point-in-time recovery of {table} is off in {region}"
            yield finding("no-point-in-time-recovery", name, what)
        if (problem := replication.not_versioned(bucket, region)) is not None:
            yield finding("bucket-not-versioned", name, problem)
        elif ctx.capture is None:
            yield finding("no-recovery-point", name, f"{name} is in no recovery point")
        elif gone := absent(ctx.capture.objects, list_versions(bucket, self.settings.offline.prefix, region)):
            what = f"{len(gone)} pinned objects are not in s3://{bucket}, for example {gone[0].key}"
            yield finding("not-replicated", name, what)

    def compare(self, ctx: StepContext) -> Iterable[Finding]:
        """Say whether the table replicates to the target region, and offline features too; reads only."""
        table, region = self._known_table(ctx), ctx.target_region
        replicas = (tables.describe(table, ctx.source_region) or {}).get("Replicas", [])
        states = {replica["RegionName"]: str(replica.get("ReplicaStatus", tables.ACTIVE)) for replica in replicas}
        if (state := states.get(region)) != tables.ACTIVE:
            what = f"as {ctx.source_region} sees it, the replica of {table} in {region} is {state or 'absent'}"
            yield finding("replica-not-active", self.component.name, what)
        yield from replication_findings(ctx, self.settings.offline.bucket, self.settings.offline.prefix)

    def footprint(self, ctx: StepContext) -> Iterable[Usage]:
        """Say what the replica, its point-in-time recovery and the copy of offline features store; reads only."""
        table, region = self._known_table(ctx), ctx.target_region
        held = int((tables.describe(table, region) or {}).get("TableSizeBytes", 0)) / GIB
        facts: dict[str, Any] = {"component": self.component.name, "region": region, "purpose": Purpose.REPLICATED}
        yield Usage(what=f"replica of {table}", sku="dynamodb:storage", quantity=held, **facts)
        if tables.window(table, region) is not None:
            what = f"point-in-time recovery of {table}"
            yield Usage(what=what, sku="dynamodb:point-in-time-recovery", quantity=held, **facts)
        yield replicated(ctx, self.settings.offline.bucket, self.settings.offline.prefix)

    def fence(self, ctx: StepContext) -> Iterable[str]:
        """Deny writes to the table of the region we leave; its replication goes on."""
        arn = self._source_arn(ctx)
        tables.keep_writers_out(ctx.suspect("dynamodb"), arn, f"{self.component.name}.fence")
        return [f"writes to {arn} are denied"]

    def unfence(self, ctx: StepContext) -> Iterable[str]:
        """Let writers in again."""
        arn = self._source_arn(ctx)
        taken_back = tables.let_writers_in(ctx.suspect("dynamodb"), arn, f"{self.component.name}.unfence")
        return [f"writes to {arn} are allowed again"] if taken_back else []

    def resources(self, system: System) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002
        """Return the table and what runs restore from it, which alone is deleted; and the parameter that names it."""
        restored = f"dynamodb:table/{self.settings.table[:200]}-{ANY_RUN}"
        return {
            "dynamodb:": (f"dynamodb:table/{self.settings.table}", restored),
            "dynamodb:DeleteTable": (restored,),
            "ssm:": (f"ssm:parameter{self.settings.table_parameter}",),
        }

    def passes(self, system: System) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002
        """Return the role of replication."""
        return PASSED_TO_S3

    def names(self, ctx: StepContext) -> Iterable[str]:
        """Return the table that is restored when no replica may be trusted."""
        return [f"table {self._restored(ctx)}"] if ctx.intent is Intent.CORRUPTION else []

    def _restored(self, ctx: StepContext) -> str:
        return f"{self.settings.table[:230]}-{ctx.run_id}"

    def release(self, ctx: StepContext) -> Iterable[str]:
        """Delete the table that this run restored, unless it is the one that readers are told."""
        restored = self._restored(ctx)
        if published.value_of(self.settings.table_parameter, ctx.target_region) == restored:
            return []
        return [f"table {restored}"] if tables.remove(restored, ctx.target_region) else []

    def reprotect(self, ctx: StepContext) -> Iterable[str]:
        """Return what cannot replicate back before the region that was left is alive."""
        place, table = self.settings.offline, self._table(ctx)
        wanted, bucket = self._bucket(ctx.source_region), self._bucket(ctx.target_region)
        if not replication.replicates_to(bucket, wanted, place.prefix, ctx.target_region):
            yield f"replicate s3://{bucket}/{place.prefix} to s3://{wanted} once {ctx.source_region} is back"
        replicas = (tables.describe(table, ctx.target_region) or {}).get("Replicas", [])
        if ctx.source_region not in {replica["RegionName"] for replica in replicas}:
            yield f"add a replica of {table} in {ctx.source_region} once it is back"

    def replicate_back(self, ctx: StepContext) -> Iterable[str]:
        """Let offline features replicate to the healed region, and give the served table a replica there."""
        prefix, table = self.settings.offline.prefix, self._served(ctx.target_region)
        yield from replication.replicate_back(self._place(ctx.target_region), self._place(ctx.source_region), prefix)
        if tables.add_replica(table, ctx.target_region, ctx.source_region):
            yield f"table {table} gets a replica in {ctx.source_region}"

    def stop_replicating_back(self, ctx: StepContext) -> Iterable[str]:
        """Remove our rule from the bucket of the region that was left; a global table replicates both ways anyway."""
        place, prefix = self._place(ctx.source_region), self.settings.offline.prefix
        return replication.stop_replicating_back(place[0], prefix, ctx.source_region)

    def travelling(self, ctx: StepContext) -> Iterable[str]:
        """Say which offline objects and which items are not the same in both regions."""
        prefix, table = self.settings.offline.prefix, self._served(ctx.source_region)
        yield from replication.travelling(self._place(ctx.source_region), self._place(ctx.target_region), prefix)
        here, there = (self._rows(table, region) for region in (ctx.source_region, ctx.target_region))
        yield from (f"{table} {key}" for key in sorted({*here, *there}) if here.get(key) != there.get(key))

    def reconcile(self, ctx: StepContext, parted: Parted) -> Reconciliation:
        """Restore both tables to the second of the loss and compare them with each other and with what is served.

        What differed then had not been replicated. DynamoDB itself tells nobody which writes lost against a later one.
        """
        home, away, prefix = (
            self._place(ctx.target_region),
            self._place(ctx.source_region),
            self.settings.offline.prefix,
        )
        offline = parting.object_story(home, away, prefix, parted.lost_at)
        table, second = self._served(ctx.source_region), parting.whole_second_after(parted.lost_at)
        try:
            restored = {region: self._as_of(table, second, region, ctx) for region in (home[1], away[1])}
        except NoRecoveryPointError as error:
            basis = f"versions under {prefix}; writes to {table} are not known: {error.message}"
            return Reconciliation(
                merged=offline.merged, conflicts=offline.conflicts, basis=basis, waiting_for=offline.lost
            )
        waiting = [f"{name} in {region}" for region, name in restored.items() if not self._stands(name, region)]
        if waiting or offline.lost:
            return Reconciliation(waiting_for=(*waiting, *offline.lost))
        here, there = (self._rows(restored[region], region) for region in (home[1], away[1]))
        online = parting.item_story(
            here,
            there,
            self._rows(table, away[1]),
            since=second,
            timestamp=self.settings.timestamp,
            names=(home[1], away[1]),
        )
        for region, name in restored.items():
            tables.remove(name, region)
        return Reconciliation(
            merged=online.merged + offline.merged,
            conflicts=(*online.conflicts, *offline.conflicts),
            lost=online.lost,
            basis=f"{table} of both regions restored to {second:%Y-%m-%d %H:%M:%S} UTC, versions under {prefix}",
        )

    def _as_of(self, table: str, second: datetime, region: str, ctx: StepContext) -> str:
        name = f"{table[:200]}-{ctx.run_id}-parted"
        tables.restore(table, name, second, region, factor=ctx.time_factor, clock=ctx.clock)
        return name

    def _stands(self, table: str, region: str) -> bool:
        return tables.progress(table, region).state is OperationState.SUCCEEDED

    def _served(self, region: str) -> str:
        return published.value_of(self.settings.table_parameter, region) or self.settings.table

    def _rows(self, table: str, region: str) -> dict[str, Mapping[str, Any]]:
        return parting.by_key(items.scan(table, region), self.settings.key)

    def _place(self, region: str) -> tuple[str, str]:
        return self._bucket(region), region

    def _bucket(self, region: str) -> str:
        return self.settings.offline.bucket.format(region=region)

    def _source_arn(self, ctx: StepContext) -> str:
        return tables.arn_of(self._known_table(ctx), ctx.source_region, asked_in=ctx.target_region)

    def _known_table(self, ctx: StepContext) -> str:
        """Return the table that the point names: it has another name once it was restored."""
        return str(ctx.capture.content["table"]) if ctx.capture else self.settings.table

    def _table(self, ctx: StepContext) -> str:
        return str(ctx.output(self.component.name, "table"))

    def _capture(self, ctx: StepContext) -> Capture:
        if ctx.capture is None:
            message = f"{self.component.name}: a feature store comes back with a recovery point, and there is none"
            raise NoRecoveryPointError(message, component=self.component.name)
        return ctx.capture

    def _suite(self, ctx: StepContext, name: str | None) -> Path | None:
        return Path(ctx.system.folder) / name if name else None

    def _offline(self, ctx: StepContext) -> Dataset:
        capture = self._capture(ctx)
        return Dataset(
            component=self.component.name,
            label="offline",
            bucket=self._bucket(ctx.target_region),
            prefix=self.settings.offline.prefix,
            region=ctx.target_region,
            items=capture.objects,
            profile=FrameProfile.from_json(capture.content["offline"]),
            suite=self._suite(ctx, self.settings.suites.offline),
            exact=ctx.intent is Intent.CORRUPTION and not ctx.isolated,
            tolerance=Tolerance(growing=(self.settings.version,)),
        )

    def _online_checks(self, online: list[dict[str, Any]], ctx: StepContext) -> Iterable[Check]:
        """Judge by suite and profile. A scan is no snapshot, so the profile is a neighbour of the restored state."""
        profile = FrameProfile.from_json(self._capture(ctx).content["online"])
        facts: dict[str, Any] = {"component": self.component.name, "label": "online"}
        frame, suite = _frame(online), self._suite(ctx, self.settings.suites.online)
        yield from judge_file(frame, suite, **facts) if suite else ()
        yield from judge_against_profile(
            frame,
            replace(profile, newest_at=None),
            restored=Restored.NEWEST,
            tolerance=Tolerance(growing=(self.settings.version,)),
            **facts,
        )

    def _limit_s(self) -> float:
        return self.settings.freshness or self.component.rpo_s or DEFAULT_FRESHNESS_S

    def _freshness(self, online: list[dict[str, Any]], capture: Capture, ctx: StepContext) -> Check:
        name, limit_s = self.component.name, self._limit_s()
        if ctx.intent is Intent.REGION_LOSS:
            until = self._captured_until(online, ctx)
            return freshness_check(name, until, ctx.impact_at, limit_s=limit_s, factor=ctx.time_factor)
        return as_of_check(
            name,
            newest_of(online, self.settings.timestamp),
            restored_to=_restore_at(capture),
            captured=_captured_newest(capture),
            limit_s=limit_s * (ctx.time_factor or 1.0),
        )

    def _captured_until(self, online: list[dict[str, Any]], ctx: StepContext) -> datetime | None:
        if ctx.isolated and (latest := newest_of(online, self.settings.timestamp)) and latest >= ctx.impact_at:
            return ctx.impact_at  # production goes on in a drill and overwrites what was the newest write at T0
        newest = newest_of(online, self.settings.timestamp, until=ctx.impact_at)
        captured = _captured_newest(ctx.capture) if ctx.capture else None
        unchanged = ctx.capture is not None and (captured is None or (newest is not None and newest >= captured))
        known = [newest, ctx.capture.watermark if ctx.capture is not None and unchanged else None]
        return max((moment for moment in known if moment is not None), default=None)


def _restore_at(capture: Capture) -> datetime:
    return datetime.fromisoformat(capture.content["restore_at"])


def _captured_newest(capture: Capture) -> datetime | None:
    text = capture.content["newest"]
    return datetime.fromisoformat(text) if text else None


def _rows(frame: Any) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _frame(rows: list[dict[str, Any]]) -> Any:
    import pandas as pd

    return pd.DataFrame(rows)
