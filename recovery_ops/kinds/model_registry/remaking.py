"""Packages made again in another region from what a point holds, and the map from old to new."""

from collections.abc import Iterable, Mapping
from typing import Any

from recovery_ops.aws import packages
from recovery_ops.kinds import StepContext
from recovery_ops.kinds.model_registry.pinning import captured
from recovery_ops.kinds.model_registry.settings import ModelRegistrySettings
from recovery_ops.model.checks import Check
from recovery_ops.model.plan import Intent
from recovery_ops.quality.counterparts import counterparts_check


def group_of(settings: ModelRegistrySettings, ctx: StepContext) -> str:
    """Return the model package group; that of a drill carries the run id."""
    return f"{settings.group[:42]}-{ctx.run_id}" if ctx.isolated else settings.group


def remake(settings: ModelRegistrySettings, ctx: StepContext) -> dict[str, str]:
    """Make every pinned package that is not there yet, and return source ARN -> target ARN.

    After corruption, packages that the point does not know lose their approval.
    """
    there = packages.by_origin(group_of(settings, ctx), ctx.target_region)
    made = {pinned["arn"]: _ensure(pinned, there, settings, ctx) for pinned in captured(ctx).content["packages"]}
    if ctx.intent is Intent.CORRUPTION and not ctx.isolated:
        _withdraw([package for package in there.values() if package["ModelPackageArn"] not in made.values()], ctx)
    return made


def translated(
    pinned: Mapping[str, Any], settings: ModelRegistrySettings, ctx: StepContext
) -> tuple[dict[str, Any], list[str]]:
    """Return a pinned package as the target region can have it, and what of it was left out.

    Raises:
        StepRejectedError: The target region has no such image.
    """
    source = str(captured(ctx).content["region"])
    return packages.translated(pinned["document"], settings.artifacts.bucket, source, ctx.target_region)


def mapping(pinned: Mapping[str, Any], arn: str, settings: ModelRegistrySettings, ctx: StepContext) -> dict[str, Any]:
    """Return what later steps are told about the package ``arn`` that stands for ``pinned``."""
    content, left_out = translated(pinned, settings, ctx)
    urls, first = packages.artifact_urls(content), pinned["artifacts"][0]
    return {
        "source_arn": pinned["arn"],
        "source_version": pinned["version"],
        "package_arn": arn,
        "version": int(arn.rsplit("/", 1)[1]),
        "approval": pinned["approval"],
        "artifact_url": urls[0],
        "artifact_sha256": first["sha256"],
        "left_out": left_out,
    }


def map_check(there: Mapping[str, packages.Package], ctx: StepContext) -> Check:
    """Judge that every package of the point is there with its approval, and after corruption no other approved one."""
    pinned = {item["origin"]: item for item in captured(ctx).content["packages"]}
    expected = {f"version {item['version']}": item["approval"] for item in pinned.values()}
    states = {origin: str(package.get("ModelApprovalStatus")) for origin, package in there.items()}
    observed = {f"version {item['version']}": states.get(origin, "absent") for origin, item in pinned.items()}
    newer = [origin for origin, state in states.items() if origin not in pinned and state == packages.APPROVED]
    others = newer if ctx.intent is Intent.CORRUPTION and not ctx.isolated else []
    name = "every package of the point, with its approval"
    return counterparts_check(ctx.component.name, name, expected, observed, others)


def _ensure(
    pinned: Mapping[str, Any],
    there: Mapping[str, packages.Package],
    settings: ModelRegistrySettings,
    ctx: StepContext,
) -> str:
    """Return the ARN of the package in the target that stands for ``pinned``, made or adopted."""
    package = there.get(pinned["origin"])
    if package is None:
        content, _ = translated(pinned, settings, ctx)
        return packages.create(group_of(settings, ctx), content, pinned, ctx.target_region, ctx.run_id)
    arn = str(package["ModelPackageArn"])
    if package.get("ModelApprovalStatus") != pinned["approval"]:
        packages.set_approval(arn, pinned["approval"], f"as in the recovery point, {ctx.run_id}", ctx.target_region)
    return arn


def _withdraw(newer: Iterable[packages.Package], ctx: StepContext) -> None:
    """Take the approval of packages that the point does not know: one of them may be the damage."""
    for package in newer:
        if package.get("ModelApprovalStatus") == packages.APPROVED:
            reason = f"not in the recovery point of {ctx.run_id}"
            packages.set_approval(str(package["ModelPackageArn"]), packages.WITHDRAWN, reason, ctx.target_region)
