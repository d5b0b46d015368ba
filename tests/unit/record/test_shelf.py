"""Promises of reading the runs of a system from one or more stores."""

import pytest

from recovery_ops.errors import RecoveryError
from recovery_ops.model.events import EventType
from recovery_ops.record.fold import fold
from recovery_ops.record.shelf import Shelf
from recovery_ops.testing.runs import RUN_ID, Run, full_run
from recovery_ops.testing.stores import InMemoryObjectStore, unreachable

OTHER = "r-20261124-000000"


def test_runs_and_protections_are_found_by_their_events() -> None:
    store = full_run().store
    Run(store, "protect-p-1").add(1, "protect", EventType.POINT_TAKEN, point_id="p-1")
    store.put_new("systems/fraud/runs/r-x/report.json", b"")
    store.put_new("systems/fraud/claims/production.json", b"")
    assert Shelf("fraud", [store]).run_ids() == ["protect-p-1", RUN_ID]


def test_what_one_copy_lacks_another_has() -> None:
    whole = full_run().store
    first, second = InMemoryObjectStore(), InMemoryObjectStore()
    for number, key in enumerate(whole.all_keys()):
        (first, second)[number % 2].damage(key, whole.body(key))
        first.damage(key, whole.body(key)) if number % 3 == 0 else None
    assert Shelf("fraud", [first, second]).state(RUN_ID) == fold(full_run().log.events())


def test_summaries_are_newest_first_and_read_only_declaration_and_close() -> None:
    store = full_run().store
    later = Run(store, OTHER)
    later.declare(1000)
    refused = Run(store, "r-20261125-000000")
    refused.add(2000, "declare#1", EventType.RUN_REFUSED, reason="same region", person="alice")
    Run(store, "protect-p-1").add(1, "protect", EventType.POINT_TAKEN, point_id="p-1")
    store.calls.clear()
    found = Shelf("fraud", [store]).summaries()
    assert [(state.run_id, state.outcome) for state in found] == [
        ("r-20261125-000000", "refused"),
        (OTHER, None),
        (RUN_ID, "committed"),
    ]
    assert all("/declare" in key or "/close" in key for name, key in store.calls if name == "get")


def test_a_run_without_events_has_an_empty_state() -> None:
    assert Shelf("fraud", [InMemoryObjectStore()]).state(RUN_ID).events == 0


def test_a_store_that_does_not_answer_is_an_error() -> None:
    with pytest.raises(RecoveryError):
        Shelf("fraud", [InMemoryObjectStore(before=unreachable)]).run_ids()
