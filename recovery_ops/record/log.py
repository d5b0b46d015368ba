"""The event log of one run: append-only, hash-chained per writer, one object per event.

The store is the truth. What it does not take waits in the spool and is merged by the next append that it takes.
Mirrors are copies in further regions, made with best effort; observers (the projection) are told after the fact. None
of these ever stops an append.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypedDict

import structlog

from recovery_ops.errors import ImpairedRegionError, RecordError, RecordTamperedError, RecoveryError
from recovery_ops.model.events import Event, EventType
from recovery_ops.record import envelope, keys
from recovery_ops.record.merging import merge
from recovery_ops.record.mirrors import Gap, Mirrors
from recovery_ops.record.spool import Spool
from recovery_ops.record.store import ObjectStore, put_once
from recovery_ops.record.writer import EventWriter

__all__ = ["EventLog", "EventWriter", "Gap", "Head", "Known", "Observer", "now_utc", "put_once"]

READERS = 8
Observer = Callable[[Event], None]
Known = dict[str, Event]
"""Events by key that were read from the store of one run, or written to it."""
_log = structlog.get_logger(__name__)


class Head(TypedDict):
    """The last event of a chain, as an anchor holds it."""

    seq: int
    hash: str


def now_utc() -> datetime:
    """Return the present time, aware, in UTC."""
    return datetime.now(UTC)


class EventLog:
    """Read and append the events of one run; safe for threads, and for several processes with one writer each.

    A mirror that failed once is left alone until :meth:`mend_mirrors`, and an observer that failed once until the log
    is opened again: a store or database that hangs costs one timeout, not one per event. With a ``spool``, events that
    wait in it are read as if they stood in the store.

    An event is read once: it never changes. Logs of one run that are given the same ``known`` do so together, and only
    with what stands in the store; a log that meets a waiting event goes on by itself.
    """

    def __init__(
        self,
        store: ObjectStore,
        system: str,
        run_id: str,
        *,
        mirrors: Sequence[ObjectStore] = (),
        observers: Sequence[Observer] = (),
        spool: Spool | None = None,
        clock: Callable[[], datetime] = now_utc,
        known: Known | None = None,
    ) -> None:
        self.store = store
        self.system = system
        self.run_id = run_id
        self.prefix = keys.events_prefix(system, run_id)
        self.spool = spool
        self.clock = clock
        self._mirrors = Mirrors(mirrors, run_id)
        self._observers = tuple(observers)
        self._silent_observers: set[int] = set()
        self._read: Known = {} if known is None else known

    @property
    def mirrors(self) -> tuple[ObjectStore, ...]:
        """Return the stores in further regions that get a copy of every event."""
        return self._mirrors.stores

    @property
    def gaps(self) -> list[Gap]:
        """Return what mirrors missed in this process, oldest first."""
        return self._mirrors.gaps

    def mirror_to(self, stores: Sequence[ObjectStore]) -> None:
        """Copy events to ``stores`` from now on; :meth:`mend_mirrors` copies the earlier ones."""
        self._mirrors = Mirrors(stores, self.run_id)

    def writer(self, name: str, *, spooled: bool = True) -> "EventWriter":
        """Return a writer that continues the chain ``name``; nothing is called until it appends.

        With ``spooled=False`` an event that the store does not take is an error, whatever spool there is.
        """
        return EventWriter(self, name, spooled=spooled)

    def events(self) -> list[Event]:
        """Return every event of the run, ordered by (at, writer, seq).

        Raises:
            RecordTamperedError: An object is no event; ``recovery_ops.record.verify`` tells more.
        """
        return self.events_of("")

    def events_of(self, prefix: str) -> list[Event]:
        """Return the events of writers whose name starts with ``prefix``, ordered by (at, writer, seq)."""
        found = self._fetch(self._event_keys(prefix))
        return sorted(found, key=lambda event: (event.at, event.writer, event.seq))

    def exists(self) -> bool:
        """Return whether anything stands in the store for this run, whether it can be read or not."""
        return bool(self.store.list(self.prefix))

    def writers(self, prefix: str = "") -> list[str]:
        """Return the names of the chains that begin with ``prefix``, sorted; no event is read."""
        places = (self.place_of(key) for key in self._event_keys(prefix))
        return sorted({place.writer for place in places if place is not None})

    def tails(self, prefix: str = "") -> list[Event]:
        """Return the last event of every chain of writers whose name starts with ``prefix``, ordered as events are.

        A step that succeeded ends its chain with that, so this answers what came of steps without reading all they did.
        """
        last: dict[str, str] = {}
        for key in self._event_keys(prefix):
            place = keys.place_of(key.removeprefix(self.prefix))
            assert place is not None
            last[place.writer] = key
        return sorted(self._fetch(last.values()), key=lambda event: (event.at, event.writer, event.seq))

    def heads(self) -> dict[str, Head]:
        """Return the last event of every chain by writer, as the payload of an anchor wants it."""
        return {event.writer: Head(seq=event.seq, hash=event.hash) for event in self.tails()}

    def anchor(self, writer: str) -> Event:
        """Append the heads of all chains to the chain of ``writer``, so that a lost last event shows later."""
        return self.writer(writer).append(EventType.ANCHORED, {"heads": self.heads()})

    def mend_mirrors(self) -> list[Gap]:
        """Copy to every mirror what it lacks; return what could not be copied, which is also the new ``gaps``.

        Raises:
            RecoveryError: The store itself cannot be read.
        """
        written = [key for key in self.store.list(self.prefix) if self.place_of(key) is not None]
        return self._mirrors.mend(self.store, self.prefix, written)

    def keep(self, key: str, body: bytes, event: Event) -> None:
        """Copy an event that stands in store or spool to the mirrors and tell the observers; never raises."""
        self._read[key] = event
        self._mirrors.copy(key, body)
        for index, observer in enumerate(self._observers):
            self._tell(index, observer, event)

    def put(self, key: str, body: bytes) -> bool:
        """Write an event to the store, or to the spool when the store does not take it.

        Returns:
            ``False`` when something else stands under ``key``; nothing was changed.

        Raises:
            RecoveryError: Neither took it.
        """
        if self.spool is None:
            return put_once(self.store, key, body)
        if self.spool.waits() and (reason := self._not_merged(self.spool)):
            return self._spooled(self.spool, key, body, reason)
        try:
            return put_once(self.store, key, body)
        except ImpairedRegionError:
            raise
        except RecoveryError as error:
            self.spool.refuse()
            _log.warning("the record is not written; events wait in the spool", run_id=self.run_id, reason=str(error))
            return self._spooled(self.spool, key, body, str(error))

    def _spooled(self, spool: Spool, key: str, body: bytes, reason: str) -> bool:
        self._read = dict(self._read)  # where an event that waits will stand is open: no other log may count on it
        return spool.add(key, body, reason)

    def forget(self) -> None:
        """Read every event afresh from now on; what other logs know stays theirs."""
        self._read = {}

    def place_of(self, key: str) -> keys.Place | None:
        """Return the position of the event under ``key``, or ``None`` when no event of this run has such a key."""
        return keys.place_of(key.removeprefix(self.prefix))

    def _not_merged(self, spool: Spool) -> str:
        """Why the store still lacks what waits in the spool; empty when it has everything now."""
        if spool.rests():
            return "not tried: the store refused a moment ago"
        try:
            merge(self)
        except RecoveryError as error:
            spool.refuse()
            return str(error)
        return "not tried: events before it are being merged" if spool.waits() else ""

    def _event_keys(self, prefix: str) -> list[str]:
        wanted = self.prefix + keys.escaped(prefix)
        waiting = self._waiting(wanted)
        found = set(self.store.list(wanted))
        if waiting:
            self._read = dict(self._read)
        for key in waiting.keys() - found:
            self._read.setdefault(key, waiting[key])
        return sorted(key for key in found | waiting.keys() if self.place_of(key) is not None)

    def _waiting(self, wanted: str) -> dict[str, Event]:
        """What waits in the spool by key; a file that holds no event is left to merging, which tells of it."""
        waiting: dict[str, Event] = {}
        for entry in self.spool.entries() if self.spool is not None and self.spool.waits() else ():
            with suppress(RecordTamperedError):
                if entry.key.startswith(wanted):
                    waiting[entry.key] = envelope.read(entry.body, entry.key)
        return waiting

    def _fetch(self, wanted: Iterable[str]) -> list[Event]:
        listed, read = list(wanted), self._read
        missing = [key for key in listed if key not in read]
        if missing:
            with ThreadPoolExecutor(max_workers=min(READERS, len(missing))) as readers:
                read.update(zip(missing, readers.map(self._get, missing), strict=True))
        return [read[key] for key in listed]

    def _get(self, key: str) -> Event:
        found = self.store.get(key)
        if found is None:
            raise RecordError(f"{key} was listed and is not there; the record of run {self.run_id} cannot be read")
        return envelope.read(found[0], key)

    def _tell(self, index: int, observer: Observer, event: Event) -> None:
        if index in self._silent_observers:
            return
        try:
            observer(event)
        except Exception as error:  # noqa: BLE001  an observer is a reader: whatever it does, the recovery goes on
            self._silent_observers.add(index)
            _log.warning("observer of the record failed", run_id=self.run_id, error=f"{type(error).__name__}: {error}")
