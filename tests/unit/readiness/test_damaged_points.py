"""A point that fails its restore test is not recovered from, and readiness is red until a later test passes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from recovery_ops.drills import requesting
from recovery_ops.drills.restoring import restore_test
from recovery_ops.errors import NoRecoveryPointError
from recovery_ops.execution.systems import load_system
from recovery_ops.model.points import ConsistentPoint
from recovery_ops.model.readiness import ReadinessState, state_of
from recovery_ops.model.restore_tests import RestoreTest
from recovery_ops.model.runs import RunRef
from recovery_ops.protection import restore_tests
from recovery_ops.protection.restore_tests import RestoreTests
from recovery_ops.protection.shelf import Shelf
from recovery_ops.readiness import points
from recovery_ops.readiness.points import usable_point
from recovery_ops.testing.stores import InMemoryObjectStore

SYSTEM = load_system("fraud-detection", Path(__file__).parents[3] / "dags")
AWAY = "us-west-2"
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
POINT = ConsistentPoint(
    id="p-20261123t120000z-aaaa", system=SYSTEM.name, taken_at=NOON, region="us-east-1", catalog_hash="c", captures={}
)
OLDER = replace(POINT, id="p-20261123t110000z-bbbb")
WHY = "training-data: s3://data/part-1 version v1 is gone"


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> InMemoryObjectStore:
    """The points of one region, in memory, both complete by their manifests."""
    store = InMemoryObjectStore()

    def put(_self: Shelf, region: str, key: str, body: bytes, *, locked_until: datetime) -> bytes:
        assert (region, locked_until > NOON) == (AWAY, True)
        store.put_new(key, body)
        return body

    monkeypatch.setattr(Shelf, "put", put)
    monkeypatch.setattr(Shelf, "all", lambda _self, _region: iter([POINT, OLDER]))
    monkeypatch.setattr(points, "damage", lambda *_: "")
    monkeypatch.setattr(restore_tests, "open_store", lambda _bucket, _region: store)
    monkeypatch.setattr(requesting, "serving_region", lambda _system: SimpleNamespace(region="us-east-1"))
    return store


def result_of(run: Callable[..., RunRef], report: Any = None) -> RestoreTest:
    return restore_test(
        SYSTEM, person="alice", point_id=POINT.id, component="training-data", region=AWAY, run=run,
        report=lambda _ref: report,
    )  # fmt: skip


def refuse(_request: Any, _system: Any) -> RunRef:
    raise NoRecoveryPointError("no recovery point fits", refused={POINT.id: WHY})


def carry_out(_request: Any, _system: Any) -> RunRef:
    return RunRef(
        system=SYSTEM.name, run_id="r-20261123-abcdef", recovery_region=AWAY, impaired_region="us-east-1",
        record_bucket="b",
    )  # fmt: skip


def report(outcome: str) -> dict[str, Any]:
    check = {"component": "training-data", "gate": "integrity", "name": "hash", "outcome": outcome, "advisory": False}
    step = {"step": "training-data.rehydrate", "component": "training-data", "outcome": "succeeded", "error": None}
    return {"verification": [check], "steps": [step], "objectives": []}


def readiness() -> tuple[ReadinessState, list[str]]:
    found = usable_point(SYSTEM, AWAY)
    return state_of(item.severity for item in found.findings), [item.code for item in found.findings]


def test_a_point_that_was_never_tested_is_as_good_as_its_manifest(shelf: InMemoryObjectStore) -> None:
    assert readiness() == (ReadinessState.READY, [])
    assert usable_point(SYSTEM, AWAY).point == POINT


def test_a_damaged_point_fails_its_test_and_turns_readiness_red(shelf: InMemoryObjectStore) -> None:
    test = result_of(refuse)
    assert (test.passed, test.why) == (False, WHY)
    assert RestoreTests(system=SYSTEM).of(POINT.id, AWAY) == [test]
    assert readiness() == (ReadinessState.NOT_READY, ["restore-test-failed"])
    (found,) = usable_point(SYSTEM, AWAY).findings
    assert (found.component, found.subject, WHY in found.message) == ("training-data", POINT.id, True)
    assert usable_point(SYSTEM, AWAY).point == OLDER


def test_wrong_data_is_as_bad_and_a_later_pass_of_the_same_component_takes_it_back(shelf: InMemoryObjectStore) -> None:
    assert not result_of(carry_out, report("fail")).passed
    assert readiness() == (ReadinessState.NOT_READY, ["restore-test-failed"])
    other = RestoreTest(point_id=POINT.id, component="config", region=AWAY, at=datetime.now(UTC), passed=True)
    RestoreTests(system=SYSTEM).write(other)
    assert readiness()[0] is ReadinessState.NOT_READY
    assert result_of(carry_out, report("pass")).passed
    assert readiness() == (ReadinessState.READY, [])


def test_a_result_that_cannot_be_read_counts_as_none(shelf: InMemoryObjectStore) -> None:
    shelf.put_new(f"{SYSTEM.name}/points/{POINT.id}/restore-test/x.json", b"{}")
    old = RestoreTest(point_id=POINT.id, component="", region=AWAY, at=NOON - timedelta(days=1), passed=True)
    RestoreTests(system=SYSTEM).write(old)
    assert readiness() == (ReadinessState.READY, [])
