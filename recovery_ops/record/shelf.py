"""Runs of a system as they stand in one or more stores: which there are, and their events from all copies together."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from recovery_ops.model.events import Event
from recovery_ops.record import keys
from recovery_ops.record.fold import fold, in_order
from recovery_ops.record.log import READERS, EventLog
from recovery_ops.record.state import RunState
from recovery_ops.record.store import ObjectStore

BOOKENDS = ("declare", "close")
"""Writers whose few events tell what a run was about and how it ended."""

RUN = "r-"
"""How the id of a run begins; protection and the ledger of debts have logs of other names."""

T = TypeVar("T")


class Shelf:
    """The record of one system in ``stores``, which hold copies of one another; what one lacks another may have.

    Raises:
        RecoveryError: A store does not answer; leave it out to read without it.
    """

    def __init__(self, system: str, stores: Sequence[ObjectStore]) -> None:
        self.system = system
        self.stores = tuple(stores)

    def run_ids(self) -> list[str]:
        """Return the id of everything that has events: runs, and protection (``protect-…``); sorted."""
        prefix = keys.runs_prefix(self.system)
        listed = (key.removeprefix(prefix) for store in self.stores for key in store.list(prefix))
        return sorted({rest.partition("/")[0] for rest in listed if "/events/" in rest})

    def events(self, run_id: str, writers: Iterable[str] = ("",)) -> list[Event]:
        """Return the events of a run by writers that start with one of ``writers``, ordered by (at, writer, seq)."""
        prefixes = tuple(writers)
        logs = [EventLog(store, self.system, run_id) for store in self.stores]
        return in_order(event for log in logs for prefix in prefixes for event in log.events_of(prefix))

    def state(self, run_id: str) -> RunState:
        """Return the state of a run, empty when it has no events."""
        return fold(self.events(run_id))

    def declaration(self, run_id: str) -> RunState:
        """Return what the declaration of a run says, without its other events."""
        return fold(self.events(run_id, BOOKENDS[:1]))

    def summaries(self, *, newest: int | None = None) -> list[RunState]:
        """Return what is known of every run from its declaration and close alone, newest first.

        With ``newest`` only so many runs are read, those with the latest date in their id.
        """
        wanted = self.run_ids()
        if newest is not None:
            wanted = [run_id for run_id in wanted if run_id.startswith(RUN)][-newest:]
        found = _side_by_side(lambda run_id: fold(self.events(run_id, BOOKENDS)), wanted)
        runs = [state for state in found if state.declared_at is not None or state.refusals]
        return sorted(runs, key=lambda state: (str(state.last_at), state.run_id), reverse=True)


def _side_by_side(call: Callable[[str], T], items: Sequence[str]) -> list[T]:
    with ThreadPoolExecutor(max_workers=READERS) as readers:
        return list(readers.map(call, items))
