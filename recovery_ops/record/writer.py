"""One chain of a log: events appended behind one another, each with the hash of the one before."""

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from recovery_ops.errors import RecordError, RecordTamperedError, RecoveryError
from recovery_ops.model.events import Event, EventType
from recovery_ops.record import envelope, keys
from recovery_ops.record.spool import Spooled
from recovery_ops.record.store import ATTEMPTS, put_once

if TYPE_CHECKING:
    from recovery_ops.record.log import EventLog


class EventWriter:
    """Append to one chain; safe for threads.

    A second process with the same name (the attempt after a crash) continues the chain where it stands.
    """

    def __init__(self, log: "EventLog", name: str, *, spooled: bool = True) -> None:
        self.name = name
        self._log = log
        self._spool = log.spool if spooled else None
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
            RecoveryError: Neither store nor spool took it. Whether the event was written is not known; appending it
                again is safe, and may leave it twice.
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
        if not (self._log.put(key, body) if self._spool else put_once(self._log.store, key, body)):
            return False
        self._known = True
        self._log.keep(key, body, event)
        return True

    def _find_head(self) -> Event | None:
        """The last event of the chain in store and spool.

        A store that cannot even be read is no reason to lose a fact: the event then waits with the number that the
        spool alone suggests, and merging finds its place.
        """
        waiting = [entry for entry in (self._spool.entries() if self._spool else ()) if self._mine(entry.key)]
        try:
            stored = [key for key in self._log.store.list(self._folder) if self._mine(key)]
            last = max((*stored, *(entry.key for entry in waiting)), default=None)
            return None if last is None else self._event_under(last, waiting)
        except RecordTamperedError:
            raise
        except RecoveryError:
            if self._spool is None:
                raise
            newest = max(waiting, key=lambda entry: entry.key, default=None)
            return None if newest is None else envelope.read(newest.body, newest.key)

    def _mine(self, key: str) -> bool:
        return key.startswith(self._folder) and self._log.place_of(key) is not None

    def _event_under(self, key: str, waiting: Sequence[Spooled]) -> Event:
        found = self._log.store.get(key)
        body = found[0] if found is not None else next((entry.body for entry in waiting if entry.key == key), None)
        if body is None:
            raise RecordError(f"{key} was listed and is not there; its chain cannot be continued")
        return envelope.read(body, key)
