"""Tables: how they come and go, fences, snapshots, and what is not modelled."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from table_moves import (
    HOME,
    RECOVERY,
    client,
    deny,
    get,
    put,
    recovery,
    refused,
    replicated,
    status,
    table,
    until,
    window,
)

from recovery_ops.sandbox.control import Control
from recovery_ops.sandbox.process import running_sandbox

pytestmark = pytest.mark.sandbox


@pytest.fixture
def slow_home() -> Iterator[Any]:
    """A sandbox of its own in which a table takes seconds to come and to go, so that a busy machine sees it."""
    with running_sandbox(factor=0.3) as slow:
        yield client(slow, HOME)


def test_tables_take_time_to_come_and_to_go(slow_home: Any) -> None:
    home = slow_home
    definition = {
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    keys = [{"AttributeName": "id", "KeyType": "HASH"}]
    home.create_table(TableName="short-lived", KeySchema=keys, **definition)
    refused("ResourceNotFoundException", put, api=home, name="short-lived", key="e", value=1)
    until(lambda: status(home, "short-lived") == "ACTIVE")
    home.delete_table(TableName="short-lived")
    assert status(home, "short-lived") == "DELETING"
    refused("ResourceInUseException", home.create_table, TableName="short-lived", KeySchema=keys, **definition)
    until(lambda: "short-lived" not in home.list_tables()["TableNames"])


def test_a_fence_on_a_table_stops_writers_and_lets_readers_through(home: Any) -> None:
    name = table(home, "fenced", rows=1)
    arn = home.describe_table(TableName=name)["Table"]["TableArn"]
    home.put_resource_policy(ResourceArn=arn, Policy=deny(arn))
    assert "explicit deny" in refused("AccessDeniedException", put, api=home, name=name, key="e0", value=9)
    entry = {"PutRequest": {"Item": {"id": {"S": "x"}}}}
    refused("AccessDeniedException", home.batch_write_item, RequestItems={name: [entry]})
    assert get(home, name, "e0") == 0
    home.delete_resource_policy(ResourceArn=arn)
    put(home, name, "e0", 9)


def test_what_is_not_modelled_says_so(home: Any) -> None:
    name = table(home, "unmodelled", rows=1)
    recovery(home, name)
    arn = home.describe_table(TableName=name)["Table"]["TableArn"]
    refused("NotImplemented", home.execute_statement, Statement=f'SELECT * FROM "{name}"')
    refused("NotImplemented", home.export_table_to_point_in_time, TableArn=arn, S3Bucket="any-bucket", S3Prefix="p")
    odd = deny(arn, Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})
    refused("NotImplemented", home.put_resource_policy, ResourceArn=arn, Policy=odd)


def test_a_snapshot_keeps_what_is_on_its_way_and_what_can_be_restored(
    home: Any, away: Any, control: Control, tmp_path: Path
) -> None:
    name = replicated(home, away, "kept", rows=1)
    recovery(home, name)
    control.replication(source=HOME, target=RECOVERY, paused=True)
    put(home, name, "e0", 5)
    control.snapshot(path=tmp_path / "world.snapshot")
    put(home, name, "e0", 6)
    control.restore(path=tmp_path / "world.snapshot")
    assert (get(home, name, "e0"), get(away, name, "e0")) == (5, 0)
    control.replication(source=HOME, target=RECOVERY, paused=False)
    until(lambda: get(away, name, "e0") == 5)
    earliest, _ = window(home, name)
    home.restore_table_to_point_in_time(SourceTableName=name, TargetTableName="kept-copy", RestoreDateTime=earliest)
    until(lambda: status(home, "kept-copy") == "ACTIVE")
    assert get(home, "kept-copy", "e0") == 0


def test_every_type_of_attribute_comes_back_as_it_was_written(home: Any) -> None:
    name = table(home, "types")
    inner = {"list": {"L": [{"N": "1"}, {"M": {}}, {"B": b"\x00"}]}, "S": {"S": "named as a type"}}
    item = {
        "id": {"S": "all"},
        "empty": {"S": ""},
        "number": {"N": "1.5"},
        "bytes": {"B": b"\x00\x01\xff"},
        "flag": {"BOOL": False},
        "nothing": {"NULL": True},
        "texts": {"SS": ["a", "b"]},
        "numbers": {"NS": ["1", "2"]},
        "contents": {"BS": [b"\xff", b"\xfe"]},
        "map": {"M": inner},
        "none": {"L": []},
    }
    home.put_item(TableName=name, Item=item)
    assert home.get_item(TableName=name, Key={"id": {"S": "all"}})["Item"] == item
    assert home.scan(TableName=name)["Items"] == [item]
    assert home.batch_get_item(RequestItems={name: {"Keys": [{"id": {"S": "all"}}]}})["Responses"][name] == [item]
    gone = home.delete_item(TableName=name, Key={"id": {"S": "all"}}, ReturnValues="ALL_OLD")
    assert gone["Attributes"] == item
