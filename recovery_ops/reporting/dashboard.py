"""How the dashboard reads: every region that answers, briefly, and none again at once that was silent.

Events and sweeps are written once, so what was read is kept; an update every second costs one list per region.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLateError
from functools import partial
from threading import Lock
from typing import Any, TypeVar

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.errors import RecordError, RecoveryError
from recovery_ops.model.events import Event
from recovery_ops.model.readiness import Sweep
from recovery_ops.model.system import System
from recovery_ops.planning.drill_calendar import Held
from recovery_ops.record import keys
from recovery_ops.record.fold import fold
from recovery_ops.record.log import EventLog
from recovery_ops.record.shelf import BOOKENDS, Shelf
from recovery_ops.record.state import RunState
from recovery_ops.record.store import ObjectStore
from recovery_ops.record.sweeps import Sweeps
from recovery_ops.record.verify import Broken, verify_run
from recovery_ops.reporting.drill_history import held_of, is_held

ANSWER_WITHIN_S = 1.5
"""Longer waits nobody who looks at a page; the region is then said not to answer."""
ASK_AGAIN_AFTER_S = 5.0
"""Between two looks whether a silent region is back."""
FRESH_S = 0.7
"""What was listed is taken for new for so long, however many people look."""
VERIFIED_WITHIN_S = 60.0
"""Verifying reads every object of a run; only who asks for it waits."""
KEPT = 50_000
"""Objects kept in memory; they are small, and the oldest go first."""
LOOKERS = 24
ONCE = ("/events/", "/readiness/", "/findings/")
"""Folders of the record whose objects never change."""
NOTHING = "systems/nobody/"
"""A prefix that holds nothing, to ask a region whether it is there."""

T = TypeVar("T")
Opener = Callable[[str], ObjectStore]


class Door:
    """The record of one system in one region, read-only for its users; says at once when the region is silent."""

    def __init__(self, region: str, store: ObjectStore, pool: ThreadPoolExecutor) -> None:
        self.region = region
        self.store, self._pool = store, pool
        self._kept: dict[str, tuple[bytes, str]] = {}
        self._listed: dict[str, tuple[float, list[str]]] = {}
        self.why = ""
        self._look_at = 0.0
        self._lock = Lock()

    @property
    def answers(self) -> bool:
        """Return whether the region answered when it was asked last."""
        return not self.why

    def ask(self, call: Callable[[], T], within_s: float = ANSWER_WITHIN_S) -> T:
        """Return what ``call`` returns.

        Raises:
            RecordError: The region did not answer within ``within_s`` wall seconds, or did not a moment ago.
        """
        if self.why:
            self._look_again()
            raise RecordError(f"{self.region} does not answer: {self.why}")
        try:
            return self._pool.submit(_looking, call).result(within_s)
        except (TooLateError, RecoveryError) as error:
            late = isinstance(error, TooLateError)
            self._fall_silent(f"nothing came within {within_s:g} s" if late else str(error))
            raise RecordError(f"{self.region} does not answer: {self.why}") from error

    def list(self, prefix: str) -> list[str]:
        """Return the keys under ``prefix``, at most ``FRESH_S`` old."""
        found = self._listed.get(prefix)
        if found is None or time.monotonic() - found[0] > FRESH_S:
            found = (time.monotonic(), self.ask(lambda: self.store.list(prefix)))
            self._listed[prefix] = found
        return found[1]

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Return an object; one that is written once is asked for once."""
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        found = self.ask(lambda: self.store.get(key))
        if found is not None and any(folder in key for folder in ONCE):
            self._keep(key, found)
        return found

    def put_new(self, key: str, body: bytes) -> str:  # noqa: ARG002 - as the port wants it
        """Refuse: whoever looks changes nothing."""
        raise RecordError(f"the dashboard only reads; {key} was not written")

    def replace(self, key: str, body: bytes, etag: str) -> str:  # noqa: ARG002 - as the port wants it
        """Refuse: whoever looks changes nothing."""
        raise RecordError(f"the dashboard only reads; {key} was not written")

    def delete(self, key: str, etag: str) -> None:  # noqa: ARG002 - as the port wants it
        """Refuse: whoever looks changes nothing."""
        raise RecordError(f"the dashboard only reads; {key} was not removed")

    def _fall_silent(self, why: str) -> None:
        self.why, self._look_at = why, time.monotonic() + ASK_AGAIN_AFTER_S

    def _look_again(self) -> None:
        """Ask a silent region in the background once in a while: nobody who looks at a page waits for it."""
        with self._lock:
            if time.monotonic() < self._look_at:
                return
            self._look_at = time.monotonic() + ASK_AGAIN_AFTER_S
        self._pool.submit(self._recover)

    def _recover(self) -> None:
        try:
            _looking(lambda: self.store.list(NOTHING))
        except RecoveryError as error:
            self._fall_silent(str(error))
        else:
            self.why = ""

    def _keep(self, key: str, found: tuple[bytes, str]) -> None:
        with self._lock:
            while len(self._kept) >= KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = found


