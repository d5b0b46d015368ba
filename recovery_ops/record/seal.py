"""The seal of a run: the heads of all its chains, beside the events and not among them.

An anchor is itself an event, so the last of them is covered by nothing. The seal covers it: whatever is removed or
added afterwards is found, and so is a seal that is gone, because the record says that the run was closed.
"""

import json
from dataclasses import dataclass
from datetime import datetime

import structlog

from recovery_ops.errors import KeyChangedError, KeyExistsError, RecordError, RecoveryError
from recovery_ops.model.events import Event, EventType
from recovery_ops.record import envelope, keys
from recovery_ops.record.log import EventLog
from recovery_ops.record.merging import merge
from recovery_ops.record.payload import Payload
from recovery_ops.record.store import ATTEMPTS, ObjectStore

CLOSE = "close"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """When the run was sealed, aware UTC (``None`` if it cannot be read), and the heads of its chains then."""

    at: datetime | None
    heads: Payload


def seal(log: EventLog) -> None:
    """Write the heads of all chains beside the events, in place of an older seal; copies in mirrors are best effort.

    Raises:
        RecordError: Events still wait in the spool; the record is not whole.
        RecoveryError: The store does not take it; the seal is as it was.
    """
    if log.spool is not None and log.spool.waits():
        raise RecordError(f"run {log.run_id} of {log.system} cannot be sealed: events of it wait in the spool")
    log.forget()
    facts = {"run_id": log.run_id, "at": log.clock().isoformat(), "heads": log.heads()}
    body = envelope.canonical(facts)
    _put(log.store, log, body)
    for mirror in log.mirrors:
        try:
            _put(mirror, log, body)
        except RecoveryError as error:
            _log.warning("a copy of the seal was not written", run_id=log.run_id, reason=str(error))


def complete(log: EventLog) -> bool:
    """Merge what waits, and seal a closed run after something was appended to it; copy to mirrors what they lack.

    Never raises: facts that are written stay written, and verification says what is missing.

    Returns:
        Whether the run is closed and sealed now.
    """
    sealed = False
    try:
        merge(log)
        if closed(log.events_of(f"{CLOSE}#")):
            seal(log)
            sealed = True
        log.mend_mirrors()
    except RecoveryError as error:
        _log.warning("the record is not complete", run_id=log.run_id, reason=str(error))
    return sealed


def closed(events: list[Event]) -> bool:
    """Return whether the step that closes a run has succeeded, so that there must be a seal."""
    return any(event.type is EventType.STEP_SUCCEEDED and event.payload.get("step") == CLOSE for event in events)


def read_seal(log: EventLog) -> Seal | None:
    """Return the seal of a run, or ``None`` when there is none; one that cannot be read holds nothing."""
    found = log.store.get(keys.seal_key(log.system, log.run_id))
    if found is None:
        return None
    try:
        facts = Payload(json.loads(found[0]))
    except ValueError:
        facts = Payload({})
    return Seal(at=facts.time("at"), heads=facts.part("heads"))


def _put(store: ObjectStore, log: EventLog, body: bytes) -> None:
    key = keys.seal_key(log.system, log.run_id)
    for _ in range(ATTEMPTS):
        found = store.get(key)
        try:
            if found is None:
                store.put_new(key, body)
            else:
                store.replace(key, body, found[1])
        except (KeyExistsError, KeyChangedError):
            continue
        return
    raise RecordError(f"the seal of run {log.run_id} of {log.system} changed {ATTEMPTS} times while it was written")
