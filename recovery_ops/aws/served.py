"""What an endpoint serves at home, as a recovery point keeps it, and how that maps to another region."""

from collections.abc import Iterator, Mapping
from typing import Any

from recovery_ops.aws import autoscaling, endpoints
from recovery_ops.aws.endpoints import Serving
from recovery_ops.errors import StepRejectedError

Content = Mapping[str, Any]


def captured(name: str, region: str) -> dict[str, Any]:
    """Return what makes the endpoint ``name`` again: model, image, capacity, autoscaling, network.

    Raises:
        StepRejectedError: There is no such endpoint, or it does not serve.
    """
    seen = endpoints.look(name, region)
    if seen is None or seen.status not in (endpoints.SERVING, "Updating"):
        status = seen.status if seen else "absent"
        raise StepRejectedError(f"endpoint {name} in {region} is {status} and cannot be captured", region=region)
    variant = endpoints.config_of(seen.config, region)["ProductionVariants"][0]
    model = endpoints.model_of(variant["ModelName"], region)
    container = endpoints.container_of(model)
    return {
        "region": region,
        "config": seen.config,
        "variant": seen.variant,
        "instance_type": variant.get("InstanceType"),
        "desired": seen.desired,
        "autoscaling": autoscaling.described(autoscaling.resource(name, seen.variant), region),
        "model": variant["ModelName"],
        "image": container.get("Image"),
        "artifact_url": container.get("ModelDataUrl"),
        "environment": dict(container.get("Environment") or {}),
        "role_arn": model.get("ExecutionRoleArn"),
        "network": model.get("VpcConfig") or {},
    }


def key_of(url: str) -> str:
    """Return the key of an ``s3://bucket/key`` URL: what an artifact is called in every region."""
    return url.removeprefix("s3://").partition("/")[2]


def chosen(packages: list[Content], current: Content, home: Content) -> Content:
    """Return the recovered package whose artifact the home endpoint served, or the ``current`` one.

    Home may have served an older version than the newest approved one, on purpose.
    """
    wanted = key_of(str(home.get("artifact_url") or ""))
    same = [package for package in packages if key_of(str(package["artifact_url"])) == wanted]
    return same[-1] if wanted and same else current


def mappings(home: Content, model: Content) -> Iterator[tuple[str, Any, Any]]:
    """Yield (what, source, target) for every region-bound reference of the recovered ``model`` (DescribeModel)."""
    container, network = endpoints.container_of(model), model.get("VpcConfig") or {}
    before = home.get("network") or {}
    yield "container image", home.get("image"), container.get("Image")
    yield "model artifact", home.get("artifact_url"), container.get("ModelDataUrl")
    yield "subnets", before.get("Subnets"), network.get("Subnets")
    yield "security groups", before.get("SecurityGroupIds"), network.get("SecurityGroupIds")
    yield "execution role", home.get("role_arn"), model.get("ExecutionRoleArn")
    for name, text in (container.get("Environment") or {}).items():
        if home.get("environment", {}).get(name) != text:
            yield f"environment variable {name}", home.get("environment", {}).get(name), text


def described(seen: Serving, region: str) -> dict[str, Any]:
    """Return everything that SageMaker says about what serves: configuration and models."""
    config = endpoints.config_of(seen.config, region)
    names = [variant["ModelName"] for variant in config.get("ProductionVariants", [])]
    models = {f"model {name}": endpoints.model_of(name, region) for name in names}
    return {f"endpoint configuration {seen.config}": config, **models}
