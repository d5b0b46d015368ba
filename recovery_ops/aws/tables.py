"""DynamoDB tables as recovery needs them: replicas, restores to a second, and writers kept out."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from recovery_ops.aws.clients import client
from recovery_ops.aws.identity import account
from recovery_ops.aws.translate import already_done, aws_errors, code_of, found
from recovery_ops.aws.waiting import Clock
from recovery_ops.errors import DeadlineExceededError, NoRecoveryPointError
from recovery_ops.model.operations import OperationState, OperationStatus

ACTIVE = "ACTIVE"
FENCE = "RecoveryOpsFence"
WRITES = ("dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
REPLICATION_ROLE = (
    "arn:{partition}:iam::{account}:role/aws-service-role/"
    "replication.dynamodb.amazonaws.com/AWSServiceRoleForDynamoDBReplication"
)
RESTORABLE_S = 600.0
"""Modelled seconds to wait until a moment is restorable: AWS says typically five minutes."""


def describe(table: str, region: str) -> dict[str, Any] | None:
    """Return DescribeTable's ``Table``, or ``None`` when there is none."""
    with aws_errors(f"look at table {table}", region=region):
        answer = found(lambda: client("dynamodb", region).describe_table(TableName=table))
    return dict(answer["Table"]) if answer else None


def progress(table: str, region: str) -> OperationStatus:
    """Return how far a table is: active is success, gone is failure."""
    seen = describe(table, region)
    if seen is None:
        return OperationStatus(state=OperationState.FAILED, detail=f"table {table} is not there")
    state = OperationState.SUCCEEDED if seen["TableStatus"] in (ACTIVE, "UPDATING") else OperationState.RUNNING
    return OperationStatus(state=state, detail=str(seen["TableStatus"]))


def window(table: str, region: str) -> tuple[datetime, datetime] | None:
    """Return the first and last second that ``table`` can be restored to (UTC), or ``None`` when recovery is off."""
    with aws_errors(f"look at backups of {table}", region=region):
        answer = found(lambda: client("dynamodb", region).describe_continuous_backups(TableName=table))
    facts = (answer or {}).get("ContinuousBackupsDescription", {}).get("PointInTimeRecoveryDescription", {})
    if facts.get("PointInTimeRecoveryStatus") != "ENABLED":
        return None
    return facts["EarliestRestorableDateTime"].astimezone(UTC), facts["LatestRestorableDateTime"].astimezone(UTC)


def enable_recovery(table: str, region: str) -> None:
    """Turn point-in-time recovery on unless it is. Safe to repeat."""
    if window(table, region) is None:
        with aws_errors(f"turn on point-in-time recovery of {table}", region=region):
            client("dynamodb", region).update_continuous_backups(
                TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
            )


def restore(source: str, target: str, at: datetime, region: str, *, factor: float, clock: Clock) -> None:
    """Start to restore ``source`` as it was ``at`` (whole seconds, UTC) into the new table ``target``.

    Waits until that second is restorable, at most :data:`RESTORABLE_S` modelled seconds. Safe to repeat: a table that
    is there already is kept.

    Raises:
        NoRecoveryPointError: The second lies before the window, or recovery is off; nothing was changed.
        DeadlineExceededError: The second is not restorable yet; repeat.
    """
    if describe(target, region) is not None:
        return
    until_restorable(source, at, region, factor=factor, clock=clock)
    with aws_errors(f"restore {source} to {target}", region=region), already_done("TableAlreadyExistsException"):
        client("dynamodb", region).restore_table_to_point_in_time(
            SourceTableName=source, TargetTableName=target, RestoreDateTime=at
        )


def until_restorable(table: str, at: datetime, region: str, *, factor: float, clock: Clock) -> None:
    """Wait until ``table`` can be restored to ``at``; raises what :func:`restore` does, and changes nothing."""
    end = clock.monotonic() + RESTORABLE_S * factor + 2.0
    while True:
        limits = window(table, region)
        if limits is None or at < limits[0].replace(microsecond=0):
            since = f"only from {limits[0]:%Y-%m-%d %H:%M:%S} on" if limits else "not at all"
            message = f"{table} in {region} can be restored {since}, not to {at:%Y-%m-%d %H:%M:%S} UTC"
            raise NoRecoveryPointError(message, region=region, table=table)
        if at <= limits[1]:
            return
        if clock.monotonic() > end:
            message = f"{table} in {region} cannot be restored to {at:%Y-%m-%d %H:%M:%S} UTC yet"
            raise DeadlineExceededError(message, region=region, table=table)
        clock.sleep(max(15.0 * factor, 0.05))


