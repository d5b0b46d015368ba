"""The few moves that every test of tables makes."""

import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from recovery_ops.sandbox.process import RunningSandbox

HOME, RECOVERY, THIRD = "us-east-1", "us-west-2", "eu-west-1"
FACTOR = 0.001


def client(sandbox: RunningSandbox, region: str) -> Any:
    return boto3.client(
        "dynamodb",
        region_name=region,
        endpoint_url=sandbox.base_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, user_agent_extra="recovery-ops-test/1"),
    )


def until(true: Callable[[], object], within_s: float = 20.0) -> None:
    ends = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < ends, "still not true"
        time.sleep(0.005)


def status(api: Any, table: str) -> str:
    return str(api.describe_table(TableName=table)["Table"]["TableStatus"])


def table(api: Any, name: str, rows: int = 0) -> str:
    key = {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]}
    attributes = [{"AttributeName": "id", "AttributeType": "S"}]
    api.create_table(TableName=name, AttributeDefinitions=attributes, BillingMode="PAY_PER_REQUEST", **key)
    until(lambda: status(api, name) == "ACTIVE")
    for number in range(rows):
        put(api, name, f"e{number}", number)
    return name


def replicated(home: Any, away: Any, name: str, rows: int = 0) -> str:
    table(home, name, rows)
    home.update_table(TableName=name, ReplicaUpdates=[{"Create": {"RegionName": RECOVERY}}])
    until(lambda: status(home, name) == "ACTIVE" and status(away, name) == "ACTIVE")
    return name


def put(api: Any, name: str, key: str, value: int) -> None:
    api.put_item(TableName=name, Item={"id": {"S": key}, "v": {"N": str(value)}})


def get(api: Any, name: str, key: str) -> int | None:
    item = api.get_item(TableName=name, Key={"id": {"S": key}}, ConsistentRead=True).get("Item")
    return None if item is None else int(item["v"]["N"])


def delete(api: Any, name: str, key: str) -> None:
    api.delete_item(TableName=name, Key={"id": {"S": key}})


def refused(code: str, call: Callable[..., Any], **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == code
    return str(caught.value.response["Error"]["Message"])


def recovery(api: Any, name: str, *, on: bool = True) -> None:
    wanted = {"PointInTimeRecoveryEnabled": on}
    api.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=wanted)


def window(api: Any, name: str) -> tuple[datetime, datetime]:
    described = api.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    facts = described["PointInTimeRecoveryDescription"]
    return facts["EarliestRestorableDateTime"], facts["LatestRestorableDateTime"]


def deny(arn: str, **more: Any) -> str:
    actions = [f"dynamodb:{name}" for name in ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem")]
    statement = {"Effect": "Deny", "Principal": "*", "Action": actions, "Resource": arn, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
