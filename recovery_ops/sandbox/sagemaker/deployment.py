"""What an endpoint configuration asks for: variants, instances, and the archive each model is loaded from."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from recovery_ops.sandbox import durations
from recovery_ops.sandbox.world import ACCOUNT

_SERVERLESS = "ml.c5.large"  # takes about as long to come up, and takes no instances


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One production variant. ``instance_type`` is empty for a serverless one, which has no instances."""

    name: str
    instance_type: str
    count: int
    weight: float
    model: str


def backend(region: str) -> Any:
    """Return moto's SageMaker of ``region``."""
    from moto.sagemaker.models import sagemaker_backends

    return sagemaker_backends[ACCOUNT][region]


def invalid(message: str) -> Exception:
    """Return SageMaker's ``ValidationException``."""
    from moto.sagemaker.exceptions import AWSValidationException

    error: Exception = AWSValidationException(message)
    return error


def arn(kind: str, region: str, name: str) -> str:
    """Return the ARN of a SageMaker resource, ``kind`` as in the ARN (``endpoint-config``)."""
    return f"arn:aws:sagemaker:{region}:{ACCOUNT}:{kind}/{name}"


def variants_of(region: str, config_name: str) -> tuple[Variant, ...]:
    """Return the variants of an endpoint configuration.

    Raises:
        Exception: SageMaker's ``ValidationException`` when there is no such configuration.
    """
    config = backend(region).endpoint_configs.get(config_name)
    if config is None:
        raise invalid(f'Could not find endpoint configuration "{arn("endpoint-config", region, config_name)}".')
    return tuple(_variant(described) for described in config.production_variants)


def _variant(described: dict[str, Any]) -> Variant:
    instance_type = described.get("InstanceType", "")
    return Variant(
        name=described["VariantName"],
        instance_type=instance_type,
        count=int(described.get("InitialInstanceCount", 1)) if instance_type else 0,
        weight=float(described.get("InitialVariantWeight", 1.0)),
        model=described["ModelName"],
    )


def instances(variants: tuple[Variant, ...]) -> Counter[str]:
    """Return how many instances of each type ``variants`` take."""
    needed: Counter[str] = Counter()
    for variant in variants:
        needed[variant.instance_type] += variant.count
    return +needed


def create_s(variants: tuple[Variant, ...]) -> float:
    """Return the AWS seconds until ``variants`` are in service: the slowest counts."""
    return max(durations.endpoint_create_s(variant.instance_type or _SERVERLESS) for variant in variants)


def artifact_url(region: str, model_name: str) -> str:
    """Return the ``s3://`` URL that a model is loaded from, also when it is named by a model package.

    Raises:
        Exception: SageMaker's ``ValidationException`` when there is no such model.
        NotImplementedError: Inference pipelines of several containers, and uncompressed model data.
    """
    model = backend(region)._models.get(model_name)
    if model is None:
        raise invalid(f'Could not find model "{arn("model", region, model_name)}".')
    containers = [model.primary_container] if model.primary_container else list(model.containers)
    if len(containers) != 1:
        raise NotImplementedError("the sandbox models endpoints with one container a model")
    return _url_of(region, containers[0])


def _url_of(region: str, container: dict[str, Any]) -> str:
    if package := container.get("ModelPackageName"):
        specification = backend(region).describe_model_package(package).inference_specification
        return _url_of(region, {"ModelPackageName": None, **specification["Containers"][0]})
    if source := (container.get("ModelDataSource") or {}).get("S3DataSource"):
        if source.get("CompressionType") != "Gzip":
            raise NotImplementedError("the sandbox models model data as one gzipped archive")
        return str(source["S3Uri"])
    return str(container.get("ModelDataUrl", ""))


def image_of(region: str, model_name: str) -> str:
    """Return the container image of a model, empty when it is not known here."""
    model = backend(region)._models.get(model_name)
    containers = ([model.primary_container] if model.primary_container else model.containers) if model else []
    return str(containers[0].get("Image", "")) if containers else ""
