"""Which IAM actions a call needs: mostly its own name, and for S3 and a few others something else.

Source of the exceptions: AWS Service Authorization Reference, tables "Actions" with their dependent actions.
"""

import functools
from collections.abc import Mapping
from typing import Any

from recovery_ops.model.access import PASS_ROLE

PREFIXES = {"sagemaker-runtime": "sagemaker", "service-quotas": "servicequotas"}
"""boto3's service name -> IAM prefix, where they differ."""

NEEDED: Mapping[str, tuple[str, ...]] = {
    "s3:CopyObject": ("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"),
    "s3:DeleteBucketReplication": ("s3:PutReplicationConfiguration",),
    "s3:DeleteObjects": ("s3:DeleteObject",),
    "s3:GetBucketReplication": ("s3:GetReplicationConfiguration",),
    "s3:HeadBucket": ("s3:ListBucket",),
    "s3:HeadObject": ("s3:GetObject",),
    "s3:ListBuckets": ("s3:ListAllMyBuckets",),
    "s3:ListObjectVersions": ("s3:ListBucketVersions",),
    "s3:ListObjectsV2": ("s3:ListBucket",),
    "s3:PutBucketReplication": ("s3:PutReplicationConfiguration",),
    "cloudformation:CreateStack": ("cloudformation:CreateStack", "cloudformation:TagResource"),
    "cloudformation:UpdateStack": ("cloudformation:UpdateStack", "cloudformation:TagResource"),
    "dynamodb:RestoreTableToPointInTime": (
        "dynamodb:RestoreTableToPointInTime",
        *(f"dynamodb:{name}" for name in ("BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem")),
        "dynamodb:Scan",
    ),
    "iam:SimulatePrincipalPolicy": ("iam:SimulatePrincipalPolicy", "iam:GetContextKeysForPrincipalPolicy"),
    "sagemaker:CreateEndpoint": ("sagemaker:CreateEndpoint", "sagemaker:AddTags"),
    "sagemaker:CreateEndpointConfig": ("sagemaker:CreateEndpointConfig", "sagemaker:AddTags"),
    "sagemaker:CreateModel": ("sagemaker:CreateModel", "sagemaker:AddTags", "iam:PassRole"),
    "sagemaker:CreateModelPackageGroup": ("sagemaker:CreateModelPackageGroup", "sagemaker:AddTags"),
}
"""Call -> actions, where it is not the one of its own name."""

FOR_A_PARAMETER = {"RoleARN": PASS_ROLE}
"""Parameter -> action that a call needs besides when it is there: CloudFormation is handed the role of a stack."""
OF_A_VERSION = {"s3:DeleteObject": "s3:DeleteObjectVersion", "s3:GetObject": "s3:GetObjectVersion"}
"""Action -> action that is needed instead when a call names an object version."""

BEYOND_CALLS = frozenset({PASS_ROLE, "dynamodb:CreateTableReplica", *OF_A_VERSION.values()}) | {
    action for actions in NEEDED.values() for action in actions
}
"""Actions that are no call of that name; ``UpdateTable`` needs ``CreateTableReplica`` when it adds a replica."""


UNBOUND = frozenset(
    {
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScalingPolicies",
        "cloudformation:ListStacks",
        "cloudwatch:DescribeAlarms",
        "dynamodb:ListTables",
        "ec2:DescribeInstanceTypeOfferings",
        "ec2:DescribeInstances",
        "ec2:DescribeNetworkAcls",
        "ec2:DescribeRouteTables",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcEndpoints",
        "ec2:DescribeVpcs",
        "route53:ListHostedZonesByName",
        "s3:ListAllMyBuckets",
        "sagemaker:ListEndpointConfigs",
        "sagemaker:ListEndpoints",
        "sagemaker:ListModelPackageGroups",
        "sagemaker:ListModels",
        "servicequotas:ListServiceQuotas",
        "ssm:DescribeParameters",
        "sts:GetCallerIdentity",
    }
)
"""Actions that take no resource, so that policies can allow them on ``*`` only.

Source: AWS Service Authorization Reference, "Actions, resources, and condition keys" of Application Auto Scaling,
CloudFormation, DynamoDB, EC2, Route 53, S3, SageMaker, Service Quotas, Systems Manager and STS: the column "Resource
types" of these actions is empty; a test compares the list with a copy of that reference. ``DescribeAlarms`` takes
alarms, and then leaves composite ones out (CloudWatch API Reference).
"""


def needed(service: str, operation: str, params: Mapping[str, Any] | None = None) -> frozenset[str]:
    """Return the IAM actions of a call; ``service`` is boto3's name, ``params`` tell what else the call needs."""
    call, given = f"{PREFIXES.get(service, service)}:{operation}", params or {}
    actions = frozenset(NEEDED.get(call, (call,)))
    if given.get("VersionId"):
        actions = frozenset(OF_A_VERSION.get(action, action) for action in actions)
    return actions | {action for name, action in FOR_A_PARAMETER.items() if given.get(name)}


def exists(action: str) -> bool:
    """Return whether AWS knows the IAM action: it is a call of a service, or listed here as an exception."""
    prefix, _, operation = action.partition(":")
    services = [service for service, known in PREFIXES.items() if known == prefix]
    return action in BEYOND_CALLS or any(operation in _operations(service) for service in [prefix, *services])


@functools.cache
def _operations(service: str) -> frozenset[str]:
    import botocore.session
    from botocore.exceptions import UnknownServiceError

    try:
        return frozenset(botocore.session.get_session().get_service_model(service).operation_names)
    except UnknownServiceError:
        return frozenset()
