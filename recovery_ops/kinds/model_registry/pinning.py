"""What a recovery point holds of a registry: approved packages with the exact versions of their artifacts."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from recovery_ops.aws import packages
from recovery_ops.aws.objects import pin_key
from recovery_ops.errors import NoRecoveryPointError, PointDamagedError
from recovery_ops.kinds import StepContext
from recovery_ops.kinds.model_registry.settings import ModelRegistrySettings
from recovery_ops.model.points import Capture, ObjectVersion


def take(settings: ModelRegistrySettings, ctx: StepContext) -> Capture:
    """Capture every approved package with the exact version of its artifacts.

    Raises:
        PointDamagedError: An artifact lies outside the replicated bucket, or is not there.
    """
    watermark, region = datetime.now(UTC), ctx.source_region
    approved = packages.packages(settings.group, region, approval=packages.APPROVED)
    pinned = [(package, _pin(package, settings, ctx)) for package in approved]
    objects = {(item.key, item.version_id): item for _, items in pinned for item in items}
    return Capture(
        component=ctx.component.name,
        kind=ctx.component.kind,
        watermark=watermark,
        objects=tuple(objects.values()),
        content={"region": region, "packages": [_captured(package, items) for package, items in pinned]},
    )


def captured(ctx: StepContext) -> Capture:
    """Return what the chosen point holds of the registry.

    Raises:
        NoRecoveryPointError: There is no point.
    """
    if ctx.capture is None:
        message = f"{ctx.component.name}: packages are made from a recovery point, and there is none"
        raise NoRecoveryPointError(message, component=ctx.component.name)
    return ctx.capture


def _pin(package: packages.Package, settings: ModelRegistrySettings, ctx: StepContext) -> list[ObjectVersion]:
    bucket, region = settings.artifacts.bucket, ctx.source_region
    urls = packages.artifact_urls(package)
    inside = f"s3://{bucket.format(region=region)}/{settings.artifacts.prefix}"
    if not urls or any(not url.startswith(inside) for url in urls):
        message = f"{package['ModelPackageArn']}: artifacts {urls or 'none'} are not under {inside}, which replicates"
        raise PointDamagedError(message, component=ctx.component.name)
    return [pin_key(bucket, url.split("/", 3)[3], region) for url in urls]


def _captured(package: packages.Package, items: Sequence[ObjectVersion]) -> dict[str, Any]:
    return {
        "arn": str(package["ModelPackageArn"]),
        "origin": packages.origin(package),
        "version": int(package["ModelPackageVersion"]),
        "approval": str(package["ModelApprovalStatus"]),
        "document": packages.document(package),
        "artifacts": [{"key": item.key, "version_id": item.version_id, "sha256": item.sha256} for item in items],
    }
