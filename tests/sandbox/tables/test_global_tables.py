"""Replicas: what they take, that the last writer wins, and what a dead region had not sent."""

import threading
import time
from typing import Any

import pytest
from table_moves import HOME, RECOVERY, THIRD, client, delete, deny, get, put, refused, replicated, status, table, until

from recovery_ops.sandbox.control import Control
from recovery_ops.sandbox.process import RunningSandbox

pytestmark = pytest.mark.sandbox


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


def test_damage_to_one_replica_stays_there(home: Any, away: Any, control: Control) -> None:
    name = replicated(home, away, "damaged", rows=3)
    control.damage(what="dynamodb-item", region=RECOVERY, table=name, keys=[{"id": "e0"}], set={"v": 99})
    control.damage(what="dynamodb-item", region=RECOVERY, table=name, keys=[{"id": "e1"}], delete=True)
    put(home, name, "after", 1)
    until(lambda: get(away, name, "after") == 1)
    assert [get(away, name, key) for key in ("e0", "e1", "e2")] == [99, None, 2]
    assert [get(home, name, key) for key in ("e0", "e1", "e2")] == [0, 1, 2]
