"""From the spool into the record: every event once, whatever was interrupted, and the gap told as a fact.

An event keeps the key and the bytes it was spooled with, so writing it again changes nothing. Only when another
machine went on with the same chain meanwhile is an event sealed anew behind the end of that chain; the gap then names
its old place and hash, so that anchors which hold them can still be proven.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from recovery_ops.errors import RecordError, RecordTamperedError
from recovery_ops.model.events import Event, EventType
from recovery_ops.record import envelope, keys
from recovery_ops.record.payload import Payload
from recovery_ops.record.spool import Spool, Spooled
from recovery_ops.record.store import ATTEMPTS, put_once

if TYPE_CHECKING:
    from recovery_ops.record.log import EventLog

WRITER = "record:merge"
"""Who tells of closed gaps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """An event that got another place in its chain than it was spooled with, and proof that it is the same event."""

    writer: str
    seq: int
    prev_hash: str
    hash: str
    now: int

    def proves(self, event: Event) -> bool:
        """Return whether ``event`` says what was spooled: at its old place it has the old hash."""
        return envelope.hash_of(replace(event, seq=self.seq, prev_hash=self.prev_hash)) == self.hash

    def to_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_payload(cls, facts: Payload) -> "Moved":
        """Rebuild from the payload of a gap; what is missing reads as nothing and proves nothing."""
        return cls(
            writer=facts.text("writer"),
            seq=facts.whole("seq") or 0,
            prev_hash=facts.text("prev_hash"),
            hash=facts.text("hash"),
            now=facts.whole("now") or 0,
        )


def merge(log: "EventLog") -> Event | None:
    """Write what waits in the spool of ``log`` to its store; return the event that tells of the gap.

    Safe to interrupt anywhere and to repeat: nothing leaves the spool before the store has all of it and the gap.

    Returns:
        ``None`` when nothing waits, or another process of this machine is merging.

    Raises:
        RecoveryError: The store does not take it; everything still waits.
    """
    spool = log.spool
    if spool is None or not spool.waits():
        return None
    with spool.merging() as alone:
        return _Merge(log, spool).run() if alone else None


class _Merge:
    """One attempt at emptying a spool."""

    def __init__(self, log: "EventLog", spool: Spool) -> None:
        self._log, self._spool = log, spool
        self._moved: list[Moved] = []
        self._chains: dict[str, _Chain] = {}

    def run(self) -> Event | None:
        entries = self._spool.entries()
        taken = [event for entry in entries if (event := self._take(entry)) is not None]
        gap = self._tell(taken, next((entry.reason for entry in entries if entry.reason), ""))
        self._spool.remove(entries)
        self._log.forget()
        return gap

    def _take(self, entry: Spooled) -> Event | None:
        event = _genuine(entry)
        if event is None:
            self._spool.set_aside(entry.number)
            return None
        if event.writer in self._chains or not put_once(self._log.store, entry.key, entry.body):
            event = self._move(event)
        self._keep(event)
        return event

    def _move(self, event: Event) -> Event:
        """The place is taken: find the event elsewhere in its chain, or put it behind the end."""
        chain = self._chains.setdefault(event.writer, _Chain(self._log, event.writer))
        now = chain.find(event) or chain.append(event)
        if now.hash != event.hash:
            self._moved.append(
                Moved(writer=event.writer, seq=event.seq, prev_hash=event.prev_hash, hash=event.hash, now=now.seq)
            )
        return now

    def _keep(self, event: Event) -> None:
        key = self._log.prefix + keys.event_name(keys.Place(event.writer, event.seq))
        self._log.keep(key, envelope.body_of(event), event)

    def _tell(self, taken: Sequence[Event], reason: str) -> Event | None:
        """Append the gap, without what an attempt that was interrupted told already."""
        gaps = [Payload(event.payload) for event in _stored(self._log, WRITER)]
        told = {
            (writer, seq) for gap in gaps for writer in gap.raw("merged") for seq in gap.part("merged").items(writer)
        }
        fresh = [event for event in taken if (event.writer, event.seq) not in told]
        damaged = sorted(set(self._spool.damaged()) - {name for gap in gaps for name in gap.texts("damaged")})
        if not fresh and not damaged:
            return None
        facts: dict[str, object] = {
            "events": len(fresh),
            "from": min((event.at.isoformat() for event in fresh), default=None),
            "until": max((event.at.isoformat() for event in fresh), default=None),
            "writers": sorted({event.writer for event in fresh}),
            "merged": _numbers(fresh),
            "reason": reason,
            "moved": [moved.to_json() for moved in self._moved if (moved.writer, moved.now) not in told],
            "damaged": damaged,
        }
        return self._log.writer(WRITER, spooled=False).append(EventType.RECORD_GAP_CLOSED, facts)


class _Chain:
    """A chain that went on without the spool."""

    def __init__(self, log: "EventLog", writer: str) -> None:
        self._log, self._writer = log, writer
        self._used: set[int] = set()
        self._events = _stored(log, writer)

    def find(self, event: Event) -> Event | None:
        """Return the event where it stands already, each place counting once."""
        for held in self._events:
            twin = envelope.hash_of(replace(held, seq=event.seq, prev_hash=event.prev_hash)) == event.hash
            if twin and held.seq not in self._used:
                self._used.add(held.seq)
                return held
        return None

    def append(self, event: Event) -> Event:
        """Seal ``event`` anew behind the last one and write it."""
        for _ in range(ATTEMPTS):
            last = self._events[-1]
            anew = envelope.seal(replace(event, seq=last.seq + 1, prev_hash=last.hash))
            key = self._log.prefix + keys.event_name(keys.Place(anew.writer, anew.seq))
            if put_once(self._log.store, key, envelope.body_of(anew)):
                self._events.append(anew)
                self._used.add(anew.seq)
                return anew
            self._events = _stored(self._log, self._writer)
        raise RecordError(f"the chain of {self._writer} in run {self._log.run_id} grew while it was merged; try again")


def _numbers(taken: Sequence[Event]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for event in taken:
        found.setdefault(event.writer, []).append(event.seq)
    return found


def _stored(log: "EventLog", writer: str) -> list[Event]:
    """The chain of a writer as the store has it, in its order."""
    folder = f"{log.prefix}{keys.writer_folder(writer)}/"
    found = ((key, log.store.get(key)) for key in sorted(log.store.list(folder)))
    return [envelope.read(held[0], key) for key, held in found if held is not None and log.place_of(key) is not None]


def _genuine(entry: Spooled) -> Event | None:
    """The event as it was spooled, or ``None`` when somebody or something changed it since."""
    try:
        event = envelope.read(entry.body, entry.key)
    except RecordTamperedError:
        return None
    place = keys.event_name(keys.Place(event.writer, event.seq))
    intact = envelope.hash_of(event) == event.hash and envelope.canonical(event.to_json()) == entry.body
    return event if intact and entry.key.endswith(f"/events/{place}") else None
