"""Tables: replicas, last writer wins, point-in-time restore, time, fences."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from recovery_ops.sandbox.control import Control
from recovery_ops.sandbox.dynamodb import history
from recovery_ops.sandbox.dynamodb.history import History
from recovery_ops.sandbox.process import RunningSandbox, running_sandbox

pytestmark = pytest.mark.sandbox
HOME, RECOVERY, THIRD = "us-east-1", "us-west-2", "eu-west-1"
FACTOR = 0.001


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), factor=FACTOR) as started:
        yield started


@pytest.fixture
def control(sandbox: RunningSandbox) -> Iterator[Control]:
    control = Control(sandbox.base_url)
    yield control
    control.heal()
    for source, target in ((HOME, RECOVERY), (RECOVERY, HOME)):
        control.replication(source=source, target=target, paused=False)


def client(sandbox: RunningSandbox, region: str) -> Any:
    return boto3.client(
        "dynamodb",
        region_name=region,
        endpoint_url=sandbox.base_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, user_agent_extra="recovery-ops-test/1"),
    )


@pytest.fixture(scope="module")
def home(sandbox: RunningSandbox) -> Any:
    return client(sandbox, HOME)


@pytest.fixture(scope="module")
def away(sandbox: RunningSandbox) -> Any:
    return client(sandbox, RECOVERY)


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


# Global tables


def test_a_replica_takes_time_and_then_has_everything(home: Any, away: Any) -> None:
    name = table(home, "replica", rows=5)
    home.update_table(TableName=name, ReplicaUpdates=[{"Create": {"RegionName": RECOVERY}}])
    during = home.describe_table(TableName=name)["Table"]
    assert during["Replicas"] == [{"RegionName": RECOVERY, "ReplicaStatus": "CREATING"}]
    refused("ResourceNotFoundException", get, api=away, name=name, key="e1")
    put(home, name, "meanwhile", 7)
    until(lambda: status(away, name) == "ACTIVE")
    assert [get(away, name, key) for key in ("e0", "e4", "meanwhile")] == [0, 4, 7]
    after = away.describe_table(TableName=name)["Table"]
    assert after["Replicas"] == [{"RegionName": HOME, "ReplicaStatus": "ACTIVE"}]


def test_writes_and_deletions_travel_both_ways(home: Any, away: Any) -> None:
    name = replicated(home, away, "both-ways", rows=2)
    put(home, name, "e0", 10)
    delete(away, name, "e1")
    until(lambda: get(away, name, "e0") == 10 and get(home, name, "e1") is None)


def test_batches_and_transactions_travel_and_a_failed_transaction_does_not(home: Any, away: Any) -> None:
    name = replicated(home, away, "batches", rows=1)
    entry = {"id": {"S": "batched"}, "v": {"N": "1"}}
    home.batch_write_item(RequestItems={name: [{"PutRequest": {"Item": entry}}]})
    bad = {
        "ConditionCheck": {
            "TableName": name,
            "Key": {"id": {"S": "e0"}},
            "ConditionExpression": "attribute_not_exists(id)",
        }
    }
    never = {"Put": {"TableName": name, "Item": {"id": {"S": "never"}, "v": {"N": "1"}}}}
    refused("TransactionCanceledException", home.transact_write_items, TransactItems=[never, bad])
    done = {"Put": {"TableName": name, "Item": {"id": {"S": "done"}, "v": {"N": "1"}}}}
    home.transact_write_items(TransactItems=[done])
    until(lambda: get(away, name, "done") == 1)
    assert (get(away, name, "batched"), get(away, name, "never")) == (1, None)


def test_the_last_writer_wins_in_both_regions(home: Any, away: Any, control: Control) -> None:
    name = replicated(home, away, "conflict", rows=1)
    for source, target in ((HOME, RECOVERY), (RECOVERY, HOME)):
        control.replication(source=source, target=target, paused=True)
    put(home, name, "e0", 1)
    put(away, name, "e0", 2)
    put(away, name, "other", 3)
    put(home, name, "other", 4)
    for source, target in ((HOME, RECOVERY), (RECOVERY, HOME)):
        control.replication(source=source, target=target, paused=False)
    until(lambda: control.status()["replication"]["pending"] == 0)
    assert [get(api, name, "e0") for api in (home, away)] == [2, 2]
    assert [get(api, name, "other") for api in (home, away)] == [4, 4]


def test_a_refused_write_is_not_a_write_that_could_win(home: Any, away: Any, control: Control) -> None:
    name = replicated(home, away, "refused-write", rows=1)
    control.replication(source=RECOVERY, target=HOME, paused=True)
    put(away, name, "e0", 2)
    absent = {"ConditionExpression": "attribute_not_exists(id)"}
    item = {"id": {"S": "e0"}, "v": {"N": "9"}}
    refused("ConditionalCheckFailedException", home.put_item, TableName=name, Item=item, **absent)
    control.replication(source=RECOVERY, target=HOME, paused=False)
    until(lambda: control.status()["replication"]["pending"] == 0)
    assert [get(api, name, "e0") for api in (home, away)] == [2, 2]


def test_what_a_dead_region_had_not_sent_is_missing_until_it_heals(home: Any, away: Any, control: Control) -> None:
    name = replicated(home, away, "lost", rows=1)
    control.replication(source=HOME, target=RECOVERY, paused=True)
    put(home, name, "unsent", 1)
    control.fault(region=HOME, mode="reset")
    control.replication(source=HOME, target=RECOVERY, paused=False)
    put(away, name, "while-dead", 2)
    pending = control.status()["replication"]
    assert pending["pending"] == 2
    assert pending["oldest_age_s"] > 0
    assert get(away, name, "unsent") is None
    control.heal()
    until(lambda: get(away, name, "unsent") == 1 and get(home, name, "while-dead") == 2)


def test_a_replica_in_a_dead_region_waits_for_it(home: Any, sandbox: RunningSandbox, control: Control) -> None:
    name = table(home, "waiting", rows=1)
    control.fault(region=THIRD, mode="503")
    home.update_table(TableName=name, ReplicaUpdates=[{"Create": {"RegionName": THIRD}}])
    put(home, name, "e0", 5)
    time.sleep(0.5)  # longer than a replica takes: what must not happen has no event to wait for
    (replica,) = home.describe_table(TableName=name)["Table"]["Replicas"]
    assert replica["ReplicaStatus"] == "CREATING"
    control.heal()
    until(lambda: status(home, name) == "ACTIVE")
    assert get(client(sandbox, THIRD), name, "e0") == 5


def test_a_removed_replica_is_gone_and_gets_nothing_any_more(home: Any, away: Any) -> None:
    name = replicated(home, away, "removed", rows=1)
    home.update_table(TableName=name, ReplicaUpdates=[{"Delete": {"RegionName": RECOVERY}}])
    until(lambda: name not in away.list_tables()["TableNames"])
    assert "Replicas" not in home.describe_table(TableName=name)["Table"]
    put(home, name, "e0", 1)


def test_writers_of_many_threads_lose_nothing_on_the_way(home: Any, away: Any, sandbox: RunningSandbox) -> None:
    name = replicated(home, away, "threads")
    add = {"UpdateExpression": "ADD v :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}

    def count() -> None:
        api = client(sandbox, HOME)
        for _ in range(25):
            api.update_item(TableName=name, Key={"id": {"S": "counter"}}, **add)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: get(away, name, "counter") == 100)


# Point-in-time recovery


def test_a_restore_gives_the_values_of_that_second(home: Any) -> None:
    name = table(home, "restored", rows=3)
    recovery(home, name)
    put(home, name, "e0", 100)
    delete_after = _next_second()
    delete(home, name, "e1")
    put(home, name, "e2", 200)
    put(home, name, "late", 1)
    until(lambda: window(home, name)[1] > delete_after)
    restored = home.restore_table_to_point_in_time(
        SourceTableName=name, TargetTableName="restored-copy", RestoreDateTime=delete_after
    )["TableDescription"]
    assert (restored["TableStatus"], restored["RestoreSummary"]["RestoreInProgress"]) == ("CREATING", True)
    until(lambda: status(home, "restored-copy") == "ACTIVE")
    assert [get(home, "restored-copy", key) for key in ("e0", "e1", "e2", "late")] == [100, 1, 2, None]
    assert [get(home, name, key) for key in ("e0", "e1", "e2", "late")] == [100, None, 200, 1]


def _next_second() -> datetime:
    """Return the whole second that has just begun: restore times have no fractions."""
    began = datetime.now(UTC).replace(microsecond=0)
    until(lambda: datetime.now(UTC).replace(microsecond=0) > began)
    return datetime.now(UTC).replace(microsecond=0)


def test_a_restored_table_lacks_what_it_lacks_on_aws(home: Any) -> None:
    name = table(home, "bare", rows=1)
    arn = home.describe_table(TableName=name)["Table"]["TableArn"]
    home.tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "fraud"}])
    home.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ends"})
    recovery(home, name)
    home.restore_table_to_point_in_time(SourceTableName=name, TargetTableName="bare-copy", UseLatestRestorableTime=True)
    until(lambda: status(home, "bare-copy") == "ACTIVE")
    copy = home.describe_table(TableName="bare-copy")["Table"]
    assert copy["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert home.list_tags_of_resource(ResourceArn=copy["TableArn"])["Tags"] == []
    assert home.describe_time_to_live(TableName="bare-copy")["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED"
    backups = home.describe_continuous_backups(TableName="bare-copy")["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "DISABLED"


def test_a_restore_is_refused_without_recovery_and_outside_of_the_window(home: Any) -> None:
    name = table(home, "refused", rows=1)
    restore = home.restore_table_to_point_in_time
    names = {"SourceTableName": name, "TargetTableName": "refused-copy"}
    refused("PointInTimeRecoveryUnavailableException", restore, **names, UseLatestRestorableTime=True)
    recovery(home, name)
    for moment in (datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1)):
        refused("InvalidRestoreTimeException", restore, **names, RestoreDateTime=moment)
    other = {**names, "SourceTableName": "nobody-knows"}
    refused("TableNotFoundException", restore, **other, UseLatestRestorableTime=True)
    taken = {**names, "TargetTableName": name}
    refused("TableAlreadyExistsException", restore, **taken, UseLatestRestorableTime=True)


def test_a_table_is_restored_into_another_region_while_its_own_is_alive(home: Any, away: Any, control: Control) -> None:
    name = table(home, "far", rows=1)
    recovery(home, name)
    arn = home.describe_table(TableName=name)["Table"]["TableArn"]
    away.restore_table_to_point_in_time(SourceTableArn=arn, TargetTableName="far-copy", UseLatestRestorableTime=True)
    until(lambda: status(away, "far-copy") == "ACTIVE")
    assert get(away, "far-copy", "e0") == 0
    control.fault(region=HOME, mode="reset")
    dead = {"SourceTableArn": arn, "TargetTableName": "far-copy-2", "UseLatestRestorableTime": True}
    refused("InternalServerError", away.restore_table_to_point_in_time, **dead)


def test_the_latest_restorable_time_moves_and_stays_behind_now(home: Any) -> None:
    name = table(home, "moving")
    recovery(home, name)
    first = window(home, name)[1]
    until(lambda: window(home, name)[1] > first)
    behind = datetime.now(UTC) - window(home, name)[1]
    assert behind >= timedelta(seconds=300 * FACTOR * 0.9)


@given(
    changes=st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 9)), max_size=40),
    at=st.integers(0, 41),
)
def test_folding_old_changes_changes_no_moment_that_can_still_be_restored(
    changes: list[tuple[str, int | None]], at: int
) -> None:
    kept, bounded = History(since=0.0), History(since=0.0)
    original, history.MAX_CHANGES = history.MAX_CHANGES, 8
    try:
        for moment, (key, value) in enumerate(changes, 1):
            item = None if value is None else {"id": {"S": key}, "v": {"N": str(value)}}
            kept.changes.append((float(moment), key, item))
            bounded.record(float(moment), key, item)
    finally:
        history.MAX_CHANGES = original
    assert len(bounded.changes) <= 8
    if at >= bounded.since:
        assert bounded.at(float(at)) == kept.at(float(at))


# Life cycle, fences, the rest


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


def deny(arn: str, **more: Any) -> str:
    actions = [f"dynamodb:{name}" for name in ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem")]
    statement = {"Effect": "Deny", "Principal": "*", "Action": actions, "Resource": arn, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


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


def test_a_fence_for_everybody_also_stops_replication_into_the_table(home: Any, away: Any) -> None:
    name = replicated(home, away, "fenced-replica", rows=1)
    arn = home.describe_table(TableName=name)["Table"]["TableArn"]
    home.put_resource_policy(ResourceArn=arn, Policy=deny(arn))
    (replica,) = away.describe_table(TableName=name)["Table"]["Replicas"]
    assert replica["ReplicaStatus"] == "REPLICATION_NOT_AUTHORIZED"
    put(away, name, "e0", 3)
    role = "arn:aws:iam::123456789012:role/aws-service-role/replication.dynamodb.amazonaws.com/*"
    condition = {"ArnNotLike": {"aws:PrincipalArn": role}}
    assert get(home, name, "e0") == 0
    home.put_resource_policy(ResourceArn=arn, Policy=deny(arn, Condition=condition))
    until(lambda: get(home, name, "e0") == 3)
    refused("AccessDeniedException", put, api=home, name=name, key="e0", value=9)


def test_what_is_not_modelled_says_so(home: Any) -> None:
    name = table(home, "unmodelled", rows=1)
    recovery(home, name)
    arn = home.describe_table(TableName=name)["Table"]["TableArn"]
    refused("NotImplemented", home.execute_statement, Statement=f'SELECT * FROM "{name}"')
    refused("NotImplemented", home.export_table_to_point_in_time, TableArn=arn, S3Bucket="any-bucket", S3Prefix="p")
    odd = deny(arn, Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})
    refused("NotImplemented", home.put_resource_policy, ResourceArn=arn, Policy=odd)


def test_damage_to_one_replica_stays_there(home: Any, away: Any, control: Control) -> None:
    name = replicated(home, away, "damaged", rows=3)
    control.damage(what="dynamodb-item", region=RECOVERY, table=name, keys=[{"id": "e0"}], set={"v": 99})
    control.damage(what="dynamodb-item", region=RECOVERY, table=name, keys=[{"id": "e1"}], delete=True)
    put(home, name, "after", 1)
    until(lambda: get(away, name, "after") == 1)
    assert [get(away, name, key) for key in ("e0", "e1", "e2")] == [99, None, 2]
    assert [get(home, name, key) for key in ("e0", "e1", "e2")] == [0, 1, 2]


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
