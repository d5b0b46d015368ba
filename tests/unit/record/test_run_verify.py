"""Promises of verification: one byte changed, one event removed, one event added is found, and where."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery_ops.errors import RecordTamperedError, RecoveryError
from recovery_ops.model.events import Event, EventType
from recovery_ops.record import envelope
from recovery_ops.record.verify import require_verified, verify_run
from recovery_ops.testing.runs import Run, at, full_run
from recovery_ops.testing.stores import InMemoryObjectStore, unreachable

PREFIX = "systems/fraud/runs/r-20261123-abcdef/events/"
WHOLE = full_run().store
KEYS = WHOLE.all_keys()
LAST = f"{PREFIX}close#1/000002.json"


def a_run() -> Run:
    run = Run(InMemoryObjectStore())
    for key in KEYS:
        run.store.damage(key, WHOLE.body(key))
    return run


def found_in(run: Run) -> set[str]:
    return {item.key for item in verify_run(run.log)}


def reasons_in(run: Run) -> list[str]:
    return [item.reason.split(":")[0] for item in verify_run(run.log)]


def event_under(run: Run, key: str) -> Event:
    return envelope.read(run.store.body(key), key)


def forged(event: Event, **changes: object) -> bytes:
    """The bytes of an event with changes and a hash that fits: by somebody who knows the format."""
    return envelope.body_of(envelope.seal(replace(event, **changes)))


def test_a_record_that_nobody_touched_verifies() -> None:
    assert verify_run(a_run().log) == []
    require_verified(a_run().log)


def test_a_run_without_events_verifies() -> None:
    assert verify_run(Run().log) == []


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_any_changed_byte_of_any_event_is_found_there(data: st.DataObject) -> None:
    run = a_run()
    key = data.draw(st.sampled_from(KEYS))
    body = bytearray(run.store.body(key))
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    run.store.damage(key, bytes(body))
    assert key in found_in(run)


@pytest.mark.parametrize("key", [key for key in KEYS if key != LAST])
def test_any_removed_event_is_found_there(key) -> None:
    run = a_run()
    run.store.remove(key)
    assert key in found_in(run)


def test_the_very_last_event_is_covered_by_nothing_but_a_mirror() -> None:
    run = a_run()
    run.store.remove(LAST)
    assert found_in(run) == set()
    mirror = InMemoryObjectStore()
    mirror.damage(LAST, WHOLE.body(LAST))
    run = Run(run.store, mirrors=[mirror])
    assert found_in(run) == {LAST}


def test_a_removed_writer_is_found_through_the_anchors() -> None:
    run = a_run()
    removed = [key for key in KEYS if "/observe#1/" in key]
    for key in removed:
        run.store.remove(key)
    assert found_in(run) == {f"{PREFIX}observe#1/000002.json"}


def test_a_copy_of_an_event_added_at_the_end_of_its_chain_is_found() -> None:
    run = a_run()
    added = f"{PREFIX}fence#1/000001.json"
    run.store.damage(added, WHOLE.body(f"{PREFIX}commit#1/000001.json"))
    assert (found_in(run), reasons_in(run)) == ({added}, ["misplaced"])


def test_a_forged_event_that_is_not_linked_is_found() -> None:
    run = a_run()
    added = f"{PREFIX}commit#1/000002.json"
    commit = event_under(run, f"{PREFIX}commit#1/000001.json")
    run.store.damage(added, forged(commit, seq=2, prev_hash="1" * 64, at=at(200)))
    assert (found_in(run), reasons_in(run)) == ({added}, ["not linked"])


def test_a_forged_event_that_claims_to_be_older_than_an_anchor_is_found() -> None:
    run = a_run()
    added = f"{PREFIX}person:mallory/000001.json"
    commit = event_under(run, f"{PREFIX}commit#1/000001.json")
    run.store.damage(added, forged(commit, writer="person:mallory", at=at(35)))
    assert (found_in(run), set(reasons_in(run))) == ({added}, {"added later"})


def test_an_event_that_was_on_its_way_while_the_anchor_was_written_is_no_forgery() -> None:
    run = a_run()
    run.add(125, "client", EventType.CLIENT_OBSERVED, outage_s=1.0)
    assert verify_run(run.log) == []


def test_an_anchor_need_not_name_the_chain_that_it_stands_in() -> None:
    run = Run()
    run.add(1, "approve#1", EventType.APPROVAL_ASKED, policy="ask")
    run.add(300, "approve#1", EventType.ANCHORED, heads={})
    assert verify_run(run.log) == []


def test_an_event_rewritten_with_a_fitting_hash_is_found_by_what_follows_it() -> None:
    run = a_run()
    key = f"{PREFIX}observe#1/000001.json"
    run.store.damage(key, forged(event_under(run, key), at=at(75)))
    assert (found_in(run), reasons_in(run)) == ({f"{PREFIX}observe#1/000002.json"}, ["not linked"])


def test_a_whole_chain_rewritten_with_fitting_hashes_is_found_by_an_anchor() -> None:
    run = a_run()
    key = f"{PREFIX}commit#1/000001.json"
    run.store.damage(key, forged(event_under(run, key), payload={"by": "mallory"}))
    assert (found_in(run), reasons_in(run)) == ({key}, ["replaced"])


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "commit#1/1.json",
        "commit#1/000000.json",
        "commit#1/000001.json.bak",
        "a/b/000001.json",
        "%63/000001.json",
    ],
)
def test_a_key_that_no_event_has_is_found(name) -> None:
    run = a_run()
    run.store.damage(PREFIX + name, WHOLE.body(f"{PREFIX}commit#1/000001.json"))
    assert (found_in(run), set(reasons_in(run))) == ({PREFIX + name}, {"alien"})


@pytest.mark.parametrize(
    "change",
    [
        lambda facts: facts | {"extra": 1},
        lambda facts: {name: value for name, value in facts.items() if name != "at"},
        lambda facts: facts | {"at": "2026-11-23T12:00:00"},
        lambda facts: facts | {"type": "invented"},
        lambda facts: facts | {"payload": None},
        lambda facts: facts | {"seq": "1"},
    ],
)
def test_an_envelope_that_is_no_event_is_found(change) -> None:
    run = a_run()
    key = f"{PREFIX}commit#1/000001.json"
    run.store.damage(key, envelope.canonical(change(json.loads(run.store.body(key)))))
    assert key in found_in(run)


def test_other_white_space_is_a_change() -> None:
    run = a_run()
    key = f"{PREFIX}commit#1/000001.json"
    run.store.damage(key, json.dumps(json.loads(run.store.body(key))).encode())
    assert (found_in(run), reasons_in(run)) == ({key}, ["changed"])


def test_an_event_that_differs_from_its_mirror_is_found() -> None:
    mirror = InMemoryObjectStore()
    key = f"{PREFIX}close#1/000002.json"
    run = Run(a_run().store, mirrors=[mirror])
    mirror.damage(key, WHOLE.body(key))
    run.store.damage(key, forged(event_under(run, key), payload={"outcome": "failed"}))
    assert (found_in(run), reasons_in(run)) == ({key}, ["differs from mirror 0"])


def test_a_mirror_that_lacks_events_or_does_not_answer_proves_nothing() -> None:
    run = Run(a_run().store, mirrors=[InMemoryObjectStore(), InMemoryObjectStore(before=unreachable)])
    assert verify_run(run.log) == []


def test_a_store_that_does_not_answer_is_an_error_and_no_verdict() -> None:
    run = a_run()
    run.store.before = unreachable
    with pytest.raises(RecoveryError):
        verify_run(run.log)


def test_a_record_that_does_not_verify_can_be_raised_with_all_places() -> None:
    run = a_run()
    run.store.damage(KEYS[0], b"x")
    with pytest.raises(RecordTamperedError) as caught:
        require_verified(run.log)
    assert KEYS[0] in {item["key"] for item in caught.value.facts["broken"]}
