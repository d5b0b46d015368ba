"""Promises of the spool: no order of outages, crashes and machines loses an event or leaves it twice."""

import shutil
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from recovery_ops.errors import ImpairedRegionError, RecordError, RecoveryError, StepInterruptedError
from recovery_ops.model.events import Event, EventType
from recovery_ops.record.log import EventLog
from recovery_ops.record.merging import merge
from recovery_ops.record.spool import RETRY_AFTER_S, Spool, Spooled
from recovery_ops.record.verify import verify_run
from recovery_ops.testing.stores import InMemoryObjectStore, read_only, unreachable

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
RUN = "r-20261123-abcdef"
PREFIX = f"systems/fraud/runs/{RUN}/events/"


class Clock:
    """A clock that moves only when told, for log and spool."""

    def __init__(self) -> None:
        self.s = 0.0

    def seconds(self) -> float:
        return self.s

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.s)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> InMemoryObjectStore:
    return InMemoryObjectStore()


@pytest.fixture
def spool(tmp_path: Path, clock: Clock) -> Spool:
    return Spool(tmp_path / "spool", clock=clock.seconds)


@pytest.fixture
def log(store: InMemoryObjectStore, spool: Spool, clock: Clock) -> EventLog:
    return EventLog(store, "fraud", RUN, spool=spool, clock=clock.now)


def fenced(log: EventLog, n: int, writer: str = "fence#1") -> Event:
    return log.writer(writer).append(EventType.FENCED, {"n": n})


def numbers(log: EventLog) -> list[int]:
    return [event.payload["n"] for event in log.events() if event.type is EventType.FENCED]


def gaps(log: EventLog) -> list[Event]:
    return [event for event in log.events() if event.type is EventType.RECORD_GAP_CLOSED]


def refuse(store: InMemoryObjectStore, clock: Clock, *, how=read_only) -> None:
    store.before = how
    clock.s += RETRY_AFTER_S


def heal(store: InMemoryObjectStore, clock: Clock) -> None:
    store.before = None
    clock.s += RETRY_AFTER_S


@pytest.mark.parametrize("how", [read_only, unreachable])
def test_a_store_that_takes_no_writes_stops_no_append(log, store, spool, clock, how) -> None:
    writer = log.writer("fence#1")
    writer.append(EventType.FENCED, {"n": 1})
    refuse(store, clock, how=how)
    second, third = (writer.append(EventType.FENCED, {"n": n}) for n in (2, 3))
    assert (second.seq, third.seq, third.prev_hash) == (2, 3, second.hash)
    assert store.all_keys() == (f"{PREFIX}fence#1/000001.json",)
    assert len(spool.entries()) == 2


def test_what_waits_is_read_as_if_it_stood_in_the_record(log, store, clock) -> None:
    refuse(store, clock)
    event = fenced(log, 1)
    again = EventLog(store, "fraud", RUN, spool=log.spool)
    assert again.events() == [event]
    assert again.heads() == {"fence#1": {"seq": 1, "hash": event.hash}}


def test_what_waits_is_nothing_that_other_logs_know(log, store, spool, clock) -> None:
    known: dict[str, Event] = {}
    sharing, reader = (EventLog(store, "fraud", RUN, spool=spool, clock=clock.now, known=known) for _ in range(2))
    first = fenced(sharing, 1)
    refuse(store, clock)
    second = fenced(sharing, 2)
    heal(store, clock)
    assert numbers(sharing) == numbers(reader) == [1, 2]
    assert [event.hash for event in known.values()] == [first.hash]
    third = fenced(reader, 3)
    assert numbers(sharing) == numbers(reader) == [1, 2, 3]
    assert (third.prev_hash, verify_run(reader)) == (second.hash, [])


def test_a_process_after_a_crash_continues_the_chain_that_waits(log, store, clock) -> None:
    refuse(store, clock)
    first = fenced(log, 1)
    second = fenced(EventLog(store, "fraud", RUN, spool=log.spool), 2)
    assert (second.seq, second.prev_hash) == (2, first.hash)


def test_the_next_append_that_the_store_takes_merges_and_tells_of_the_gap(log, store, spool, clock) -> None:
    refuse(store, clock)
    first = fenced(log, 1)
    clock.s += 7
    second = fenced(log, 2, "cutover#1")
    heal(store, clock)
    fenced(log, 3)
    assert numbers(log) == [1, 2, 3]
    assert not spool.waits()
    (gap,) = gaps(log)
    assert (gap.payload["events"], gap.payload["from"], gap.payload["until"]) == (
        2, first.at.isoformat(), second.at.isoformat(),
    )  # fmt: skip
    assert gap.payload["writers"] == ["cutover#1", "fence#1"]
    assert "AccessDenied" in gap.payload["reason"]
    assert verify_run(log) == []


