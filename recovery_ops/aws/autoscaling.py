"""Autoscaling of endpoint variants: read in one region, registered in another."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from recovery_ops.aws.clients import client
from recovery_ops.aws.translate import aws_errors

NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
METRIC = "SageMakerVariantInvocationsPerInstance"
POLICY = "recovery-ops-invocations"


class Limits(BaseModel):
    """Autoscaling as a catalog says it: limits in instances, ``target`` in invocations per minute and instance."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min: int = Field(ge=1)
    max: int = Field(ge=1)
    target: float = Field(gt=0)


def resource(endpoint: str, variant: str) -> str:
    """Return the resource id of a variant."""
    return f"endpoint/{endpoint}/variant/{variant}"


def described(resource_id: str, region: str) -> dict[str, Any] | None:
    """Return ``min``, ``max`` and ``policies`` (name -> target tracking), or ``None`` when nothing scales it."""
    scaling = client("application-autoscaling", region)
    with aws_errors(f"look at autoscaling of {resource_id}", region=region):
        targets = scaling.describe_scalable_targets(
            ServiceNamespace=NAMESPACE, ResourceIds=[resource_id], ScalableDimension=DIMENSION
        )["ScalableTargets"]
        if not targets:
            return None
        policies = scaling.describe_scaling_policies(ServiceNamespace=NAMESPACE, ResourceId=resource_id)
    configured = {
        policy["PolicyName"]: policy["TargetTrackingScalingPolicyConfiguration"]
        for policy in policies["ScalingPolicies"]
        if "TargetTrackingScalingPolicyConfiguration" in policy
    }
    return {"min": targets[0]["MinCapacity"], "max": targets[0]["MaxCapacity"], "policies": configured}


def register(resource_id: str, wanted: Mapping[str, Any], region: str) -> None:
    """Register a variant with the limits and policies of :func:`described`. Safe to repeat."""
    scaling = client("application-autoscaling", region)
    names = {"ServiceNamespace": NAMESPACE, "ResourceId": resource_id, "ScalableDimension": DIMENSION}
    with aws_errors(f"register autoscaling of {resource_id}", region=region):
        scaling.register_scalable_target(**names, MinCapacity=wanted["min"], MaxCapacity=wanted["max"])
        for name, configuration in wanted["policies"].items():
            scaling.put_scaling_policy(
                **names,
                PolicyName=name,
                PolicyType="TargetTrackingScaling",
                TargetTrackingScalingPolicyConfiguration=dict(configuration),
            )


def deregister(resource_id: str, region: str) -> None:
    """Stop scaling a variant: SageMaker refuses to change the instance type of one that is scaled. Safe to repeat."""
    if described(resource_id, region) is None:
        return
    with aws_errors(f"stop autoscaling of {resource_id}", region=region):
        client("application-autoscaling", region).deregister_scalable_target(
            ServiceNamespace=NAMESPACE, ResourceId=resource_id, ScalableDimension=DIMENSION
        )


def wanted(limits: Limits | None, home: Mapping[str, Any] | None, count: int) -> dict[str, Any] | None:
    """Return what to register: as ``limits`` say, else as at home, with room for ``count`` instances."""
    if limits is not None:
        metric = {"PredefinedMetricType": METRIC}
        policy = {"TargetValue": limits.target, "PredefinedMetricSpecification": metric}
        return {"min": limits.min, "max": max(limits.max, count), "policies": {POLICY: policy}}
    return {**home, "max": max(home["max"], count)} if home else None
