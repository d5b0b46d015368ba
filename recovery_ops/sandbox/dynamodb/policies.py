"""Resource policies of tables, enforced: what a fence on a table means."""

from recovery_ops.sandbox import resource_policies
from recovery_ops.sandbox.dynamodb import tables
from recovery_ops.sandbox.resource_policies import problem_of
from recovery_ops.sandbox.world import ACCOUNT

__all__ = ["denies", "problem_of", "stops_replication"]

REPLICATION_ROLE = (
    f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/"
    "replication.dynamodb.amazonaws.com/AWSServiceRoleForDynamoDBReplication"
)
_REPLICATED_WRITES = ("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem")


def denies(region: str, name: str, action: str, caller_arn: str) -> bool:
    """Return whether the policy of table ``name`` denies ``action`` (as ``dynamodb:PutItem``) to ``caller_arn``."""
    arn = f"arn:aws:dynamodb:{region}:{ACCOUNT}:table/{name}"
    policy = tables.backend(region).resource_policies.get(arn)
    return policy is not None and resource_policies.denies(policy.policy_doc, action, caller_arn, arn)


def stops_replication(region: str, name: str) -> bool:
    """Return whether the policy keeps DynamoDB's own replication role from writing to the table."""
    return any(denies(region, name, action, REPLICATION_ROLE) for action in _REPLICATED_WRITES)
