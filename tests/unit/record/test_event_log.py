"""Promises of the event log."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from threading import Thread

import pytest
from structlog.testing import capture_logs

from recovery_ops.errors import RecordError, RecordTamperedError, RecoveryError
from recovery_ops.model.events import Event, EventType
from recovery_ops.record import envelope
from recovery_ops.record.log import EventLog
from recovery_ops.testing.stores import InMemoryObjectStore, unreachable

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PREFIX = "systems/fraud/runs/r-20261123-abcdef/events/"


def open_log(store: InMemoryObjectStore, **options) -> EventLog:
    return EventLog(store, "fraud", "r-20261123-abcdef", **options)


@pytest.fixture
def store() -> InMemoryObjectStore:
    return InMemoryObjectStore()


def started(log: EventLog, writer: str, at: datetime | None = None) -> Event:
    return log.writer(writer).append(EventType.STEP_STARTED, {"step": writer.split("#")[0]}, at)


def test_an_event_is_one_object_under_its_writer_and_number(store) -> None:
    log = open_log(store)
    writer = log.writer("scoring.provision#1")
    writer.append(EventType.STEP_STARTED, {"step": "scoring.provision"})
    writer.append(EventType.STEP_SUCCEEDED, {"step": "scoring.provision"})
    assert store.all_keys() == (f"{PREFIX}scoring.provision#1/000001.json", f"{PREFIX}scoring.provision#1/000002.json")


def test_what_is_read_is_what_was_appended(store) -> None:
    event = started(open_log(store), "fence#1")
    assert open_log(store).events() == [event]


def test_events_of_one_writer_are_chained_by_hash(store) -> None:
    writer = open_log(store).writer("fence#1")
    first, second = (writer.append(EventType.FENCED, {"what": str(n)}) for n in range(2))
    assert first.prev_hash == "0" * 64
    assert second.prev_hash == first.hash
    assert [first.seq, second.seq] == [1, 2]


def test_the_hash_covers_every_other_field(store) -> None:
    facts = started(open_log(store), "fence#1").to_json()
    hashes = {envelope.hash_of(Event.from_json(facts | change)) for change in (
        {}, {"run_id": "r"}, {"writer": "w"}, {"seq": 2}, {"at": NOON.isoformat()}, {"type": "fenced"},
        {"payload": {}}, {"prev_hash": "1" * 64},
    )}  # fmt: skip
    assert len(hashes) == 8


def test_the_stored_text_is_canonical(store) -> None:
    log = open_log(store)
    log.writer("w").append(EventType.FENCED, {"b": 1.0, "a": "Zoë", "c": (1, 2)}, NOON)
    body = store.body(f"{PREFIX}w/000001.json")
    assert b'"payload":{"a":"Zo\xc3\xab","b":1.0,"c":[1,2]}' in body
    assert body == envelope.canonical(json.loads(body))


def test_another_process_continues_the_chain_of_a_writer_that_crashed(store) -> None:
    first = started(open_log(store), "fence#1")
    second = started(open_log(store), "fence#1")
    assert (second.seq, second.prev_hash) == (2, first.hash)


def test_a_write_that_took_effect_without_an_answer_is_found_again(store) -> None:
    log = open_log(store)
    event = started(log, "fence#1", NOON)

    class Forgetful(InMemoryObjectStore):
        def list(self, prefix: str) -> list[str]:
            return []

    twin = Forgetful()
    twin.damage(f"{PREFIX}fence#1/000001.json", envelope.body_of(event))
    assert started(open_log(twin), "fence#1", NOON) == event


def test_two_processes_under_one_name_never_lose_or_fork(store) -> None:
    def write() -> None:
        log = open_log(store)
        for n in range(10):
            log.writer("person:alice").append(EventType.FENCED, {"n": n})

    threads = [Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = sorted(open_log(store).events(), key=lambda event: event.seq)
    assert [event.seq for event in events] == list(range(1, 41))
    assert all(later.prev_hash == earlier.hash for earlier, later in pairwise(events))


def test_a_conflict_costs_one_look_at_the_chain(store) -> None:
    mine, other = open_log(store).writer("w"), open_log(store).writer("w")
    mine.append(EventType.FENCED, {"n": 1})
    other.append(EventType.FENCED, {"n": 2})
    event = mine.append(EventType.FENCED, {"n": 3})
    assert event.seq == 3


def test_events_come_ordered_by_time_then_writer_then_number(store) -> None:
    log = open_log(store)
    started(log, "b#1", NOON)
    started(log, "a#1", NOON)
    started(log, "c#1", NOON - timedelta(seconds=1))
    assert [event.writer for event in log.events()] == ["c#1", "a#1", "b#1"]


def test_times_are_stored_in_utc_and_follow_the_chain_when_the_clock_goes_back(store) -> None:
    times = iter([NOON, NOON - timedelta(minutes=5)])
    writer = open_log(store, clock=lambda: next(times)).writer("w")
    assert [writer.append(EventType.FENCED, {}).at for _ in range(2)] == [NOON, NOON]


def test_events_of_reads_only_the_writers_asked_for(store) -> None:
    log = open_log(store)
    started(log, "scoring.provision#1")
    started(log, "scoring.provision#2")
    started(log, "scoring.verify#1")
    reader = open_log(store)
    store.calls.clear()
    assert [event.writer for event in reader.events_of("scoring.provision#")] == [
        "scoring.provision#1",
        "scoring.provision#2",
    ]
    assert [name for name, _ in store.calls] == ["list", "get", "get"]


def test_an_event_is_fetched_once(store) -> None:
    started(open_log(store), "w")
    log = open_log(store)
    log.events()
    store.calls.clear()
    log.events()
    assert [name for name, _ in store.calls] == ["list"]


def test_logs_that_know_the_same_fetch_an_event_once_and_what_one_forgets_the_other_knows(store) -> None:
    started(open_log(store), "by-another")
    known: dict[str, Event] = {}
    first, second = (open_log(store, known=known) for _ in range(2))
    started(first, "w")
    first.events()
    store.calls.clear()
    assert [event.writer for event in second.events()] == ["by-another", "w"]
    assert [name for name, _ in store.calls] == ["list"]
    first.forget()
    store.calls.clear()
    second.events()
    assert [name for name, _ in store.calls] == ["list"]
    first.events()
    assert [name for name, _ in store.calls] == ["list", "list", "get", "get"]


def test_heads_are_the_last_events_of_all_chains(store) -> None:
    log = open_log(store)
    started(log, "a#1")
    last = started(log, "a#1")
    other = started(log, "b/c")
    assert open_log(store).heads() == {
        "a#1": {"seq": 2, "hash": last.hash},
        "b/c": {"seq": 1, "hash": other.hash},
    }


def test_an_anchor_holds_the_heads(store) -> None:
    log = open_log(store)
    first = started(log, "a#1")
    assert log.anchor("close#1").payload == {"heads": {"a#1": {"seq": 1, "hash": first.hash}}}


def test_a_writer_with_a_slash_or_a_percent_stays_one_folder(store) -> None:
    log = open_log(store)
    for name in ("person:a/b", "person:a%2Fb", "person:Zoë Müller"):
        started(log, name)
    assert sorted(event.writer for event in open_log(store).events()) == [
        "person:Zoë Müller",
        "person:a%2Fb",
        "person:a/b",
    ]
    assert len({key.rsplit("/", 1)[0] for key in store.all_keys()}) == 3


@pytest.mark.parametrize("name", ["", ".", "..", "  ", "x" * 401, "\ud800"])
def test_a_name_that_no_key_can_hold_is_refused(store, name) -> None:
    with pytest.raises(RecordError):
        open_log(store).writer(name)


@pytest.mark.parametrize(
    "payload",
    [
        {"x": float("nan")},
        {"x": float("inf")},
        {"x": {1: "a"}},
        {"x": NOON},
        {"x": b"bytes"},
        {"x": {"set"}},
        {"x": "\ud800"},
        {"x": "y" * 65536},
    ],
)
def test_what_json_cannot_hold_or_is_too_large_is_refused_and_nothing_is_written(store, payload) -> None:
    with pytest.raises(RecordError):
        open_log(store).writer("w").append(EventType.FENCED, payload)
    assert store.all_keys() == ()


def test_the_message_says_where_the_value_is(store) -> None:
    with pytest.raises(RecordError, match=r"payload\.outputs\[1\]\.at is a datetime"):
        open_log(store).writer("w").append(EventType.FENCED, {"outputs": [0, {"at": NOON}]})


def test_a_declaration_may_carry_a_large_plan(store) -> None:
    open_log(store).writer("declare#1").append(EventType.RUN_DECLARED, {"plan": "y" * 200_000})
    assert len(store.all_keys()) == 1


@pytest.mark.parametrize(
    ("payload", "stored"),
    [
        ({"error": "key AKIAIOSFODNN7EXAMPLE refused"}, {"error": "key [redacted] refused"}),
        ({"url": "https://b.s3/x?X-Amz-Signature=0f3a&y=1"}, {"url": "https://b.s3/x?X-Amz-Signature=[redacted]&y=1"}),
        ({"db": "postgresql://me:pw@host/db"}, {"db": "postgresql://[redacted]@host/db"}),
        ({"x": {"db_password": "pw", "password_arn": "a"}}, {"x": {"db_password": "[redacted]", "password_arn": "a"}}),
        ({"step": "a.b", "secret": "arn:aws:secretsmanager:x"}, {"step": "a.b", "secret": "arn:aws:secretsmanager:x"}),
    ],
)
def test_secrets_do_not_reach_the_record(store, payload, stored) -> None:
    assert open_log(store).writer("w").append(EventType.FENCED, payload).payload == stored


def test_a_time_without_zone_is_refused(store) -> None:
    with pytest.raises(RecordError, match="no time zone"):
        open_log(store).writer("w").append(EventType.FENCED, {}, datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_store_that_does_not_answer_is_an_error_and_the_chain_goes_on_afterwards(store) -> None:
    writer = open_log(store).writer("w")
    writer.append(EventType.FENCED, {})
    store.before = unreachable
    with pytest.raises(RecoveryError):
        writer.append(EventType.FENCED, {})
    store.before = None
    assert writer.append(EventType.FENCED, {}).seq == 2


def test_mirrors_get_a_copy_of_every_event(store) -> None:
    mirror = InMemoryObjectStore()
    log = open_log(store, mirrors=[mirror])
    started(log, "w")
    assert mirror.all_keys() == store.all_keys()
    assert log.gaps == []


def test_a_dead_mirror_is_tried_once_and_leaves_gaps_but_stops_nothing(store) -> None:
    dead, alive = InMemoryObjectStore(before=unreachable), InMemoryObjectStore()
    log = open_log(store, mirrors=[dead, alive])
    for _ in range(3):
        started(log, "w")
    assert len(dead.calls) == 1
    assert [(gap.mirror, gap.key) for gap in log.gaps] == [(0, key) for key in store.all_keys()]
    assert alive.all_keys() == store.all_keys()


def test_a_mirror_that_came_back_gets_what_it_missed(store) -> None:
    mirror = InMemoryObjectStore(before=unreachable)
    log = open_log(store, mirrors=[mirror])
    started(log, "w")
    mirror.before = None
    assert log.mend_mirrors() == []
    assert mirror.all_keys() == store.all_keys()


def test_mending_a_mirror_that_is_still_dead_reports_the_gap(store) -> None:
    mirror = InMemoryObjectStore(before=unreachable)
    log = open_log(store, mirrors=[mirror])
    started(log, "w")
    assert [gap.mirror for gap in log.mend_mirrors()] == [0]


def test_observers_see_every_event_in_the_order_of_appending(store) -> None:
    seen: list[Event] = []
    log = open_log(store, observers=[seen.append])
    events = [started(log, "w") for _ in range(3)]
    assert seen == events


def test_a_failing_observer_stops_nothing_and_is_reported_once(store) -> None:
    seen: list[Event] = []

    def broken(event: Event) -> None:
        raise ZeroDivisionError("database is gone")

    log = open_log(store, observers=[broken, seen.append])
    with capture_logs() as logs:
        events = [started(log, "w") for _ in range(3)]
    assert seen == events
    assert [entry["event"] for entry in logs] == ["observer of the record failed"]


def test_reading_something_that_is_no_event_says_which_key(store) -> None:
    started(open_log(store), "w")
    store.damage(f"{PREFIX}w/000001.json", b"[]")
    with pytest.raises(RecordTamperedError, match=r"w/000001\.json"):
        open_log(store).events()


def test_keys_that_are_no_events_are_not_read(store) -> None:
    started(open_log(store), "w")
    store.damage(f"{PREFIX}w/notes.txt", b"hello")
    assert len(open_log(store).events()) == 1
