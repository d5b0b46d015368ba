"""Verification: is the record of a run what its writers wrote?

What is found, and how:

* a changed byte: the text is not canonical, or its hash is another;
* a removed event: the numbers of its chain have a gap, a later event or an anchor names its hash, or a mirror has it;
* an added event: its hash, chain or key do not fit, or it claims to be older than an anchor that does not know it.

Not found without a mirror: removing the last events of a chain that no later anchor covers, and adding events after the
last anchor by somebody who computes the hashes. Object lock is there for that; ``close`` anchors all chains.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from recovery_ops.errors import RecordError, RecordTamperedError, RecoveryError
from recovery_ops.model.events import Event, EventType
from recovery_ops.record import envelope, keys
from recovery_ops.record.keys import Place
from recovery_ops.record.log import READERS, EventLog
from recovery_ops.record.payload import Payload
from recovery_ops.record.store import ObjectStore

LATE = timedelta(seconds=30)
"""How long an event may take from its time to the store; one that is older than this before an anchor must be in it."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """One place where the record is not what was written. ``key`` is where the object is, or should be."""

    key: str
    reason: str

    def to_json(self) -> dict[str, str]:
        """Return plain JSON values."""
        return {"key": self.key, "reason": self.reason}


def verify_run(log: EventLog) -> list[Broken]:
    """Return everything that is wrong with the record of a run, sorted by key; empty means that it verifies.

    Reads every object afresh. A mirror that does not answer proves nothing and is left out.

    Raises:
        RecoveryError: The store does not answer.
    """
    bodies = _read_all(log.store, log.store.list(log.prefix))
    events, broken = _parse(log, bodies)
    unreadable = {item.key for item in broken}
    broken += [item for item in (*_chains(log, events), *_anchors(log, events)) if item.key not in unreadable]
    for index, mirror in enumerate(log.mirrors):
        broken += _against_mirror(log, bodies, mirror, index)
    return sorted(set(broken), key=lambda item: (item.key, item.reason))


def require_verified(log: EventLog) -> None:
    """Return when the record of a run verifies.

    Raises:
        RecordTamperedError: It does not; fact ``broken`` lists every key and reason.
    """
    broken = verify_run(log)
    if broken:
        first = f"{broken[0].key}: {broken[0].reason}"
        raise RecordTamperedError(
            f"the record of run {log.run_id} of {log.system} does not verify in {len(broken)} places, first {first}",
            broken=[item.to_json() for item in broken],
        )


def _read_all(store: ObjectStore, listed: Sequence[str]) -> dict[str, bytes]:
    def body(key: str) -> bytes:
        found = store.get(key)
        if found is None:
            raise RecordError(f"{key} was listed and is not there; somebody is changing the record")
        return found[0]

    return dict(zip(listed, _parallel(body, listed), strict=True))


def _parallel(call: Callable[[str], T], items: Sequence[str]) -> list[T]:
    with ThreadPoolExecutor(max_workers=READERS) as readers:
        return list(readers.map(call, items))


def _parse(log: EventLog, bodies: Mapping[str, bytes]) -> tuple[dict[Place, Event], list[Broken]]:
    """Events whose own text, place and hash are right, and what is wrong with the others."""
    events: dict[Place, Event] = {}
    broken: list[Broken] = []
    for key, body in bodies.items():
        place = keys.place_of(key.removeprefix(log.prefix))
        if place is None:
            broken.append(Broken(key=key, reason="alien: no event has such a key"))
            continue
        event, reason = _judge(log.run_id, key, place, body)
        if event is None:
            broken.append(Broken(key=key, reason=reason))
        else:
            events[place] = event
    return events, broken


def _judge(run_id: str, key: str, place: Place, body: bytes) -> tuple[Event | None, str]:
    try:
        event = envelope.read(body, key)
        expected = envelope.hash_of(event)
        text = envelope.canonical(event.to_json())
    except RecordTamperedError as error:
        return None, str(error.facts["broken"][0]["reason"])
    except RecordError as error:
        return None, str(error)
    if event.hash != expected:
        return None, f"changed: its hash says {event.hash}, its content has {expected}"
    if text != body:
        return None, "changed: its text is not canonical"
    if (event.run_id, event.writer, event.seq) != (run_id, *place):
        return None, f"misplaced: it says it is event {event.seq} of {event.writer} in run {event.run_id}"
    return event, ""


def _chains(log: EventLog, events: Mapping[Place, Event]) -> list[Broken]:
    by_writer: dict[str, list[Event]] = defaultdict(list)
    for place in sorted(events):
        by_writer[place.writer].append(events[place])
    return [item for writer, chain in by_writer.items() for item in _chain(log, writer, chain)]


def _chain(log: EventLog, writer: str, chain: Sequence[Event]) -> list[Broken]:
    """Missing numbers, and events that do not name the hash of the event before them."""
    broken: list[Broken] = []
    hash_before, seq_before = envelope.NO_HASH, 0
    for event in chain:
        missing = range(seq_before + 1, event.seq)
        broken += (_at(log, Place(writer, seq), "removed: the chain goes on after it") for seq in missing)
        if not missing and event.prev_hash != hash_before:
            reason = f"not linked: it follows {event.prev_hash}, the event before it has {hash_before}"
            broken.append(_at(log, Place(writer, event.seq), reason))
        hash_before, seq_before = event.hash, event.seq
    return broken


def _anchors(log: EventLog, events: Mapping[Place, Event]) -> list[Broken]:
    anchors = [event for event in events.values() if event.type is EventType.ANCHORED]
    return [item for anchor in anchors for item in _anchored(log, events, anchor)]


def _anchored(log: EventLog, events: Mapping[Place, Event], anchor: Event) -> Iterable[Broken]:
    name = f"{anchor.writer}/{anchor.seq:06d}"
    heads = Payload(anchor.payload).part("heads")
    known: dict[str, int] = {anchor.writer: anchor.seq}
    for writer in heads.everything:
        head = heads.part(writer)
        place, digest = Place(writer, head.whole("seq") or 0), head.text("hash")
        known[writer] = max(place.seq, known.get(writer, 0))
        if place not in events:
            yield _at(log, place, f"removed: anchor {name} holds it with hash {digest}")
        elif events[place].hash != digest:
            yield _at(log, place, f"replaced: anchor {name} holds it with hash {digest}")
    for place, event in events.items():
        if place.seq > known.get(place.writer, 0) and event.at < anchor.at - LATE:
            yield _at(log, place, f"added later: anchor {name} of {anchor.at.isoformat()} does not know it")


def _against_mirror(log: EventLog, bodies: Mapping[str, bytes], mirror: ObjectStore, index: int) -> list[Broken]:
    """What the mirror has is right unless the store has the same; what it lacks is a gap and proves nothing."""
    try:
        copies = _read_all(mirror, mirror.list(log.prefix))
    except RecoveryError:
        return []
    broken = [Broken(key=key, reason=f"removed: mirror {index} holds it") for key in copies if key not in bodies]
    differing = [key for key in copies if key in bodies and bodies[key] != copies[key]]
    return broken + [Broken(key=key, reason=f"differs from mirror {index}") for key in differing]


def _at(log: EventLog, place: Place, reason: str) -> Broken:
    try:
        return Broken(key=log.prefix + keys.event_name(place), reason=reason)
    except RecordError:
        return Broken(key=log.prefix + keys.escaped(place.writer), reason=reason)
