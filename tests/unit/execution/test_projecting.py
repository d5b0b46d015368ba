"""The projection follows in the background and never holds a step up."""

import threading
from datetime import UTC, datetime

from recovery_ops.errors import RecordError
from recovery_ops.execution.projecting import Follower
from recovery_ops.model.events import Event, EventType


class Database:
    """Notes batches and folds runs; can be held up or refuse."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[int]]] = []
        self.folded: list[str] = []
        self.free = threading.Event()
        self.free.set()
        self.folds = threading.Event()
        self.folds.set()
        self.refuses = False

    def connect(self) -> None:
        if self.refuses:
            raise RecordError("the database is gone")

    def note_all(self, events: list[Event], *, system: str) -> None:
        self.free.wait(10)
        self.connect()
        self.batches.append((events[0].run_id, [event.seq for event in events]))

    def refresh(self, run_id: str) -> None:
        self.folds.wait(10)
        self.connect()
        self.folded.append(run_id)


def event(seq: int, run_id: str = "r-1") -> Event:
    at = datetime(2026, 11, 25, tzinfo=UTC)
    return Event(
        run_id=run_id, writer="w", seq=seq, at=at, type=EventType.RUN_COMMITTED, payload={}, prev_hash="", hash=""
    )


def test_events_that_come_together_are_taken_in_together_and_by_run() -> None:
    database = Database()
    follower = Follower(database)  # type: ignore[arg-type]
    database.free.clear()
    follower.take(event(1), "fraud")
    for seq in (2, 3, 4):
        follower.take(event(seq), "fraud")
    follower.take(event(1, "r-2"), "fraud")
    assert not follower.settle(limit_s=0.01)
    database.free.set()
    assert follower.settle()
    assert sum(len(seqs) for _, seqs in database.batches) == 5
    assert all(len({run_id}) == 1 for run_id, _ in database.batches)
    assert sorted(seq for run_id, seqs in database.batches for seq in seqs if run_id == "r-1") == [1, 2, 3, 4]


def test_a_database_that_failed_is_left_alone_and_nobody_waits_for_it() -> None:
    database = Database()
    database.refuses = True
    follower = Follower(database)  # type: ignore[arg-type]
    follower.take(event(1), "fraud")
    assert not follower.settle()
    database.refuses = False
    follower.take(event(2), "fraud")
    assert not follower.settle(limit_s=60)
    assert database.batches == []


def test_a_step_that_succeeded_leaves_the_folding_to_the_next_one() -> None:
    database = Database()
    follower = Follower(database)  # type: ignore[arg-type]
    follower.take(event(1), "fraud")
    assert follower.settle(fold=False)
    assert (database.batches, database.folded) == ([("r-1", [1])], [])
    follower.take(event(2), "fraud")
    assert follower.settle()
    assert (database.batches, database.folded) == ([("r-1", [1]), ("r-1", [2])], ["r-1"])


def test_a_step_that_succeeded_does_not_wait_for_a_fold_that_goes_on() -> None:
    database = Database()
    follower = Follower(database)  # type: ignore[arg-type]
    database.folds.clear()
    follower.take(event(1), "fraud")
    assert not follower.settle(limit_s=0.05)
    follower.take(event(2), "fraud")
    assert follower.settle(fold=False)
    assert database.batches == [("r-1", [1]), ("r-1", [2])]
    database.folds.set()
    assert follower.settle()
