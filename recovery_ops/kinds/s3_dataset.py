"""``s3-dataset``: Parquet data in a replicated, versioned bucket."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from recovery_ops.aws import fences, parting, replication
from recovery_ops.aws.objects import pin
from recovery_ops.aws.pinned import absent, keep_newest, list_versions, restore_exactly
from recovery_ops.catalog.quantities import BucketTemplate
from recovery_ops.errors import NoRecoveryPointError
from recovery_ops.kinds import (
    OBJECT_ACTIONS,
    Kind,
    KindSettings,
    Parted,
    Reconciliation,
    Stage,
    StepContext,
    fence_objects,
    kind,
    replicated,
    replication_findings,
    unfence_objects,
)
from recovery_ops.model.access import PASSED_TO_S3
from recovery_ops.model.checks import Check, Gate
from recovery_ops.model.cost import Usage
from recovery_ops.model.finding_codes import finding
from recovery_ops.model.findings import Finding
from recovery_ops.model.operations import OperationRef
from recovery_ops.model.plan import Intent, Phase, PhaseCost
from recovery_ops.model.points import Capture
from recovery_ops.model.system import Component, System
from recovery_ops.quality.datasets import Dataset, profile_objects
from recovery_ops.quality.profile import FrameProfile


class S3DatasetSettings(KindSettings):
    """Settings of an ``s3-dataset``.

    Example:
        ```yaml
        bucket: "fraud-data-{region}"
        prefix: training/
        suite: suites/training_data.json
        ```
    """

    bucket: BucketTemplate
    prefix: str = Field(min_length=1, pattern=r"/$")
    """Ends with a slash; everything under it is the data set."""
    suite: str | None = None
    """Great Expectations suite, a JSON file in the folder beside the catalog."""
    key: tuple[str, ...] = ()
    """Columns that identify a row."""
    timestamp: str | None = None
    """Column that says when a row was written."""
    format: Literal["parquet"] = "parquet"


@kind("s3-dataset")
class S3Dataset(Kind):
    """A data set is brought back by versions: the ones that the recovery point pins.

    Region loss: newer replicated versions win; the pinned ones must all be there. Corruption: exactly the pinned
    versions are current again, what came after them is hidden behind delete markers; no version is ever deleted.
    """

    settings_model = S3DatasetSettings
    stateful: ClassVar[bool] = True
    gates = frozenset({Gate.INTEGRITY, Gate.DATA})
    aws_actions = OBJECT_ACTIONS

    def __init__(self, component: Component) -> None:
        super().__init__(component)
        self.settings = S3DatasetSettings.model_validate(dict(component.settings))

    @classmethod
    def costs(cls, component: Component) -> Mapping[Phase, PhaseCost]:  # noqa: ARG003 - the same for every data set
        """Return the cost of two data-plane phases: copies inside one region, then one read of everything."""
        return {
            Phase.REHYDRATE: PhaseCost(estimate_s=30, budget_s=3600),
            Phase.VERIFY: PhaseCost(estimate_s=60, budget_s=1800),
        }

    def start(self, phase: Phase, ctx: StepContext) -> OperationRef:
        """Make the wanted versions current; done when it returns.

        Raises:
            PointDamagedError: A pinned version is not in the target region; nothing was changed.
        """
        if phase is not Phase.REHYDRATE:
            return super().start(phase, ctx)
        capture = self._capture(ctx)
        bring_back = restore_exactly if ctx.intent is Intent.CORRUPTION else keep_newest
        if not ctx.isolated:
            fences.let_us_in(self._bucket(ctx.target_region), self.settings.prefix, ctx.target_region)
            bring_back(capture.objects, self.settings.prefix, ctx.target_region)
        return ctx.ref(phase, f"s3://{self._bucket(ctx.target_region)}/{self.settings.prefix}")

    def finish(self, ref: OperationRef, ctx: StepContext) -> Mapping[str, Any]:  # noqa: ARG002 - there is one place
        """Return where the data is."""
        return {
            "bucket": self._bucket(ctx.target_region),
            "prefix": self.settings.prefix,
            "objects": len(self._capture(ctx).objects),
        }

    def verify(self, ctx: StepContext) -> Iterable[Check]:
        """Hash the pinned versions, read what a reader sees, judge it by the suite and by the figures of the point."""
        checks, _ = self._dataset(ctx).judge()
        return checks

    def protect(self, ctx: StepContext, stage: Stage) -> Capture:  # noqa: ARG002 - nothing but versions is kept
        """Pin the exact newest versions. S3 lists are strongly consistent: the watermark is when the listing began."""
        watermark = datetime.now(UTC)
        items = pin(self.settings.bucket, self.settings.prefix, ctx.source_region)
        profile = profile_objects(
            items,
            ctx.source_region,
            component=self.component.name,
            key=self.settings.key,
            timestamp=self.settings.timestamp,
        )
        return Capture(
            component=self.component.name,
            kind=self.name,
            watermark=watermark,
            objects=items,
            content={"profile": profile.to_json()},
        )

    def live_watermark(self, ctx: StepContext) -> datetime | None:
        """Return the watermark of the point when everything it pins has been replicated, else ``None``.

        S3 replicates in no order, so a new object that has arrived proves nothing about others. What is proven is the
        listing that a recovery point took: when all of it is here, data is captured until that moment at least.
        """
        if ctx.capture is None:
            return None
        listing = list_versions(self._bucket(ctx.target_region), self.settings.prefix, ctx.target_region)
        return None if absent(ctx.capture.objects, listing) else ctx.capture.watermark

    def readiness(self, ctx: StepContext) -> Iterable[Finding]:
        """Say whether bucket and suite are there and what the newest point pins has arrived; reads only."""
        name, bucket = self.component.name, self._bucket(ctx.target_region)
        if self.settings.suite and not (path := Path(ctx.system.folder) / self.settings.suite).is_file():
            yield finding("no-suite", name, f"{path} is not there", subject=self.settings.suite)
        if (problem := replication.not_versioned(bucket, ctx.target_region)) is not None:
            yield finding("bucket-not-versioned", name, problem)
        elif ctx.capture is None:
            yield finding("no-recovery-point", name, f"{name} is in no recovery point")
        elif gone := absent(ctx.capture.objects, list_versions(bucket, self.settings.prefix, ctx.target_region)):
            what = f"{len(gone)} pinned objects are not in s3://{bucket}, for example {gone[0].key}"
            yield finding("not-replicated", name, what)

    def compare(self, ctx: StepContext) -> Iterable[Finding]:
        """Say whether the bucket replicates to the target region, and how far behind that is; reads only."""
        return replication_findings(ctx, self.settings.bucket, self.settings.prefix)

    def footprint(self, ctx: StepContext) -> Iterable[Usage]:
        """Say how much the copy in the target region stores; reads only."""
        yield replicated(ctx, self.settings.bucket, self.settings.prefix)

    def fence(self, ctx: StepContext) -> Iterable[str]:
        """Deny writes to the data of the region we leave; replication goes on."""
        return [fence_objects(ctx, self._place(ctx.source_region), self.settings.prefix)]

    def unfence(self, ctx: StepContext) -> Iterable[str]:
        """Let writers in again."""
        yield unfence_objects(ctx, self._place(ctx.source_region), self.settings.prefix)

    def reprotect(self, ctx: StepContext) -> Iterable[str]:
        """Return a debt when the target bucket does not replicate back to the region that was left."""
        wanted, bucket = self._bucket(ctx.source_region), self._bucket(ctx.target_region)
        if replication.replicates_to(bucket, wanted, self.settings.prefix, ctx.target_region):
            return []
        return [f"replicate s3://{bucket}/{self.settings.prefix} to s3://{wanted} once {ctx.source_region} is back"]

    def passes(self, system: System) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002
        """Return the role of replication."""
        return PASSED_TO_S3

    def replicate_back(self, ctx: StepContext) -> Iterable[str]:
        """Let the bucket of the region that serves replicate to that of the healed one."""
        return replication.replicate_back(
            self._place(ctx.target_region), self._place(ctx.source_region), self.settings.prefix
        )

    def stop_replicating_back(self, ctx: StepContext) -> Iterable[str]:
        """Remove our rule from the bucket of the region that was left."""
        return replication.stop_replicating_back(
            self._place(ctx.source_region)[0], self.settings.prefix, ctx.source_region
        )

    def travelling(self, ctx: StepContext) -> Iterable[str]:
        """Say which objects have not arrived in the target region."""
        return replication.travelling(
            self._place(ctx.source_region), self._place(ctx.target_region), self.settings.prefix
        )

    def reconcile(self, ctx: StepContext, parted: Parted) -> Reconciliation:
        """Compare the versions that both buckets hold since the regions parted."""
        home, away, prefix = self._place(ctx.target_region), self._place(ctx.source_region), self.settings.prefix
        story = parting.object_story(home, away, prefix, parted.lost_at, until=ctx.impact_at, factor=ctx.time_factor)
        return Reconciliation(
            merged=story.merged,
            conflicts=story.conflicts,
            basis=f"versions under {prefix} in both buckets",
            waiting_for=story.lost,
        )

    def _bucket(self, region: str) -> str:
        return self.settings.bucket.format(region=region)

    def _place(self, region: str) -> tuple[str, str]:
        return self._bucket(region), region

    def _capture(self, ctx: StepContext) -> Capture:
        if ctx.capture is None:
            message = f"{self.component.name}: a data set is brought back from a recovery point, and there is none"
            raise NoRecoveryPointError(message, component=self.component.name)
        return ctx.capture

    def _dataset(self, ctx: StepContext) -> Dataset:
        capture = self._capture(ctx)
        return Dataset(
            component=self.component.name,
            label=self.settings.prefix.rstrip("/"),
            bucket=self._bucket(ctx.target_region),
            prefix=self.settings.prefix,
            region=ctx.target_region,
            items=capture.objects,
            profile=FrameProfile.from_json(capture.content["profile"]),
            suite=Path(ctx.system.folder) / self.settings.suite if self.settings.suite else None,
            exact=ctx.intent is Intent.CORRUPTION and not ctx.isolated,
        )
