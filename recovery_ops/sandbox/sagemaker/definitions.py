"""Models and endpoint configurations: duplicates refused, today's instance types, nothing dropped in silence."""

import re
from typing import Any

from recovery_ops.sandbox import patching
from recovery_ops.sandbox.sagemaker.deployment import arn, backend, invalid
from recovery_ops.sandbox.sagemaker.instance_types import INSTANCE_TYPES, REALTIME
from recovery_ops.sandbox.world import ACCOUNT

_IMAGE_REGION = re.compile(r"\d{12}\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.")
_MODEL_DROPPED = ("InferenceExecutionConfig",)
_CONFIG_DROPPED = (
    "ShadowProductionVariants",
    "ExplainerConfig",
    "ExecutionRoleArn",
    "VpcConfig",
    "EnableNetworkIsolation",
    "MetricsConfig",
    "CrossRegionTrafficConfig",
)


def patch() -> None:
    """Replace moto's handling of models and endpoint configurations."""
    from moto.sagemaker import models, responses

    _patch_models(models.SageMakerModelBackend, responses.SageMakerResponse)
    _patch_configs(models.SageMakerModelBackend, responses.SageMakerResponse)
    _patch_instance_types(models)
    patching.replace(responses, "ActionResult", _scrubbing(patching.original(responses, "ActionResult")))


def _patch_models(backend_class: Any, response_class: Any) -> None:
    create, handle = patching.original(backend_class, "create_model"), patching.original(response_class, "create_model")

    def create_model(self: Any, model_name: str, *args: Any, **kwargs: Any) -> Any:
        if model_name in self._models:
            raise invalid(f'Cannot create already existing model "{arn("model", self.region_name, model_name)}".')
        return create(self, model_name, *args, **kwargs)

    def create_model_call(self: Any) -> Any:
        _refuse_dropped(self, "CreateModel", _MODEL_DROPPED)
        primary = self._get_param("PrimaryContainer")
        for container in [primary] if primary else self._get_param("Containers") or []:
            _check_image(self.region, container.get("Image", ""))
        _check_network(self.region, self._get_param("VpcConfig") or {})
        result = handle(self)
        model = self.sagemaker_backend._models[self._get_param("ModelName")]
        model.enable_network_isolation = bool(self._get_param("EnableNetworkIsolation"))
        return result

    def list_models(self: Any) -> Any:
        from moto.core.responses import ActionResult

        wanted = self._get_param("NameContains") or ""
        found = [model for model in self.sagemaker_backend.list_models() if wanted in model.model_name]
        return ActionResult({"Models": [model.response_object for model in found]})

    patching.replace(backend_class, "create_model", create_model)
    patching.replace(response_class, "create_model", create_model_call)
    patching.replace(response_class, "list_models", list_models)


def _patch_configs(backend_class: Any, response_class: Any) -> None:
    create = patching.original(backend_class, "create_endpoint_config")
    handle = patching.original(response_class, "create_endpoint_config")

    def create_endpoint_config(self: Any, endpoint_config_name: str, *args: Any, **kwargs: Any) -> Any:
        if endpoint_config_name in self.endpoint_configs:
            name = arn("endpoint-config", self.region_name, endpoint_config_name)
            raise invalid(f'Cannot create already existing endpoint configuration "{name}".')
        return create(self, endpoint_config_name, *args, **kwargs)

    def create_endpoint_config_call(self: Any) -> Any:
        _refuse_dropped(self, "CreateEndpointConfig", _CONFIG_DROPPED)
        if any("ModelName" not in variant for variant in self._get_param("ProductionVariants")):
            raise NotImplementedError("the sandbox does not model variants without ModelName (inference components)")
        return handle(self)

    patching.replace(backend_class, "create_endpoint_config", create_endpoint_config)
    patching.replace(response_class, "create_endpoint_config", create_endpoint_config_call)


def _refuse_dropped(response: Any, operation: str, names: tuple[str, ...]) -> None:
    if dropped := [name for name in names if response._get_param(name)]:
        raise NotImplementedError(f"the sandbox does not model {', '.join(dropped)} of {operation}")


def _check_image(region: str, image: str) -> None:
    """Refuse an image of another region: SageMaker pulls from the registry of its own."""
    match = _IMAGE_REGION.match(image)
    if match and match["region"] != region:
        raise invalid(f"Requested image {image} not found.")


def _check_network(region: str, network: dict[str, Any]) -> None:
    """Refuse subnets and security groups that are not in ``region``."""
    from moto.ec2.exceptions import InvalidSecurityGroupNotFoundError, InvalidSubnetIdError
    from moto.ec2.models import ec2_backends

    ec2 = ec2_backends[ACCOUNT][region]
    try:
        for subnet in network.get("Subnets", []):
            ec2.get_subnet(subnet)
    except InvalidSubnetIdError as error:
        raise invalid(f"The subnet ID '{subnet}' does not exist in {region}") from error
    for group in network.get("SecurityGroupIds", []):
        try:
            found = ec2.get_security_group_from_id(group)
        except InvalidSecurityGroupNotFoundError:
            found = None
        if found is None:
            raise invalid(f"The security group '{group}' does not exist in {region}")


def _patch_instance_types(models: Any) -> None:
    def validate_instance_type(_self: Any, instance_type: str) -> None:
        _check_types("instanceType", [instance_type], REALTIME)

    def validate_realtime(instance_types: list[str]) -> None:
        _check_types("SupportedRealtimeInferenceInstanceTypes", instance_types, REALTIME)

    def validate_transform(instance_types: list[str]) -> None:
        _check_types("SupportedTransformInstanceTypes", instance_types, INSTANCE_TYPES)

    patching.replace(models.FakeEndpointConfig, "validate_instance_type", validate_instance_type)
    for name, check in (
        ("validate_supported_realtime_inference_instance_types", validate_realtime),
        ("validate_supported_transform_instance_types", validate_transform),
    ):
        patching.replace_static(models.ModelPackage, name, check)


def _check_types(where: str, instance_types: list[str], known: frozenset[str]) -> None:
    for instance_type in instance_types:
        if instance_type not in known:
            raise invalid(
                f"1 validation error detected: Value '{instance_type}' at '{where}' failed to satisfy constraint: "
                f"Member must satisfy enum value set: [{', '.join(sorted(known))}]"
            )


def scrub(value: Any) -> Any:
    """Return ``value`` without empty structures: moto writes ``{}`` where AWS leaves a key out."""
    if isinstance(value, dict):
        return {key: scrub(kept) for key, kept in value.items() if kept != {}}
    return [scrub(kept) for kept in value] if isinstance(value, list) else value


def _scrubbing(original: Any) -> Any:
    class Scrubbed(original):  # type: ignore[misc]  # moto is untyped here
        def __init__(self, result: object) -> None:
            super().__init__(scrub(result))

    return Scrubbed


def inventory(region: str) -> list[dict[str, Any]]:
    """Return the models and endpoint configurations of ``region``."""
    sagemaker = backend(region)
    models = [("model", model.model_name, model.tags) for model in sagemaker._models.values()]
    configs = [("endpoint-config", c.endpoint_config_name, c.tags) for c in sagemaker.endpoint_configs.values()]
    return [resource(kind, name, tags) for kind, name, tags in models + configs]


def resource(kind: str, name: str, tags: list[dict[str, str]] | None) -> dict[str, Any]:
    """Return one entry of the inventory."""
    return {"type": kind, "id": name, "tags": {tag["Key"]: tag["Value"] for tag in tags or []}}
