"""A failed drill opens findings; the next run that tests the same and passes closes them."""

from typing import Any

import pytest

from recovery_ops.drills.findings import answers, settle
from recovery_ops.record.findings import known_findings
from recovery_ops.reporting import report
from recovery_ops.testing.runs import RUN_ID, full_run
from recovery_ops.testing.stores import InMemoryObjectStore


def made(outcome: str, at: str, run_id: str) -> dict[str, Any]:
    found = report(full_run().log.events())
    found["identity"] |= {"run_id": run_id, "generated_at": at}
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


def test_what_was_not_measured_answers_nothing() -> None:
    found = made("pass", "2026-11-23T12:00:00+00:00", RUN_ID)
    found["objectives"] = [item | {"verdict": "not-measured"} for item in found["objectives"]]
    assert not [item for item in answers(found) if item.code in ("rto", "rpo")]
