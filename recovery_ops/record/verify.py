"""Verification: is the record of a run what its writers wrote?

What is found, and how:

* a changed byte: the text is not canonical, or its hash is another;
* a removed event: the numbers of its chain have a gap, a later event or an anchor names its hash, or a mirror has it;
* an added event: its hash, chain or key do not fit, or it claims to be older than an anchor that does not know it;
* in a run that was closed, both at the very end of a chain too: the seal holds every last event, and must be there.

Not found without a mirror, in a run that is still open: removing the last events of a chain that no later anchor
covers, and adding events after the last anchor by somebody who computes the hashes. Object lock is there for that.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from recovery_ops.errors import RecordError, RecordTamperedError, RecoveryError
from recovery_ops.model.events import Event, EventType
from recovery_ops.record import envelope, keys
from recovery_ops.record.keys import Place
from recovery_ops.record.log import READERS, EventLog
from recovery_ops.record.merging import Moved
from recovery_ops.record.payload import Payload
from recovery_ops.record.seal import closed, read_seal
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
    moved = _moved(events)
    proofs = (*_chains(log, events), *_anchors(log, events, moved), *_sealed(log, events))
    broken += [item for item in proofs if item.key not in unreadable]
    for index, mirror in enumerate(log.mirrors):
        broken += _against_mirror(log, bodies, mirror, index, moved)
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


def _moved(events: Mapping[Place, Event]) -> dict[Place, list[Moved]]:
    """What merges of the spool put elsewhere, by old place, as far as the event at the new place proves it."""
    told = (event for event in events.values() if event.type is EventType.RECORD_GAP_CLOSED)
    found: dict[Place, list[Moved]] = defaultdict(list)
    for item in (Moved.from_payload(part) for event in told for part in Payload(event.payload).parts("moved")):
        now = events.get(Place(item.writer, item.now))
        if now is not None and item.proves(now):
            found[Place(item.writer, item.seq)].append(item)
    return found


def _anchors(log: EventLog, events: Mapping[Place, Event], moved: Mapping[Place, Sequence[Moved]]) -> list[Broken]:
    anchors = [event for event in events.values() if event.type is EventType.ANCHORED]
    return [item for anchor in anchors for item in _anchored(log, events, anchor, moved)]


def _anchored(
    log: EventLog, events: Mapping[Place, Event], anchor: Event, moved: Mapping[Place, Sequence[Moved]]
) -> Iterator[Broken]:
    name = f"anchor {anchor.writer}/{anchor.seq:06d}"
    heads = Payload(anchor.payload).part("heads")
    yield from _held(log, events, heads, name, moved)
    known = {anchor.writer: anchor.seq} | {
        writer: seq for writer, seq in _last_known(heads, moved).items() if writer != anchor.writer
    }
    late = _merged(events)
    for place, event in events.items():
        if place.seq > known.get(place.writer, 0) and event.at < anchor.at - LATE and place not in late:
            yield _at(log, place, f"added later: {name} of {anchor.at.isoformat()} does not know it")


def _merged(events: Mapping[Place, Event]) -> set[Place]:
    """Places of events that came from a spool: they may be older than an anchor that does not know them."""
    gaps = (Payload(event.payload) for event in events.values() if event.type is EventType.RECORD_GAP_CLOSED)
    parts = ((writer, gap.part("merged").items(writer)) for gap in gaps for writer in gap.raw("merged"))
    return {Place(writer, seq) for writer, numbers in parts for seq in numbers if isinstance(seq, int)}


def _held(
    log: EventLog,
    events: Mapping[Place, Event],
    heads: Payload,
    name: str,
    moved: Mapping[Place, Sequence[Moved]],
) -> Iterator[Broken]:
    """Heads of chains that are not there, or not as they were noted."""
    for writer in heads.everything:
        head = heads.part(writer)
        place, digest = Place(writer, head.whole("seq") or 0), head.text("hash")
        if any(item.hash == digest for item in moved.get(place, ())):
            continue
        if place not in events:
            yield _at(log, place, f"removed: {name} holds it with hash {digest}")
        elif events[place].hash != digest:
            yield _at(log, place, f"replaced: {name} holds it with hash {digest}")


def _last_known(heads: Payload, moved: Mapping[Place, Sequence[Moved]]) -> dict[str, int]:
    """The last number of each chain that whoever noted ``heads`` knew of, where that event stands now."""
    known: dict[str, int] = {}
    for writer in heads.everything:
        head = heads.part(writer)
        place = Place(writer, head.whole("seq") or 0)
        digest = head.text("hash")
        known[writer] = max((item.now for item in moved.get(place, ()) if item.hash == digest), default=place.seq)
    return known


def _sealed(log: EventLog, events: Mapping[Place, Event]) -> Iterator[Broken]:
    """What a closed run lacks of its seal, or has besides it."""
    found = read_seal(log)
    if found is None:
        if closed(list(events.values())):
            reason = "removed: the run is closed and has no seal; or its last step was killed: run that again"
            yield Broken(key=keys.seal_key(log.system, log.run_id), reason=reason)
        return
    if found.at is None or not found.heads.everything:
        yield Broken(key=keys.seal_key(log.system, log.run_id), reason="changed: no seal can be read")
        return
    yield from _held(log, events, found.heads, "the seal", {})
    known = _last_known(found.heads, {})
    for place in (place for place in events if place.seq > known.get(place.writer, 0)):
        yield _at(log, place, f"added: the seal of {found.at.isoformat()} does not know it")


def _against_mirror(
    log: EventLog,
    bodies: Mapping[str, bytes],
    mirror: ObjectStore,
    index: int,
    moved: Mapping[Place, Sequence[Moved]],
) -> list[Broken]:
    """What the mirror has is right unless the store has the same; what it lacks is a gap and proves nothing.

    A copy made before its event was merged to another place is as right as the event.
    """
    try:
        copies = _read_all(mirror, mirror.list(log.prefix))
    except RecoveryError:
        return []
    copies = {key: body for key, body in copies.items() if not _was_moved(log, key, body, moved)}
    broken = [Broken(key=key, reason=f"removed: mirror {index} holds it") for key in copies if key not in bodies]
    differing = [key for key in copies if key in bodies and bodies[key] != copies[key]]
    return broken + [Broken(key=key, reason=f"differs from mirror {index}") for key in differing]


def _was_moved(log: EventLog, key: str, body: bytes, moved: Mapping[Place, Sequence[Moved]]) -> bool:
    place = log.place_of(key)
    if place is None or place not in moved:
        return False
    event, _ = _judge(log.run_id, key, place, body)
    return event is not None and any(item.hash == event.hash for item in moved[place])


def _at(log: EventLog, place: Place, reason: str) -> Broken:
    try:
        return Broken(key=log.prefix + keys.event_name(place), reason=reason)
    except RecordError:
        return Broken(key=log.prefix + keys.escaped(place.writer), reason=reason)