def add_replica(table: str, region: str, target: str) -> bool:
    """Start making a replica of ``table`` in ``target``; returns whether there was none. Safe to repeat."""
    seen = describe(table, region) or {}
    if target in {replica["RegionName"] for replica in seen.get("Replicas", [])}:
        return False
    with aws_errors(f"add a replica of {table} in {target}", region=region):
        client("dynamodb", region).update_table(TableName=table, ReplicaUpdates=[{"Create": {"RegionName": target}}])
    return True


def tag(table: str, tags: Mapping[str, str], region: str) -> None:
    """Add or replace tags. Safe to repeat."""
    seen = describe(table, region)
    with aws_errors(f"tag table {table}", region=region):
        client("dynamodb", region).tag_resource(
            ResourceArn=str((seen or {}).get("TableArn", table)),
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )


def remove(table: str, region: str) -> bool:
    """Delete a table; returns whether there was one. Safe to repeat."""
    seen = describe(table, region)
    if seen is None:
        return False
    if seen["TableStatus"] != "DELETING":
        with aws_errors(f"delete table {table}", region=region):
            found(lambda: client("dynamodb", region).delete_table(TableName=table))
    return True


def arn_of(table: str, region: str, *, asked_in: str) -> str:
    """Return the ARN of a table in ``region`` without calling that region; ``asked_in`` says who we are."""
    partition = "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    return f"arn:{partition}:dynamodb:{region}:{account(asked_in)}:table/{table}"


def keep_writers_out(dynamodb: Any, arn: str, why: str) -> None:
    """Deny writes to the table by its resource policy, to everybody but DynamoDB's own replication. Safe to repeat.

    ``dynamodb`` is a client of the table's region, usually a suspect one. Other statements of the policy stay.
    """
    policy, revision = _policy(dynamodb, arn)
    statements = [item for item in policy["Statement"] if item.get("Sid") != FENCE]
    partition, who = arn.split(":")[1], arn.split(":")[4]
    fence = {
        "Sid": FENCE,
        "Effect": "Deny",
        "Principal": "*",
        "Action": list(WRITES),
        "Resource": arn,
        "Condition": {
            "StringNotEquals": {"aws:PrincipalArn": REPLICATION_ROLE.format(partition=partition, account=who)}
        },
    }
    if len(statements) == len(policy["Statement"]):
        _put(dynamodb, arn, {**policy, "Statement": [*statements, fence]}, revision, why)


def let_writers_in(dynamodb: Any, arn: str, why: str) -> None:
    """Take our denial back, if there is one; a table that is not there has none. Safe to repeat."""
    policy, revision = _policy(dynamodb, arn, "ResourceNotFoundException")
    statements = [item for item in policy["Statement"] if item.get("Sid") != FENCE]
    if len(statements) == len(policy["Statement"]):
        return
    if statements:
        _put(dynamodb, arn, {**policy, "Statement": statements}, revision, why)
    else:
        with aws_errors(f"{why}: remove the policy of {arn}", region=arn.split(":")[3]):
            dynamodb.delete_resource_policy(ResourceArn=arn)


def _policy(dynamodb: Any, arn: str, *absent: str) -> tuple[dict[str, Any], str | None]:
    """Return the policy and its revision, an empty one when there is none, or AWS says one of the codes ``absent``."""
    from botocore.exceptions import ClientError

    with aws_errors(f"look at the policy of {arn}", region=arn.split(":")[3]):
        try:
            answer = dynamodb.get_resource_policy(ResourceArn=arn)
        except ClientError as error:
            if code_of(error) not in ("PolicyNotFoundException", *absent):
                raise
            return {"Version": "2012-10-17", "Statement": []}, None
    return dict(json.loads(answer["Policy"])), answer.get("RevisionId")


def _put(dynamodb: Any, arn: str, policy: Mapping[str, Any], revision: str | None, why: str) -> None:
    expected = {"ExpectedRevisionId": revision} if revision else {}
    with aws_errors(f"{why}: set the policy of {arn}", region=arn.split(":")[3]):
        dynamodb.put_resource_policy(ResourceArn=arn, Policy=json.dumps(policy), **expected)
