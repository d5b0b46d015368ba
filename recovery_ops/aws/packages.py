"""SageMaker model packages: registries do not replicate; packages are read in one region and made again in another."""

import hashlib
from collections.abc import Mapping
from typing import Any

from recovery_ops.aws.clients import client
from recovery_ops.aws.images import image_in
from recovery_ops.aws.references import leftovers
from recovery_ops.aws.translate import already_done, aws_errors, found

APPROVED = "Approved"
WITHDRAWN = "PendingManualApproval"
SOURCE = "recovery-ops-source-arn"
SOURCE_VERSION = "recovery-ops-source-version"
KEPT = (
    "ModelPackageDescription",
    "InferenceSpecification",
    "Domain",
    "Task",
    "SamplePayloadUrl",
    "SkipModelValidation",
    "ModelMetrics",
    "DriftCheckBaselines",
    "CustomerMetadataProperties",
)
"""What of a package makes it again; the rest is AWS's own."""

Package = Mapping[str, Any]


def packages(group: str, region: str, *, approval: str | None = None) -> list[dict[str, Any]]:
    """Return every package of ``group`` as SageMaker describes it, oldest version first; none without a group."""
    sagemaker = client("sagemaker", region)
    wanted = {"ModelApprovalStatus": approval} if approval else {}
    with aws_errors(f"list model packages of {group}", region=region):
        if found(lambda: sagemaker.describe_model_package_group(ModelPackageGroupName=group)) is None:
            return []
        pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group, **wanted)
        arns = [item["ModelPackageArn"] for page in pages for item in page["ModelPackageSummaryList"]]
        described = [dict(sagemaker.describe_model_package(ModelPackageName=arn)) for arn in arns]
    return sorted(described, key=lambda package: int(package["ModelPackageVersion"]))


def by_origin(group: str, region: str) -> dict[str, dict[str, Any]]:
    """Return the packages of ``group`` by the ARN of what each was first made from."""
    return {origin(package): package for package in packages(group, region)}


def describe(arn: str, region: str) -> dict[str, Any] | None:
    """Return one package, or ``None`` when it is not there."""
    with aws_errors(f"look at {arn}", region=region):
        answer = found(lambda: dict(client("sagemaker", region).describe_model_package(ModelPackageName=arn)))
    return {name: value for name, value in (answer or {}).items() if name != "ResponseMetadata"} or None


def document(package: Package) -> dict[str, Any]:
    """Return what makes the package again, without the notes of earlier recoveries."""
    kept = {name: package[name] for name in KEPT if package.get(name)}
    notes = {name: text for name, text in kept.get("CustomerMetadataProperties", {}).items() if name not in _NOTES}
    return {**kept, "CustomerMetadataProperties": notes}


_NOTES = (SOURCE, SOURCE_VERSION)


def origin(package: Package) -> str:
    """Return the ARN of the package that this one was first made from, which may be itself."""
    return str(package.get("CustomerMetadataProperties", {}).get(SOURCE) or package["ModelPackageArn"])


def artifact_urls(content: Mapping[str, Any]) -> list[str]:
    """Return the S3 URL of the model data of every container."""
    containers = content.get("InferenceSpecification", {}).get("Containers", [])
    return [str(container["ModelDataUrl"]) for container in containers if container.get("ModelDataUrl")]


def translated(content: Mapping[str, Any], bucket: str, source: str, target: str) -> tuple[dict[str, Any], list[str]]:
    """Return a document as ``target`` can use it, and the names of what had to be left out.

    Images get the registry of ``target``, URLs of the bucket template ``bucket`` its bucket there. An optional part
    that would still name ``source`` afterwards is left out.

    Raises:
        StepRejectedError: AWS does not serve an image in ``target``.
    """
    moved = {name: _moved(value, bucket, source, target) for name, value in content.items()}
    stuck = [name for name, value in moved.items() if name != "InferenceSpecification" and leftovers(value, [source])]
    return {name: value for name, value in moved.items() if name not in stuck}, stuck


def _moved(value: Any, bucket: str, source: str, target: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _moved(item, bucket, source, target) for key, item in value.items()}
    if isinstance(value, list):
        return [_moved(item, bucket, source, target) for item in value]
    return moved_text(value, bucket, source, target) if isinstance(value, str) else value


def moved_text(text: str, bucket: str, source: str, target: str) -> str:
    """Return an image URI or S3 URL as ``target`` has it; any other text unchanged."""
    left = f"s3://{bucket.format(region=source)}/"
    if text.startswith(left):
        return f"s3://{bucket.format(region=target)}/{text.removeprefix(left)}"
    return image_in(text, target) if f".dkr.ecr.{source}." in text else text


def ensure_group(group: str, region: str, tags: Mapping[str, str]) -> None:
    """Create the package group unless it exists. Safe to repeat."""
    sagemaker = client("sagemaker", region)
    with aws_errors(f"make model package group {group}", region=region):
        if found(lambda: sagemaker.describe_model_package_group(ModelPackageGroupName=group)) is not None:
            return
        with already_done("ValidationException", "ConflictException", containing="exist"):
            sagemaker.create_model_package_group(
                ModelPackageGroupName=group,
                ModelPackageGroupDescription="Made by recovery-ops from a recovery point",
                Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            )


def create(group: str, content: Mapping[str, Any], source: Package, region: str, run_id: str) -> str:
    """Make a package again in ``region`` and return its ARN; ``source`` has ``arn``, ``version`` and ``approval``."""
    notes = {SOURCE: str(source["arn"]), SOURCE_VERSION: str(source["version"])}
    token = hashlib.sha256(f"{run_id}:{group}:{source['arn']}".encode()).hexdigest()[:36]
    with aws_errors(f"make package {source['version']} of {group}", region=region):
        answer = client("sagemaker", region).create_model_package(
            **{**content, "CustomerMetadataProperties": {**content.get("CustomerMetadataProperties", {}), **notes}},
            ModelPackageGroupName=group,
            ModelApprovalStatus=str(source["approval"]),
            ClientToken=token,
        )
    return str(answer["ModelPackageArn"])


def set_approval(arn: str, approval: str, reason: str, region: str) -> None:
    """Set the approval status of a package. Safe to repeat."""
    with aws_errors(f"set approval of {arn}", region=region):
        client("sagemaker", region).update_model_package(
            ModelPackageArn=arn, ModelApprovalStatus=approval, ApprovalDescription=reason
        )


def remove_group(group: str, region: str) -> list[str]:
    """Delete a package group and every package in it; returns what was deleted. Safe to repeat."""
    removed = [str(package["ModelPackageArn"]) for package in packages(group, region)]
    sagemaker = client("sagemaker", region)
    with aws_errors(f"delete model package group {group}", region=region):
        for arn in removed:
            found(lambda name=arn: sagemaker.delete_model_package(ModelPackageName=name))  # type: ignore[misc]
        if found(lambda: sagemaker.describe_model_package_group(ModelPackageGroupName=group)) is None:
            return removed
        found(lambda: sagemaker.delete_model_package_group(ModelPackageGroupName=group))
    return [*removed, group]
