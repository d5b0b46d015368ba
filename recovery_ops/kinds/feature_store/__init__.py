"""``feature-store``: a self-managed one, DynamoDB online with a replica and Parquet offline."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from recovery_ops.aws import fences, items, published, replication, tables
from recovery_ops.aws.pinned import keep_newest, restore_exactly
from recovery_ops.errors import NoRecoveryPointError
from recovery_ops.kinds import (
    OBJECT_ACTIONS,
    Kind,
    Parted,
    Reconciliation,
    Stage,
    StepContext,
    fence_objects,
    kind,
    unfence_objects,
)
from recovery_ops.kinds.feature_store import looking, pinning, proving, returning
from recovery_ops.kinds.feature_store.pinning import captured, known_table, restore_at, served_table
from recovery_ops.kinds.feature_store.settings import FeatureStoreSettings
from recovery_ops.model.access import PASSED_TO_S3
from recovery_ops.model.checks import Check, Gate
from recovery_ops.model.cost import Usage
from recovery_ops.model.findings import Finding
from recovery_ops.model.operations import OperationRef, OperationStatus
from recovery_ops.model.plan import Intent, Phase, PhaseCost
from recovery_ops.model.points import Capture
from recovery_ops.model.runs import ANY_RUN
from recovery_ops.model.system import Component, System

RESTORED_S = 600.0
"""How long a restored table takes more than a replica. Source: none of AWS; the estimate of the sandbox's durations."""


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
        capture, exact = captured(ctx), ctx.intent is Intent.CORRUPTION
        table = str(capture.content["table"])
        if not ctx.isolated:
            bring_back = restore_exactly if exact else keep_newest
            fences.let_us_in(
                self.settings.offline.place(ctx.target_region)[0], self.settings.offline.prefix, ctx.target_region
            )
            bring_back(capture.objects, self.settings.offline.prefix, ctx.target_region)
        if tables.describe(table, ctx.target_region) is None:
            message = f"{self.component.name}: there is no replica {table} in {ctx.target_region} to adopt or restore"
            raise NoRecoveryPointError(message, component=self.component.name, region=ctx.target_region)
        if not exact:
            return ctx.ref(phase, table, source="replica")
        restored, at = self._restored(ctx), restore_at(capture)
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
            "offline_bucket": self.settings.offline.place(ctx.target_region)[0],
            "offline_prefix": self.settings.offline.prefix,
        }

    def verify(self, ctx: StepContext) -> Iterable[Check]:
        """Judge offline and online data, that both tell the same story, and how recent it is."""
        return proving.checks(self.settings, ctx)

    def protect(self, ctx: StepContext, stage: Stage) -> Capture:  # noqa: ARG002 - nothing but versions is kept
        """Note the whole second that the table can be restored to, profile it, and pin the offline objects."""
        return pinning.take(self.settings, ctx)

    def missing(self, capture: Capture, ctx: StepContext) -> Iterable[str]:
        """Say when the table is not in the target region, or cannot be restored to the second of the point."""
        return pinning.missing(capture, ctx.target_region)

    def live_watermark(self, ctx: StepContext) -> datetime | None:
        """Return until when the live replica has captured writes, at most T0; ``None`` without a replica."""
        table = known_table(self.settings, ctx)
        seen = tables.describe(table, ctx.target_region)
        if seen is None or seen["TableStatus"] not in (tables.ACTIVE, "UPDATING"):
            return None
        return proving.captured_until(items.scan(table, ctx.target_region), self.settings, ctx)

    def readiness(self, ctx: StepContext) -> Iterable[Finding]:
        """Say whether the replica, its recovery, the bucket, the suites and the point are there; reads only."""
        return looking.readiness(self.settings, ctx)

    def compare(self, ctx: StepContext) -> Iterable[Finding]:
        """Say whether the table replicates to the target region, and offline features too; reads only."""
        return looking.compare(self.settings, ctx)

    def footprint(self, ctx: StepContext) -> Iterable[Usage]:
        """Say what the replica, its point-in-time recovery and the copy of offline features store; reads only."""
        return looking.footprint(self.settings, ctx)

    def fence(self, ctx: StepContext) -> Iterable[str]:
        """Deny writes to the table and to offline features of the region we leave; their replication goes on."""
        arn, offline = self._arn(known_table(self.settings, ctx), ctx), self.settings.offline
        tables.keep_writers_out(ctx.suspect("dynamodb"), arn, f"{self.component.name}.fence")
        yield f"writes to {arn} are denied"
        yield fence_objects(ctx, offline.place(ctx.source_region), offline.prefix)

    def unfence(self, ctx: StepContext) -> Iterable[str]:
        """Let writers in: into the table of the point and, where we go, into the one that readers are told."""
        offline, names = self.settings.offline, [known_table(self.settings, ctx)]
        if ctx.is_turned:
            names.append(served_table(self.settings, ctx.source_region))
        for name in dict.fromkeys(names):
            arn = self._arn(name, ctx)
            tables.let_writers_in(ctx.suspect("dynamodb"), arn, f"{self.component.name}.unfence")
            yield f"writes to {arn} are allowed"
        yield unfence_objects(ctx, offline.place(ctx.source_region), offline.prefix)

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

    def release(self, ctx: StepContext) -> Iterable[str]:
        """Delete the table that this run restored, unless it is the one that readers are told."""
        restored = self._restored(ctx)
        if published.value_of(self.settings.table_parameter, ctx.target_region) == restored:
            return []
        return [f"table {restored}"] if tables.remove(restored, ctx.target_region) else []

    def reprotect(self, ctx: StepContext) -> Iterable[str]:
        """Return what cannot replicate back before the region that was left is alive."""
        return returning.debts(self.settings, ctx)

    def replicate_back(self, ctx: StepContext) -> Iterable[str]:
        """Let offline features replicate to the healed region, and give the served table a replica there."""
        return returning.replicate_back(self.settings, ctx)

    def stop_replicating_back(self, ctx: StepContext) -> Iterable[str]:
        """Remove our rule from the bucket of the region that was left; a global table replicates both ways anyway."""
        bucket, region = self.settings.offline.place(ctx.source_region)
        return replication.stop_replicating_back(bucket, self.settings.offline.prefix, region)

    def travelling(self, ctx: StepContext) -> Iterable[str]:
        """Say which offline objects and which items are not the same in both regions."""
        return returning.travelling(self.settings, ctx)

    def reconcile(self, ctx: StepContext, parted: Parted) -> Reconciliation:
        """Restore both tables to the second of the loss and compare them with each other and with what is served."""
        return returning.reconcile(self.settings, ctx, parted)

    def put_away(self, ctx: StepContext) -> None:
        """Remove the tables that were restored for that."""
        returning.put_away(self.settings, ctx)

    def _restored(self, ctx: StepContext) -> str:
        return f"{self.settings.table[:230]}-{ctx.run_id}"

    def _arn(self, table: str, ctx: StepContext) -> str:
        return tables.arn_of(table, ctx.source_region, asked_in=ctx.living_region)
