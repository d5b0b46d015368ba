"""What a run has left behind: everything in one region whose name holds its run id; reads only.

All that a drill makes carries the run id in its name, so that names are enough to find it, whoever made it and wherever
that process died. Resources inside of a stack go with their stack.
"""

from collections.abc import Callable, Iterator
from typing import Any

from recovery_ops.aws.clients import client
from recovery_ops.aws.translate import aws_errors

GONE = "DELETE_COMPLETE"
ACTIONS = frozenset(
    {
        "application-autoscaling:DescribeScalableTargets",
        "cloudformation:ListStacks",
        "dynamodb:ListTables",
        "sagemaker:ListEndpointConfigs",
        "sagemaker:ListEndpoints",
        "sagemaker:ListModelPackageGroups",
        "sagemaker:ListModels",
        "ssm:GetParametersByPath",
    }
)
"""IAM actions that looking needs."""


def left_behind(run_id: str, region: str) -> list[str]:
    """Return what stands in ``region`` under the id of a run, one phrase each, sorted."""
    found: list[str] = []
    with aws_errors(f"look for what run {run_id} left behind", region=region):
        for look in LOOKS:
            found += look(run_id, region)
    return sorted(found)


def _endpoints(run_id: str, region: str) -> Iterator[str]:
    for item in _pages("sagemaker", "list_endpoints", "Endpoints", region, NameContains=run_id):
        yield f"endpoint {item['EndpointName']} ({item['EndpointStatus']})"


def _configs(run_id: str, region: str) -> Iterator[str]:
    for item in _pages("sagemaker", "list_endpoint_configs", "EndpointConfigs", region, NameContains=run_id):
        yield f"endpoint configuration {item['EndpointConfigName']}"


def _models(run_id: str, region: str) -> Iterator[str]:
    for item in _pages("sagemaker", "list_models", "Models", region, NameContains=run_id):
        yield f"model {item['ModelName']}"


def _groups(run_id: str, region: str) -> Iterator[str]:
    groups = _pages("sagemaker", "list_model_package_groups", "ModelPackageGroupSummaryList", region)
    for name in (item["ModelPackageGroupName"] for item in groups):
        if run_id in name:
            yield f"model package group {name}"


def _targets(run_id: str, region: str) -> Iterator[str]:
    targets = _pages(
        "application-autoscaling", "describe_scalable_targets", "ScalableTargets", region, ServiceNamespace="sagemaker"
    )
    for item in targets:
        if run_id in item["ResourceId"]:
            yield f"scalable target {item['ResourceId']}"


def _tables(run_id: str, region: str) -> Iterator[str]:
    for name in _pages("dynamodb", "list_tables", "TableNames", region):
        if run_id in name:
            yield f"table {name}"


def _stacks(run_id: str, region: str) -> Iterator[str]:
    for item in _pages("cloudformation", "list_stacks", "StackSummaries", region):
        if run_id in item["StackName"] and item["StackStatus"] != GONE:
            yield f"stack {item['StackName']} ({item['StackStatus']})"


def _parameters(run_id: str, region: str) -> Iterator[str]:
    for item in _pages("ssm", "get_parameters_by_path", "Parameters", region, Path=f"/{run_id}", Recursive=True):
        yield f"parameter {item['Name']}"


def _pages(service: str, operation: str, key: str, region: str, **request: Any) -> Iterator[Any]:
    for page in client(service, region).get_paginator(operation).paginate(**request):
        yield from page[key]


LOOKS: tuple[Callable[[str, str], Iterator[str]], ...] = (
    _endpoints, _configs, _models, _groups, _targets, _tables, _stacks, _parameters,
)  # fmt: skip
"""One for each type of resource that a kind makes; a contract test holds kinds to it."""
