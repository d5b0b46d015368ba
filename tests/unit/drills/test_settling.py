"""A failed drill opens findings; the next run that tests the same and passes closes them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recovery_ops.drills import settling
from recovery_ops.drills.findings import answers, settle
from recovery_ops.errors import StepInterruptedError
from recovery_ops.execution.systems import load_system
from recovery_ops.model.runs import RunRef
from recovery_ops.model.system import System
from recovery_ops.record.findings import known_findings
from recovery_ops.reporting import report
from recovery_ops.testing.runs import RUN_ID, full_run
from recovery_ops.testing.stores import InMemoryObjectStore

SHIPPED = load_system("fraud-detection", Path(__file__).parents[3] / "dags")


def made(outcome: str, at: str, run_id: str, *, signed_at: str = "") -> dict[str, Any]:
    found = report(full_run().log.events())
    found["identity"] |= {"run_id": run_id, "generated_at": signed_at or at}
    found["comparison"] |= {"cutoff": at}
    for check in found["verification"]:
        check["outcome"] = outcome
    return found


@pytest.mark.parametrize("outcome", ["fail", "error", "not-run"])
def test_opened_by_a_run_and_closed_by_the_next_that_passes(outcome: str) -> None:
    store = InMemoryObjectStore()
    settle("fraud", made(outcome, "2026-11-23T12:00:00+00:00", RUN_ID), [store])
    opened = {item.code: item for item in known_findings([store], "fraud")}
    assert opened["latency"].opened_by == RUN_ID
    assert opened["latency"].closed_at is None
    again = made("pass", "2026-11-24T12:00:00+00:00", "r-20261124-abcdef")
    settle("fraud", again, [store])
    before = store.all_keys()
    settle("fraud", again, [store])
    assert store.all_keys() == before
    closed = {item.code: item for item in known_findings([store], "fraud")}
    assert closed["latency"].closed_by == "r-20261124-abcdef"


def test_a_report_that_is_signed_later_says_what_it_said_when_the_run_ended() -> None:
    store = InMemoryObjectStore()
    settle("fraud", made("fail", "2026-11-23T12:00:00+00:00", RUN_ID), [store])
    settle("fraud", made("pass", "2026-11-24T12:00:00+00:00", "r-20261124-abcdef"), [store])
    before = store.all_keys()
    signed = made("fail", "2026-11-23T12:00:00+00:00", RUN_ID, signed_at="2026-11-25T12:00:00+00:00")
    settle("fraud", signed, [store])
    found = {item.code: item for item in known_findings([store], "fraud")}["latency"]
    assert (found.failures, found.closed_by) == (1, "r-20261124-abcdef")
    assert store.all_keys() == before


def test_what_was_not_measured_answers_nothing() -> None:
    found = made("pass", "2026-11-23T12:00:00+00:00", RUN_ID)
    found["objectives"] = [item | {"verdict": "not-measured"} for item in found["objectives"]]
    assert not [item for item in answers(found) if item.code in ("rto", "rpo")]


class Records:
    """The record of every region, as :func:`recovery_ops.execution.view.record_store` opens it."""

    def __init__(self, silent: tuple[str, ...] = ()) -> None:
        self.silent = silent
        self.stores = {"us-east-1": InMemoryObjectStore(self.hang("us-east-1")), "us-west-2": InMemoryObjectStore()}

    def hang(self, region: str) -> Callable[[str, str], None]:
        def before(_operation: str, _key: str) -> None:
            if region in self.silent:
                raise StepInterruptedError(f"{region} does not answer")

        return before

    def open(self, _system: System, region: str, *, suspect: bool = False) -> InMemoryObjectStore:
        assert suspect
        return self.stores[region]


def published(records: Records, found: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "record_store", records.open)
    monkeypatch.setattr(settling, "publish", lambda _ref, _out: found)
    ref = RunRef(
        system="fraud-detection", run_id=RUN_ID, recovery_region="us-west-2", impaired_region="us-east-1",
        record_bucket="b",
    )  # fmt: skip
    assert settling.publish_settled(ref, None, SHIPPED) is found


def test_a_published_report_settles_in_every_region_but_the_one_that_was_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    records = Records()
    published(records, made("fail", "2026-11-23T12:00:00+00:00", RUN_ID), monkeypatch)
    assert known_findings([records.stores["us-west-2"]], "fraud-detection")
    assert records.stores["us-east-1"].calls == []


def test_a_passing_drill_closes_what_a_run_opened_in_every_region(monkeypatch: pytest.MonkeyPatch) -> None:
    records = Records()
    drill = {"event": "drill"}
    first = made("fail", "2026-11-23T12:00:00+00:00", RUN_ID)
    again = made("pass", "2026-11-24T12:00:00+00:00", "r-20261124-abcdef")
    for found in (first, again):
        found["classification"] |= drill
        published(records, found, monkeypatch)
    for store in records.stores.values():
        latency = {item.code: item for item in known_findings([store], "fraud-detection")}["latency"]
        assert (latency.opened_by, latency.closed_by) == (RUN_ID, "r-20261124-abcdef")


def test_silence_of_every_record_fails_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    records = Records(silent=("us-east-1",))
    found = made("fail", "2026-11-23T12:00:00+00:00", RUN_ID)
    found["classification"]["event"] = "drill"
    published(records, found, monkeypatch)
    assert known_findings([records.stores["us-west-2"]], "fraud-detection")
    records.stores["us-west-2"] = records.stores["us-east-1"]
    published(records, found, monkeypatch)


def test_a_run_that_is_open_settles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    records = Records()
    found = made("fail", "2026-11-23T12:00:00+00:00", RUN_ID)
    found["result"]["outcome"] = "open"
    published(records, found, monkeypatch)
    assert records.stores["us-west-2"].all_keys() == ()
