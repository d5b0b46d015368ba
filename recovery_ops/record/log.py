"""The event log of one run: append-only, hash-chained per writer, one object per event.

The store is the truth. Mirrors are copies in further regions, made with best effort; observers (the projection) are
told after the fact. Neither ever stops an append.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypedDict

import structlog

from recovery_ops.errors import RecordError, RecoveryError
from recovery_ops.model.events import Event, EventType
from recovery_ops.record import envelope, keys
from recovery_ops.record.store import KeyExistsError, ObjectStore

READERS = 8
ATTEMPTS = 16
Observer = Callable[[Event], None]
_log = structlog.get_logger(__name__)


class Head(TypedDict):
    """The last event of a chain, as an anchor holds it."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """An event that a mirror does not hold. ``mirror`` counts from 0 in the order the mirrors were given."""

    mirror: int
    key: str
    reason: str


def now_utc() -> datetime:
    """Return the present time, aware, in UTC."""
    return datetime.now(UTC)


class EventLog:
    """Read and append the events of one run; safe for threads, and for several processes with one writer each.

    ``gaps`` holds what mirrors missed in this process, oldest first. A mirror that failed once is left alone until
    :meth:`mend_mirrors`, and an observer that failed once until the log is opened again: a store or database that
    hangs costs one timeout, not one per event.
    """

    def __init__(
        self,
        store: ObjectStore,
        system: str,
        run_id: str,
        *,
        mirrors: Sequence[ObjectStore] = (),
        observers: Sequence[Observer] = (),
        clock: Callable[[], datetime] = now_utc,
    ) -> None:
        self.store = store
        self.system = system
        self.run_id = run_id
        self.mirrors = tuple(mirrors)
        self.prefix = keys.events_prefix(system, run_id)
        self.clock = clock
        self.gaps: list[Gap] = []
        self._observers = tuple(observers)
        self._silent_observers: set[int] = set()
        self._silent_mirrors: set[int] = set()
        self._read: dict[str, Event] = {}

    def writer(self, name: str) -> "EventWriter":
        """Return a writer that continues the chain ``name``; nothing is called until it appends."""
        return EventWriter(self, name)

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
        self._silent_mirrors.clear()
        self.gaps.clear()
        for index in range(len(self.mirrors)):
            self._mend(index)
        return list(self.gaps)

    def keep(self, key: str, body: bytes, event: Event) -> None:
        """Copy an event that stands in the store to the mirrors and tell the observers; never raises."""
        self._read[key] = event
        for index in range(len(self.mirrors)):
            self._copy(index, key, body)
        for index, observer in enumerate(self._observers):
            self._tell(index, observer, event)

    def _event_keys(self, prefix: str) -> list[str]:
        found = self.store.list(self.prefix + keys.escaped(prefix))
        return [key for key in found if keys.place_of(key.removeprefix(self.prefix)) is not None]

    def _fetch(self, wanted: Iterable[str]) -> list[Event]:
        listed = list(wanted)
        missing = [key for key in listed if key not in self._read]
        if missing:
            with ThreadPoolExecutor(max_workers=min(READERS, len(missing))) as readers:
                self._read.update(zip(missing, readers.map(self._get, missing), strict=True))
        return [self._read[key] for key in listed]

    def _get(self, key: str) -> Event:
        found = self.store.get(key)
        if found is None:
            raise RecordError(f"{key} was listed and is not there; the record of run {self.run_id} cannot be read")
        return envelope.read(found[0], key)

    def _mend(self, index: int) -> None:
        written = self._event_keys("")
        try:
            held = set(self.mirrors[index].list(self.prefix))
        except RecoveryError as error:
            self._silence(Gap(mirror=index, key=self.prefix, reason=str(error)))
            return
        for key in (key for key in written if key not in held):
            found = self.store.get(key)
            if found is not None:
                self._copy(index, key, found[0])

    def _copy(self, index: int, key: str, body: bytes) -> None:
        if index in self._silent_mirrors:
            self.gaps.append(Gap(mirror=index, key=key, reason="not tried: this mirror failed before"))
            return
        try:
            if not put_once(self.mirrors[index], key, body):
                self.gaps.append(Gap(mirror=index, key=key, reason="the mirror holds something else under this key"))
        except Exception as error:  # noqa: BLE001  a mirror is best effort: whatever it does, the recovery goes on
            self._silence(Gap(mirror=index, key=key, reason=f"{type(error).__name__}: {error}"))

    def _silence(self, gap: Gap) -> None:
        self._silent_mirrors.add(gap.mirror)
        self.gaps.append(gap)
        _log.warning("mirror of the record failed", run_id=self.run_id, key=gap.key, reason=gap.reason)

    def _tell(self, index: int, observer: Observer, event: Event) -> None:
        if index in self._silent_observers:
            return
        try:
            observer(event)
        except Exception as error:  # noqa: BLE001  an observer is a reader: whatever it does, the recovery goes on
            self._silent_observers.add(index)
            _log.warning("observer of the record failed", run_id=self.run_id, error=f"{type(error).__name__}: {error}")


class EventWriter:
    """Append to one chain; safe for threads.

    A second process with the same name (the attempt after a crash) continues the chain where it stands.
    """

    def __init__(self, log: EventLog, name: str) -> None:
        self.name = name
        self._log = log
        self._folder = f"{log.prefix}{keys.writer_folder(name)}/"
        self._head: Event | None = None
        self._known = False
        self._lock = threading.Lock()

    def append(self, event_type: EventType, payload: Mapping[str, object], at: datetime | None = None) -> Event:
        """Write one event behind the last of this chain and return it as it stands in the store.

        Args:
            event_type: What happened.
            payload: Plain JSON values; secrets in it are replaced by ``[redacted]``.
            at: When it happened, aware; by default now, or the time of the event before if the clock is behind that.

        Raises:
            RecordError: The payload is no JSON or too large, or the chain could not be continued; nothing was written.
            RecoveryError: The store did not answer. Whether the event was written is not known; appending it again
                is safe, and may leave it twice.
        """
        facts = envelope.plain(payload)
        assert isinstance(facts, dict)
        with self._lock:
            return self._append(event_type, facts, None if at is None else envelope.in_utc(at))

    def _append(self, event_type: EventType, facts: dict[str, object], at: datetime | None) -> Event:
        for _ in range(ATTEMPTS):
            event = self._next(event_type, facts, at)
            if self._write(event):
                self._head = event
                return event
        raise RecordError(
            f"writer {self.name!r} of run {self._log.run_id} lost the race for its own chain {ATTEMPTS} times; "
            "another process writes under the same name"
        )

    def _next(self, event_type: EventType, facts: dict[str, object], at: datetime | None) -> Event:
        if not self._known:
            self._head, self._known = self._find_head(), True
        head = self._head
        return envelope.seal(
            Event(
                run_id=self._log.run_id,
                writer=self.name,
                seq=1 if head is None else head.seq + 1,
                at=at or self._after(head),
                type=event_type,
                payload=facts,
                prev_hash=envelope.NO_HASH if head is None else head.hash,
                hash="",
            )
        )

    def _after(self, head: Event | None) -> datetime:
        now = self._log.clock().astimezone(UTC)
        return now if head is None else max(now, head.at)

    def _write(self, event: Event) -> bool:
        body = envelope.body_of(event)
        key = self._log.prefix + keys.event_name(keys.Place(event.writer, event.seq))
        self._known = False  # until the store has answered, nobody knows where the chain ends
        if not put_once(self._log.store, key, body):
            return False
        self._known = True
        self._log.keep(key, body, event)
        return True

    def _find_head(self) -> Event | None:
        places = [keys.place_of(key.removeprefix(self._log.prefix)) for key in self._log.store.list(self._folder)]
        last = max((place for place in places if place is not None), key=lambda place: place.seq, default=None)
        if last is None:
            return None
        key = self._log.prefix + keys.event_name(last)
        found = self._log.store.get(key)
        if found is None:
            raise RecordError(f"{key} was listed and is not there; its chain cannot be continued")
        return envelope.read(found[0], key)


def put_once(store: ObjectStore, key: str, body: bytes) -> bool:
    """Write ``key`` unless it exists; return whether it now holds ``body``, whoever wrote it."""
    try:
        store.put_new(key, body)
    except KeyExistsError:
        found = store.get(key)
        return found is not None and found[0] == body
    return True