def test_a_store_that_hangs_costs_one_try_per_pause_and_not_one_per_event(log, store, clock) -> None:
    refuse(store, clock, how=unreachable)
    writer = log.writer("fence#1")
    writer.append(EventType.FENCED, {"n": 0})
    store.calls.clear()
    for n in range(1, 10):
        writer.append(EventType.FENCED, {"n": n})
    assert store.calls == []
    clock.s += RETRY_AFTER_S
    writer.append(EventType.FENCED, {"n": 10})
    assert [name for name, _ in store.calls] == ["put_new"]


def test_a_write_whose_answer_was_lost_is_there_once(log, store, clock) -> None:
    class Lossy(InMemoryObjectStore):
        lossy = True

        def put_new(self, key: str, body: bytes) -> str:
            etag = super().put_new(key, body)
            if self.lossy:
                raise StepInterruptedError("no answer")
            return etag

    lossy = Lossy()
    log = EventLog(lossy, "fraud", RUN, spool=log.spool, clock=clock.now)
    fenced(log, 1)
    lossy.lossy = False
    heal(lossy, clock)
    merge(log)
    assert numbers(EventLog(lossy, "fraud", RUN)) == [1]


def test_events_reach_the_mirrors_and_the_projection_while_they_wait(store, spool, clock) -> None:
    mirror, seen = InMemoryObjectStore(), []
    log = EventLog(store, "fraud", RUN, spool=spool, mirrors=[mirror], observers=[seen.append], clock=clock.now)
    refuse(store, clock)
    event = fenced(log, 1)
    assert mirror.all_keys() == (f"{PREFIX}fence#1/000001.json",)
    assert seen == [event]


def test_a_chain_that_another_machine_went_on_with_gets_both(log, store, clock, tmp_path) -> None:
    fenced(log, 1)
    refuse(store, clock)
    mine = fenced(log, 2)
    log.anchor("close#1")
    heal(store, clock)
    other = EventLog(store, "fraud", RUN, spool=Spool(tmp_path / "other", clock=clock.seconds), clock=clock.now)
    fenced(other, 3)
    gap = merge(log)
    assert gap is not None
    assert numbers(log) == [1, 2, 3]
    (moved,) = gap.payload["moved"]
    assert (moved["writer"], moved["seq"], moved["hash"], moved["now"]) == ("fence#1", 2, mine.hash, 3)
    assert verify_run(log) == []


def test_a_spooled_event_that_somebody_changed_is_set_aside_and_told(log, store, spool, clock) -> None:
    refuse(store, clock)
    fenced(log, 1)
    (path,) = spool.waiting_folder.glob("*.json")
    path.write_text(path.read_text().replace('\\"n\\":1', '\\"n\\":2'))
    heal(store, clock)
    fenced(log, 3, "cutover#1")
    assert gaps(log)[0].payload["damaged"] == spool.damaged() != []
    assert numbers(log) == [3]


def test_half_a_file_is_set_aside_and_stops_nothing(log, store, spool, clock) -> None:
    refuse(store, clock)
    fenced(log, 1)
    (spool.waiting_folder / "000002.json").write_text('{"key": "systems/fr')
    assert numbers(log) == [1]
    heal(store, clock)
    fenced(log, 3)
    assert numbers(log) == [1, 3]
    assert gaps(log)[0].payload["damaged"] == spool.damaged() != []