class Lookout:
    """What is known of one system from the regions that answer now."""

    def __init__(self, system: System, open_store: Opener) -> None:
        self.system = system
        self._pool = ThreadPoolExecutor(max_workers=LOOKERS, thread_name_prefix="lookout")
        self.doors = tuple(Door(region, open_store(region), self._pool) for region in system.regions)
        self._closed: dict[str, RunState] = {}
        self._held: dict[str, Held | None] = {}
        self._said: dict[str, tuple[float, Mapping[str, Any]]] = {}

    def silent(self) -> Mapping[str, str]:
        """Return the regions that do not answer now, each with the reason."""
        prefix = keys.claim_key(self.system.name, "production")
        for door in self.doors:
            try:
                door.list(prefix)
            except RecordError:
                continue
        return {door.region: door.why for door in self.doors if not door.answers}

    def run_ids(self) -> list[str]:
        """Return the ids of everything with events in a region that answers."""
        return sorted({name for door in self.doors for name in _each(door, lambda shelf: shelf.run_ids(), self.system)})

    def summaries(self) -> list[RunState]:
        """Return what declaration and close say of every run, newest first."""
        found = [self._summary(run_id) for run_id in self.run_ids() if run_id.startswith("r-")]
        runs = [state for state in found if state.declared_at is not None or state.refusals]
        return sorted(runs, key=lambda state: (str(state.last_at), state.run_id), reverse=True)

    def events(self, run_id: str) -> list[Event]:
        """Return every event of a run that a region that answers has, in order."""
        return self._events(run_id, ("",))

    def sweeps(self, limit: int = 1) -> list[Sweep]:
        """Return the newest sweeps over all regions that answer, newest first."""
        found: dict[str, Sweep] = {}
        for door in self.doors:
            try:
                found |= {sweep.at.isoformat(): sweep for sweep in Sweeps(door, self.system.name).list(limit)}
            except RecordError:
                continue
        return [found[at] for at in sorted(found, reverse=True)][:limit]

    def held(self) -> list[Held]:
        """Return every closed drill for the calendar; each is judged once, by its report."""
        found: list[Held] = []
        for state in filter(is_held, self.summaries()):
            if state.run_id not in self._held:
                self._held[state.run_id] = held_of(state, partial(self.events, state.run_id))
            held = self._held[state.run_id]
            found += [held] if held is not None else []
        return found

    def ask_each(self, call: Callable[[str], T], *, known_as: str) -> Mapping[str, T]:
        """Return what ``call`` returns for every region that answers, by region.

        Args:
            call: Asks one region.
            known_as: What is asked for; whoever asks for the same within ``FRESH_S`` is told what was said before.
        """
        said = self._said.get(known_as)
        if said is not None and time.monotonic() - said[0] <= FRESH_S:
            return said[1]
        found: dict[str, T] = {}
        for door in self.doors:
            try:
                found[door.region] = door.ask(lambda region=door.region: call(region))  # type: ignore[misc]
            except RecordError:
                continue
        self._said[known_as] = (time.monotonic(), found)
        return found

    def page(self, key: str) -> bytes | None:
        """Return an object of the record from the first region that has it."""
        for door in self.doors:
            try:
                found = door.get(key)
            except RecordError:
                continue
            if found is not None:
                return found[0]
        return None

    def verify(self, run_id: str) -> list[Broken] | None:
        """Return what is wrong with the record of a run, read afresh; ``None`` when no region that answers has it."""
        for door in self.doors:
            log = EventLog(door.store, self.system.name, run_id)
            try:
                broken = door.ask(lambda log=log: verify_run(log) if log.exists() else None, VERIFIED_WITHIN_S)  # type: ignore[misc]
            except RecordError:
                continue
            if broken is not None:
                return broken
        return None

    def _summary(self, run_id: str) -> RunState:
        if run_id not in self._closed:
            state = fold(self._events(run_id, BOOKENDS))
            if state.closed_at is None:
                return state
            self._closed[run_id] = state
        return self._closed[run_id]

    def _events(self, run_id: str, writers: tuple[str, ...]) -> list[Event]:
        found: list[Event] = []
        for door in self.doors:
            found += _each(door, lambda shelf: shelf.events(run_id, writers), self.system)
        once = {(event.writer, event.seq): event for event in found}
        return sorted(once.values(), key=lambda event: (event.at, event.writer, event.seq))


def _each(door: Door, read: Callable[[Shelf], list[T]], system: System) -> list[T]:
    try:
        return read(Shelf(system.name, [door]))
    except RecordError:
        return []


def _looking(call: Callable[[], T]) -> T:
    with calling_as(Caller(run_id="dashboard", step="dashboard.look")):
        return call()
