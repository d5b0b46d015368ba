"""Online and offline features: the same story, recent enough."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recovery_ops.model.checks import Check, CheckOutcome
from recovery_ops.quality.feature_gates import as_of_check, consistency_check, freshness_check, newest_of

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ROW = {"id": "a", "version": 3.0, "score": 0.5, "at": "2026-11-23T11:00:00Z"}


def compare(offline: list[dict[str, Any]], online: list[dict[str, Any]]) -> Check:
    return consistency_check("features", offline, online, key="id", version="version", besides=frozenset({"at"}))


@pytest.mark.parametrize(
    ("online", "outcome"),
    [
        ([ROW], CheckOutcome.PASS),
        ([{**ROW, "at": "another spelling"}], CheckOutcome.PASS),
        ([{**ROW, "version": 4.0, "score": 0.9}], CheckOutcome.PASS),
        ([ROW, {**ROW, "id": "b"}], CheckOutcome.PASS),
        ([{**ROW, "score": 0.50001}], CheckOutcome.FAIL),
        ([{**ROW, "version": 2.0}], CheckOutcome.FAIL),
        ([{"id": "a", "score": 0.5}], CheckOutcome.FAIL),
        ([], CheckOutcome.FAIL),
    ],
)
def test_an_offline_row_is_online_in_its_version_or_a_later_one(
    online: list[dict[str, Any]], outcome: CheckOutcome
) -> None:
    assert compare([ROW], online).outcome is outcome


def test_of_several_offline_rows_the_latest_counts() -> None:
    assert compare([{**ROW, "version": 1.0, "score": 0.1}, ROW], [ROW]).outcome is CheckOutcome.PASS


def test_nothing_to_compare_is_no_pass() -> None:
    assert compare([], [ROW]).outcome is CheckOutcome.FAIL


@pytest.mark.parametrize(
    ("age_s", "factor", "outcome"),
    [(59.0, 1.0, CheckOutcome.PASS), (61.0, 1.0, CheckOutcome.FAIL), (2.0, 1 / 60, CheckOutcome.FAIL)],
)
def test_age_is_judged_in_modelled_time(age_s: float, factor: float, outcome: CheckOutcome) -> None:
    check = freshness_check("features", NOON - timedelta(seconds=age_s), NOON, limit_s=60, factor=factor)
    assert check.outcome is outcome


def test_not_knowing_how_old_is_no_pass() -> None:
    assert freshness_check("features", None, NOON, limit_s=60, factor=1).outcome is CheckOutcome.FAIL


@pytest.mark.parametrize(
    ("newest", "outcome"),
    [
        (NOON, CheckOutcome.PASS),
        (NOON - timedelta(seconds=30), CheckOutcome.PASS),
        (NOON + timedelta(seconds=1), CheckOutcome.FAIL),
        (NOON - timedelta(hours=1), CheckOutcome.FAIL),
        (None, CheckOutcome.FAIL),
    ],
)
def test_a_restored_table_is_neither_newer_nor_older_than_the_point(
    newest: datetime | None, outcome: CheckOutcome
) -> None:
    check = as_of_check("features", newest, restored_to=NOON, captured=NOON, limit_s=60)
    assert check.outcome is outcome


def test_the_newest_time_is_found_among_texts_of_all_sorts() -> None:
    rows = [{"at": "2026-11-23T11:00:00Z"}, {"at": "2026-11-23T13:30:00+02:00"}, {"at": "junk"}, {"at": 7}, {}]
    assert newest_of(rows, "at") == datetime(2026, 11, 23, 11, 30, tzinfo=UTC)
    assert newest_of(rows, "at", until=datetime(2026, 11, 23, 11, 15, tzinfo=UTC)) == NOON - timedelta(hours=1)
    assert newest_of([], "at") is None
