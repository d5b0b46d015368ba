"""``model-registry``: SageMaker model packages and their artifacts."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from recovery_ops.aws import fences, packages, parting, replication
from recovery_ops.aws.objects import read
from recovery_ops.aws.pinned import restore_keys
from recovery_ops.aws.references import names_of, references_check
from recovery_ops.errors import StepRejectedError
from recovery_ops.kinds import (
    OBJECT_ACTIONS,
    Kind,
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
from recovery_ops.kinds.model_registry import pinning, remaking
from recovery_ops.kinds.model_registry.pinning import captured
from recovery_ops.kinds.model_registry.remaking import group_of
from recovery_ops.kinds.model_registry.settings import ModelRegistrySettings
from recovery_ops.model.access import PASSED_TO_S3, of_sagemaker
from recovery_ops.model.checks import Check, Gate
from recovery_ops.model.cost import Usage
from recovery_ops.model.events import EventType
from recovery_ops.model.finding_codes import finding
from recovery_ops.model.findings import Finding
from recovery_ops.model.operations import DONE, OperationRef, OperationState, OperationStatus
from recovery_ops.model.plan import Phase, PhaseCost
from recovery_ops.model.points import Capture
from recovery_ops.model.runs import ANY_RUN
from recovery_ops.model.system import Component, System
from recovery_ops.quality.archives import archive_checks
from recovery_ops.quality.datasets import pinned_check


@kind("model-registry")
class ModelRegistry(Kind):
    """Registries are regional and do not replicate: packages are made again from the point and remember their source.

    The map from source to target is the output of ``rehydrate`` and stands in the metadata of every package made.
    """

    settings_model = ModelRegistrySettings
    stateful: ClassVar[bool] = True
    gates = frozenset({Gate.INTEGRITY, Gate.CONFIGURATION, Gate.REFERENCES})
    aws_actions = OBJECT_ACTIONS | frozenset(
        {
            "sagemaker:AddTags",
            "sagemaker:CreateModelPackage",
            "sagemaker:CreateModelPackageGroup",
            "sagemaker:DeleteModelPackage",
            "sagemaker:DeleteModelPackageGroup",
            "sagemaker:DescribeModelPackage",
            "sagemaker:DescribeModelPackageGroup",
            "sagemaker:ListModelPackages",
            "sagemaker:UpdateModelPackage",
        }
    )

    def __init__(self, component: Component) -> None:
        super().__init__(component)
        self.settings = ModelRegistrySettings.model_validate(dict(component.settings))

    @classmethod
    def costs(cls, component: Component) -> Mapping[Phase, PhaseCost]:  # noqa: ARG003 - the same for every registry
        """Return the cost: packages are made through SageMaker's control plane of the target region."""
        return {
            Phase.REHYDRATE: PhaseCost(estimate_s=20, budget_s=900, control_planes=("sagemaker",)),
            Phase.VERIFY: PhaseCost(estimate_s=15, budget_s=600, control_planes=("sagemaker",)),
        }

    def start(self, phase: Phase, ctx: StepContext) -> OperationRef:
        """Make the pinned artifacts current, then every pinned package that is not there yet.

        Raises:
            PointDamagedError: An artifact is not in the target region; nothing was changed.
        """
        if phase is not Phase.REHYDRATE:
            return super().start(phase, ctx)
        group = group_of(self.settings, ctx)
        if not ctx.isolated:
            fences.let_us_in(self._place(ctx.target_region)[0], self.settings.artifacts.prefix, ctx.target_region)
        restore_keys(captured(ctx).objects, ctx.target_region)
        packages.ensure_group(group, ctx.target_region, ctx.tags)
        return ctx.ref(phase, group, packages=remaking.remake(self.settings, ctx))

    def poll(self, ref: OperationRef, ctx: StepContext) -> OperationStatus:
        """Look whether SageMaker has finished every package."""
        for arn in ref.details["packages"].values():
            status = str((packages.describe(arn, ctx.target_region) or {}).get("ModelPackageStatus", "absent"))
            if status in ("Pending", "InProgress"):
                return OperationStatus(state=OperationState.RUNNING, detail=f"{arn} is {status}")
            if status != "Completed":
                return OperationStatus(state=OperationState.FAILED, detail=f"{arn} is {status}")
        return DONE

    def finish(self, ref: OperationRef, ctx: StepContext) -> Mapping[str, Any]:
        """Return ``packages`` (source and target of each), ``current`` (the newest version) and what was left out."""
        pinned, made = captured(ctx).content["packages"], ref.details["packages"]
        mapped = [remaking.mapping(item, made[item["arn"]], self.settings, ctx) for item in pinned]
        for item in mapped:
            what = {"component": self.component.name, "what": f"model package version {item['source_version']}"}
            ctx.emit(EventType.REFERENCE_MAPPED, what | {"source": item["source_arn"], "target": item["package_arn"]})
        return {"group": ref.resource_id, "packages": mapped, "current": mapped[-1] if mapped else None}

    def verify(self, ctx: StepContext) -> Iterable[Check]:
        """Hash and open every artifact, compare approval and map, look for references to the region that was left."""
        name, region, capture = self.component.name, ctx.target_region, captured(ctx)
        there = packages.by_origin(group_of(self.settings, ctx), region)
        yield pinned_check(name, "artifacts", capture.objects, region)
        for item in capture.objects:
            body = read(item.bucket_in(region), item.key, region)
            yield from archive_checks(body, component=name, label=item.key, sha256=item.sha256)
        yield remaking.map_check(there, ctx)
        pinned = capture.content["packages"]
        found = [there[item["origin"]] for item in pinned if item["origin"] in there]
        described = {str(package["ModelPackageArn"]): packages.document(package) for package in found}
        yield references_check(name, described, names_of(ctx.source_region, pinned, region), region)

    def protect(self, ctx: StepContext, stage: Stage) -> Capture:  # noqa: ARG002 - packages fit into the manifest
        """Capture every approved package with the exact version of its artifacts.

        Raises:
            PointDamagedError: An artifact lies outside the replicated bucket, or is not there.
        """
        return pinning.take(self.settings, ctx)

    def readiness(self, ctx: StepContext) -> Iterable[Finding]:
        """Say whether there is something to make packages from, and images to run them on; reads only."""
        name, region = self.component.name, ctx.target_region
        bucket = self.settings.artifacts.bucket.format(region=region)
        if (problem := replication.not_versioned(bucket, region)) is not None:
            yield finding("bucket-not-versioned", name, problem)
        pinned = ctx.capture.content["packages"] if ctx.capture else []
        if not pinned:
            what = f"no recovery point holds an approved package of {self.settings.group}"
            yield finding("no-approved-package", name, what)
        for item in pinned:
            try:
                remaking.translated(item, self.settings, ctx)
            except StepRejectedError as error:
                yield finding("no-image", name, error.message, subject=f"version {item['version']}")

    def compare(self, ctx: StepContext) -> Iterable[Finding]:
        """Say whether artifacts replicate, and which approved packages at home no point holds yet; reads only."""
        place = self.settings.artifacts
        yield from replication_findings(ctx, place.bucket, place.prefix)
        known = {item["origin"] for item in ctx.capture.content["packages"]} if ctx.capture else set()
        for package in packages.packages(self.settings.group, ctx.source_region, approval=packages.APPROVED):
            if packages.origin(package) not in known:
                version = f"version {package['ModelPackageVersion']}"
                what = f"{version} of {self.settings.group} is approved in {ctx.source_region} and in no recovery point"
                yield finding("package-not-protected", self.component.name, what, subject=version)

    def resources(self, system: System) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002
        """Return the group with its packages, and those of drills; only the latter are deleted."""
        ours, drills = self.settings.group, f"{self.settings.group[:42]}-{ANY_RUN}"
        of_drills = of_sagemaker(f"model-package-group/{drills}", f"model-package/{drills}/*")
        return {
            "sagemaker:": (*of_sagemaker(f"model-package-group/{ours}", f"model-package/{ours}/*"), *of_drills),
            "sagemaker:DeleteModelPackage": of_drills,
            "sagemaker:DeleteModelPackageGroup": of_drills,
            "sagemaker:ListModelPackages": ("sagemaker:model-package/*", *of_sagemaker(f"model-package-group/{ours}*")),
        }

    def passes(self, system: System) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002
        """Return the role of replication."""
        return PASSED_TO_S3

    def names(self, ctx: StepContext) -> Iterable[str]:
        """Return the model package group."""
        return [f"model package group {group_of(self.settings, ctx)}"]

    def release(self, ctx: StepContext) -> Iterable[str]:
        """Delete the group that a drill made; packages of a real run stay, they are what the run recovered."""
        return packages.remove_group(group_of(self.settings, ctx), ctx.target_region) if ctx.isolated else []

    def footprint(self, ctx: StepContext) -> Iterable[Usage]:
        """Say how much the copy in the target region stores; reads only."""
        yield replicated(ctx, self.settings.artifacts.bucket, self.settings.artifacts.prefix)

    def fence(self, ctx: StepContext) -> Iterable[str]:
        """Deny writes to the artifacts of the region we leave; replication goes on."""
        return [fence_objects(ctx, self._place(ctx.source_region), self.settings.artifacts.prefix)]

    def unfence(self, ctx: StepContext) -> Iterable[str]:
        """Let writers in again."""
        yield unfence_objects(ctx, self._place(ctx.source_region), self.settings.artifacts.prefix)

    def reprotect(self, ctx: StepContext) -> Iterable[str]:
        """Return a debt when artifacts do not replicate back to the region that was left."""
        place = self.settings.artifacts
        wanted, bucket = (place.bucket.format(region=region) for region in (ctx.source_region, ctx.target_region))
        if not replication.replicates_to(bucket, wanted, place.prefix, ctx.target_region):
            yield f"replicate s3://{bucket}/{place.prefix} to s3://{wanted} once {ctx.source_region} is back"

    def replicate_back(self, ctx: StepContext) -> Iterable[str]:
        """Let the bucket of the region that serves replicate to that of the healed one."""
        return replication.replicate_back(
            self._place(ctx.target_region), self._place(ctx.source_region), self.settings.artifacts.prefix
        )

    def stop_replicating_back(self, ctx: StepContext) -> Iterable[str]:
        """Remove our rule from the bucket of the region that was left."""
        return replication.stop_replicating_back(
            self._place(ctx.source_region)[0], self.settings.artifacts.prefix, ctx.source_region
        )

    def travelling(self, ctx: StepContext) -> Iterable[str]:
        """Say which objects have not arrived in the target region."""
        return replication.travelling(
            self._place(ctx.source_region), self._place(ctx.target_region), self.settings.artifacts.prefix
        )

    def reconcile(self, ctx: StepContext, parted: Parted) -> Reconciliation:
        """Compare the versions that both buckets hold since the regions parted."""
        home, away, prefix = (
            self._place(ctx.target_region),
            self._place(ctx.source_region),
            self.settings.artifacts.prefix,
        )
        story = parting.object_story(home, away, prefix, parted.lost_at, until=ctx.impact_at, factor=ctx.time_factor)
        return Reconciliation(
            merged=story.merged,
            conflicts=story.conflicts,
            basis=f"versions under {prefix} in both buckets",
            waiting_for=story.lost,
        )

    def _place(self, region: str) -> tuple[str, str]:
        return self.settings.artifacts.bucket.format(region=region), region
