"""Application Auto Scaling of endpoint variants: targets and policies that are really about something.

Targets and policies are kept per region and returned as given. Nothing ever scales by itself: a recovery sets the
capacity it needs, and a sandbox without load has nothing to decide from.
"""

from typing import Any

from recovery_ops.sandbox import patching
from recovery_ops.sandbox.sagemaker.deployment import arn
from recovery_ops.sandbox.sagemaker.parts import parts
from recovery_ops.sandbox.world import ACCOUNT, World

MODELLED = {
    "application-autoscaling": {
        "RegisterScalableTarget",
        "DeregisterScalableTarget",
        "DescribeScalableTargets",
        "PutScalingPolicy",
        "DeleteScalingPolicy",
        "DescribeScalingPolicies",
    }
}


def install(_world: World) -> None:
    """Patch moto's Application Auto Scaling."""
    from moto.applicationautoscaling.models import ApplicationAutoscalingBackend
    from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse

    _patch_targets(ApplicationAutoscalingBackend)
    _patch_policies(ApplicationAutoscalingBackend)
    register = patching.original(ApplicationAutoScalingResponse, "register_scalable_target")

    def register_scalable_target(self: Any) -> Any:
        if self._get_param("Tags"):
            raise NotImplementedError("the sandbox does not keep tags of scalable targets")
        return register(self)

    patching.replace(ApplicationAutoScalingResponse, "register_scalable_target", register_scalable_target)


def _error(code: str, message: str) -> Exception:
    from moto.core.exceptions import JsonRESTError

    error: Exception = JsonRESTError(code, message)
    return error


def _patch_targets(backend_class: Any) -> None:
    register = patching.original(backend_class, "register_scalable_target")
    deregister = patching.original(backend_class, "deregister_scalable_target")

    def register_scalable_target(self: Any, namespace: str, r_id: str, dimension: str, **given: Any) -> Any:
        _check_variant(self.region_name, namespace, r_id)
        known = self.targets.get(dimension, {}).get(r_id)
        low, high = (_chosen(given[name], known, name) for name in ("min_capacity", "max_capacity"))
        if low is None or high is None:
            raise _error("ValidationException", "MinCapacity and MaxCapacity are required to register a new target")
        if low > high:
            raise _error("ValidationException", "Maximum capacity cannot be less than minimum capacity")
        return register(self, namespace, r_id, dimension, **given)

    def deregister_scalable_target(self: Any, namespace: str, r_id: str, dimension: str) -> None:
        _check_target(self, namespace, r_id, dimension)
        for key, policy in list(self.policies.items()):
            if (policy.resource_id, policy.scalable_dimension) == (r_id, dimension):
                del self.policies[key]
        deregister(self, namespace, r_id, dimension)

    patching.replace(backend_class, "register_scalable_target", register_scalable_target)
    patching.replace(backend_class, "deregister_scalable_target", deregister_scalable_target)


def _chosen(given: int | None, known: Any, name: str) -> int | None:
    return getattr(known, name, None) if given is None else given


def _check_variant(region: str, namespace: str, resource_id: str) -> None:
    if namespace != "sagemaker":
        raise NotImplementedError(f"the sandbox models auto scaling of sagemaker variants, not of {namespace}")
    _, _, rest = resource_id.partition("endpoint/")
    name, _, variant = rest.partition("/variant/")
    endpoint = parts().endpoints.state.endpoints.get((region, name))
    if endpoint is None:
        raise _error("ValidationException", f'Could not find endpoint "{arn("endpoint", region, name)}".')
    if variant not in {known.name for known in endpoint.variants}:
        message = f'The variant name(s) "{variant}" is/are not present within endpoint "{name}" in service.'
        raise _error("ValidationException", message)


def _check_target(backend: Any, namespace: str, resource_id: str, dimension: str) -> None:
    if resource_id not in backend.targets.get(dimension, {}):
        raise _error(
            "ObjectNotFoundException",
            f"No scalable target found for service namespace: {namespace}, resource ID: {resource_id}, "
            f"scalable dimension: {dimension}",
        )


def _patch_policies(backend_class: Any) -> None:
    put, delete = (patching.original(backend_class, f"{verb}_scaling_policy") for verb in ("put", "delete"))

    def put_scaling_policy(self: Any, **given: Any) -> Any:
        _check_target(self, given["service_namespace"], given["resource_id"], given["scalable_dimension"])
        return put(self, **given)

    def delete_scaling_policy(self: Any, **given: Any) -> None:
        if not any(policy.policy_name == given["policy_name"] for policy in self.policies.values()):
            raise _error("ObjectNotFoundException", f"No scaling policy found: {given['policy_name']}")
        delete(self, **given)

    patching.replace(backend_class, "put_scaling_policy", put_scaling_policy)
    patching.replace(backend_class, "delete_scaling_policy", delete_scaling_policy)


def inventory(world: World) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return the scalable targets of every region."""
    return {region: {"application-autoscaling": _targets(region)} for region in world.regions}


def _targets(region: str) -> list[dict[str, Any]]:
    from moto.applicationautoscaling.models import applicationautoscaling_backends

    targets = applicationautoscaling_backends[ACCOUNT][region].targets
    ids = [resource_id for by_resource in targets.values() for resource_id in by_resource]
    return [{"type": "scalable-target", "id": resource_id, "tags": {}} for resource_id in ids]
