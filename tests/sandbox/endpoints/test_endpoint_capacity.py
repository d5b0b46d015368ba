"""Instances: missing capacity, quotas, scaling, and rules of autoscaling."""

import pytest
from endpoint_moves import OTHER_TYPE, RECOVERY, TYPE, Aws, counts, gone, refused

from recovery_ops.sandbox.control import Control

pytestmark = pytest.mark.sandbox


def test_capacity_is_missing_after_a_while_and_the_next_instance_type_works(aws: Aws, control: Control) -> None:
    control.capacity(region=RECOVERY, instance_type=OTHER_TYPE, available=0, quota=None)
    failed = aws.endpoint("ladder-1", instance_type=OTHER_TYPE)
    assert failed["EndpointStatus"] == "Failed"
    assert "InsufficientInstanceCapacity" in failed["FailureReason"]
    assert aws.endpoint("ladder-2")["EndpointStatus"] == "InService"


def test_a_quota_refuses_at_once_and_counts_what_lives(aws: Aws, control: Control) -> None:
    control.capacity(region=RECOVERY, instance_type=OTHER_TYPE, available=None, quota=1)
    assert aws.endpoint("quota-1", instance_type=OTHER_TYPE)["EndpointStatus"] == "InService"
    config = aws.config("quota-2", aws.url("v1"), instance_type=OTHER_TYPE)
    create = aws.sagemaker.create_endpoint
    message = refused("ResourceLimitExceeded", create, EndpointName="quota-2", EndpointConfigName=config)
    assert f"'{OTHER_TYPE} for endpoint usage' is 1 Instances, with current utilization of 1 Instances" in message
    aws.sagemaker.delete_endpoint(EndpointName="quota-1")
    gone(aws, "quota-1")
    create(EndpointName="quota-2", EndpointConfigName=config)
    assert aws.settled("quota-2")["EndpointStatus"] == "InService"
    aws.sagemaker.delete_endpoint(EndpointName="quota-2")


def test_instances_are_taken_from_the_moment_an_endpoint_is_being_created(aws: Aws, control: Control) -> None:
    control.capacity(region=RECOVERY, instance_type=OTHER_TYPE, available=1, quota=None)
    for name in ("race-1", "race-2"):
        config = aws.config(name, aws.url("v1"), instance_type=OTHER_TYPE)
        aws.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    states = [aws.settled(name)["EndpointStatus"] for name in ("race-1", "race-2")]
    assert states == ["InService", "Failed"]
    aws.sagemaker.delete_endpoint(EndpointName="race-1")
    gone(aws, "race-1")


def test_scaling_takes_time_and_is_undone_without_capacity(aws: Aws, control: Control) -> None:
    aws.endpoint("scaled", instance_type=OTHER_TYPE)
    scale = aws.sagemaker.update_endpoint_weights_and_capacities
    more = [{"VariantName": "main", "DesiredInstanceCount": 3}]
    scale(EndpointName="scaled", DesiredWeightsAndCapacities=more)
    during = aws.describe("scaled")
    assert during["EndpointStatus"] == "Updating"
    assert counts(during) == (1, 3)
    assert counts(aws.settled("scaled")) == (3, 3)
    control.capacity(region=RECOVERY, instance_type=OTHER_TYPE, available=3, quota=None)
    scale(EndpointName="scaled", DesiredWeightsAndCapacities=[{"VariantName": "main", "DesiredInstanceCount": 5}])
    after = aws.settled("scaled")
    assert (after["EndpointStatus"], counts(after)) == ("InService", (3, 3))
    assert "InsufficientInstanceCapacity" in after["FailureReason"]


def test_autoscaling_is_about_a_variant_that_exists_and_goes_with_its_target(aws: Aws) -> None:
    aws.endpoint("automatic")
    api = aws.client("application-autoscaling")
    variant = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
    here = {**variant, "ResourceId": "endpoint/automatic/variant/main"}
    policy = {
        "PolicyName": "follow",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 70.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        },
    }
    for nowhere in ("endpoint/nobody/variant/main", "endpoint/automatic/variant/nobody"):
        missing = {**variant, "ResourceId": nowhere, "MinCapacity": 1, "MaxCapacity": 4}
        refused("ValidationException", api.register_scalable_target, **missing)
    refused("ObjectNotFoundException", api.put_scaling_policy, **here, **policy)
    refused("ValidationException", api.register_scalable_target, **here, MinCapacity=4, MaxCapacity=1)
    api.register_scalable_target(**here, MinCapacity=1, MaxCapacity=4)
    api.put_scaling_policy(**here, **policy)
    (target,) = api.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 4)
    api.deregister_scalable_target(**here)
    assert api.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"] == []


def test_quotas_can_be_read_by_instance_type(aws: Aws, control: Control) -> None:
    control.capacity(region=RECOVERY, instance_type=OTHER_TYPE, available=None, quota=0)
    api = aws.client("service-quotas")
    pages = api.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
    quotas = {quota["QuotaName"]: quota for page in pages for quota in page["Quotas"]}
    mine = quotas[f"{OTHER_TYPE} for endpoint usage"]
    assert mine["Value"] == 0.0
    assert quotas[f"{TYPE} for endpoint usage"]["Value"] == 20.0
    code = mine["QuotaCode"]
    assert api.get_service_quota(ServiceCode="sagemaker", QuotaCode=code)["Quota"]["Value"] == 0.0
    assert api.get_aws_default_service_quota(ServiceCode="sagemaker", QuotaCode=code)["Quota"]["Value"] == 20.0
    refused("NoSuchResourceException", api.get_service_quota, ServiceCode="sagemaker", QuotaCode="L-00000000")
