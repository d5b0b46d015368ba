"""Which IAM actions a call needs: mostly its own name, and for S3 and a few others something else.

Source of the exceptions: AWS Service Authorization Reference, tables "Actions" with their dependent actions.
"""

import functools
from collections.abc import Mapping
from typing import Any

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
    "sagemaker:CreateModel": ("sagemaker:CreateModel", "iam:PassRole"),
}
"""Call -> actions, where it is not the one of its own name."""

OF_A_VERSION = {"s3:GetObject": "s3:GetObjectVersion"}
"""Action -> action that is needed instead when a call names an object version."""

BEYOND_CALLS = frozenset({"iam:PassRole", "dynamodb:CreateTableReplica"}) | {
    action for actions in NEEDED.values() for action in actions
}
"""Actions that are no call of that name; ``UpdateTable`` needs ``CreateTableReplica`` when it adds a replica."""


def needed(service: str, operation: str, params: Mapping[str, Any] | None = None) -> frozenset[str]:
    """Return the IAM actions of a call; ``service`` is boto3's name, ``params`` tell whether it names a version."""
    call = f"{PREFIXES.get(service, service)}:{operation}"
    actions = NEEDED.get(call, (call,))
    if params and params.get("VersionId"):
        actions = tuple(OF_A_VERSION.get(action, action) for action in actions)
    return frozenset(actions)


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
