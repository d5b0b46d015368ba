"""Point-in-time recovery: the values of a second, and what a restored table lacks."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from table_moves import FACTOR, HOME, delete, get, put, recovery, refused, status, table, until, window

from recovery_ops.sandbox.control import Control
from recovery_ops.sandbox.dynamodb import history
from recovery_ops.sandbox.dynamodb.history import History

pytestmark = pytest.mark.sandbox


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