def test_an_event_is_synced_before_the_append_returns(log, store, clock, monkeypatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(
        "os.fsync", lambda descriptor: synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
    )
    refuse(store, clock)
    fenced(log, 1)
    assert synced[0].endswith("000001.half")
    assert synced[1].endswith("/waiting")


def test_other_people_cannot_read_what_waits(log, store, spool, clock) -> None:
    refuse(store, clock)
    fenced(log, 1)
    (path,) = spool.waiting_folder.glob("*.json")
    assert path.stat().st_mode & 0o077 == 0
    assert spool.waiting_folder.stat().st_mode & 0o077 == 0


def test_without_room_for_the_spool_the_error_says_both(store, clock, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    log = EventLog(store, "fraud", RUN, spool=Spool(tmp_path / "file" / "spool"), clock=clock.now)
    store.before = read_only
    with pytest.raises(RecordError, match=r"AccessDenied.*Not a directory"):
        fenced(log, 1)


def test_our_own_call_to_the_impaired_region_is_not_hidden_in_the_spool(log, store, spool) -> None:
    def forbidden(operation: str, key: str) -> None:
        if operation == "put_new":
            raise ImpairedRegionError("it would call us-east-1")

    store.before = forbidden
    with pytest.raises(ImpairedRegionError):
        fenced(log, 1)
    assert not spool.waits()


class KilledError(Exception):
    """The process ends here."""


class FlakyStore(InMemoryObjectStore):
    """Goes up, down, read-only, loses answers, and kills the process at a chosen call."""

    def __init__(self) -> None:
        super().__init__(self._before)
        self.mode = "up"
        self.kill_in: int | None = None

    def put_new(self, key: str, body: bytes) -> str:
        etag = super().put_new(key, body)
        if self.mode == "lossy":
            raise StepInterruptedError("the answer was lost")
        return etag

    def _before(self, operation: str, key: str) -> None:
        if self.kill_in is not None:
            self.kill_in -= 1
            if self.kill_in < 0:
                self.kill_in = None
                raise KilledError
        if self.mode == "dark":
            unreachable(operation, key)
        if self.mode == "read-only":
            read_only(operation, key)


class CutSpool(Spool):
    """Can die in the middle of forgetting."""

    cut = False

    def remove(self, entries: list[Spooled]) -> None:
        if self.cut:
            self.cut = False
            super().remove(entries[len(entries) // 2 :])
            raise KilledError
        super().remove(entries)


MACHINES = st.sampled_from([0, 1])
WRITERS = st.sampled_from(["a#1", "b#1"])


class RecordMachine(RuleBasedStateMachine):
    """Two machines append to the same chains of one run through outages and crashes, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="recovery-ops-spool-"))
        self.clock, self.store = Clock(), FlakyStore()
        self.spools = [CutSpool(self.folder / str(n), clock=self.clock.seconds) for n in (0, 1)]
        self.logs = [self.opened(n) for n in (0, 1)]
        self.written: set[int] = set()
        self.doubtful: set[int] = set()
        self.count = 0
        self.spooled = False

    def opened(self, machine: int) -> EventLog:
        return EventLog(self.store, "fraud", RUN, spool=self.spools[machine], clock=self.clock.now)

    def act(self, machine: int, call) -> bool:
        """Do it; a killed process is followed by a new one."""
        try:
            call(self.logs[machine])
        except KilledError:
            self.logs[machine] = self.opened(machine)
            return False
        return True

    @rule(mode=st.sampled_from(["up", "up", "read-only", "dark", "lossy"]))
    def turn(self, mode: str) -> None:
        self.store.mode = mode

    @rule(seconds=st.sampled_from([1, 6, 40]))
    def wait(self, seconds: int) -> None:
        self.clock.s += seconds

    @rule(machine=MACHINES, writer=WRITERS)
    def append(self, machine: int, writer: str) -> None:
        self.count += 1
        n, self.clock.s = self.count, self.clock.s + 0.001
        done = self.act(machine, lambda log: fenced(log, n, writer))
        (self.written if done else self.doubtful).add(n)
        self.spooled = self.spooled or self.spools[machine].waits()

    @rule(machine=MACHINES, writer=WRITERS, events=st.integers(2, 4))
    def append_with_one_writer(self, machine: int, writer: str, events: int) -> None:
        """A writer that lives on knows its head without asking."""
        chain = self.logs[machine].writer(writer)
        for _ in range(events):
            self.count += 1
            n, self.clock.s = self.count, self.clock.s + 3
            done = self.act(machine, lambda _, n=n: chain.append(EventType.FENCED, {"n": n}))
            (self.written if done else self.doubtful).add(n)
            self.spooled = self.spooled or self.spools[machine].waits()
            if not done:
                return

    @rule(machine=MACHINES)
    def anchor(self, machine: int) -> None:
        self.clock.s += 0.001
        try:
            self.act(machine, lambda log: log.anchor("close#1"))
        except RecoveryError:
            assert self.store.mode == "dark"

    @rule(machine=MACHINES)
    def crash(self, machine: int) -> None:
        self.logs[machine] = self.opened(machine)

    @rule(calls=st.integers(0, 8))
    def crash_soon(self, calls: int) -> None:
        self.store.kill_in = calls

    @rule(machine=MACHINES)
    def crash_while_forgetting(self, machine: int) -> None:
        self.spools[machine].cut = True

    @rule(machine=MACHINES)
    def merge_now(self, machine: int) -> None:
        try:
            self.act(machine, merge)
        except RecoveryError:
            assert self.store.mode != "up"

    def teardown(self) -> None:
        try:
            self.check()
        finally:
            shutil.rmtree(self.folder)

    def check(self) -> None:
        self.store.mode, self.store.kill_in = "up", None
        for spool in self.spools:
            spool.cut = False
        for machine in (0, 1):
            merge(self.opened(machine))
            assert not self.spools[machine].waits()
        whole = EventLog(self.store, "fraud", RUN)
        found = Counter(numbers(whole))
        assert [n for n, times in found.items() if times > 1] == []
        assert self.written <= set(found) <= self.written | self.doubtful
        assert verify_run(whole) == []
        told = [item for gap in gaps(whole) for item in gap.payload["merged"].items()]
        merged = [(writer, seq) for writer, numbers in told for seq in numbers]
        assert len(merged) == len(set(merged)) == sum(gap.payload["events"] for gap in gaps(whole))
        assert bool(merged) or not self.spooled


TestRecordMachine = RecordMachine.TestCase
TestRecordMachine.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
