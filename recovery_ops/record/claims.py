"""Claims: which run may change a system now.

One object per (system, slot), only ever replaced by compare-and-swap. Releasing leaves the object behind as a
tombstone, so that the epoch only grows: whoever holds an older epoch has lost, however late it wakes up.

A store that refuses writes still tells who holds what: a run rests on the claim it has (:meth:`Claims.hold`) and checks
before every change. A run into another region does not pass by a claim whose lease is over but writes over it
(:meth:`Claims.bury`). A store that does not answer tells nothing, so nothing may be changed, whatever lease there was.

An answer that was lost is no answer: what a write did is then read back, so that nobody takes his own claim for that of
somebody else.

AWS calls take no fencing token. A process that passed :meth:`Claims.check` and is then suspended can still send one
call after losing the claim; calls are named idempotently so that this one call does no harm.
"""

import enum
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from recovery_ops.errors import (
    ClaimLostError,
    KeyChangedError,
    KeyExistsError,
    RecordError,
    RecoveryError,
    RunActiveError,
    StepInterruptedError,
)
from recovery_ops.record import envelope, keys
from recovery_ops.record.store import ObjectStore

ATTEMPTS = 16


class Slot(enum.StrEnum):
    """What a run claims: the system itself, or its drill. Both can be held at once."""

    PRODUCTION = "production"
    DRILL = "drill"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right of one run to change one system. Times are aware UTC.

    ``epoch`` counts from 1 and grows whenever the claim passes to another run or is taken again after a release.
    ``until`` ends the lease: from then on another run may take the claim over. ``process`` is the process of the run
    that entered the claim last, as :mod:`recovery_ops.execution.runners` names it. ``taken_from`` is the run whose
    lease was over when this one took its claim.
    """

    system: str
    slot: str
    run_id: str
    holder: str
    epoch: int
    since: datetime
    until: datetime
    released: bool = False
    process: str = ""
    taken_from: str = ""

    def expired(self, now: datetime) -> bool:
        """Return whether the lease is over at ``now``."""
        return now >= self.until

    def to_json(self) -> dict[str, object]:
        """Return plain JSON values; times as ISO 8601 in UTC."""
        facts = {name: getattr(self, name) for name in self.__slots__}
        return facts | {"since": self.since.isoformat(), "until": self.until.isoformat()}

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> "Claim":
        """Rebuild a claim from :meth:`to_json`; raises ``KeyError``, ``TypeError`` or ``ValueError`` if it is none."""
        epoch = value["epoch"]
        if not isinstance(epoch, int):
            raise TypeError(f"epoch is {epoch!r}")
        return cls(
            **{name: str(value[name]) for name in ("system", "slot", "run_id", "holder")},
            epoch=epoch,
            since=envelope.in_utc(datetime.fromisoformat(str(value["since"]))),
            until=envelope.in_utc(datetime.fromisoformat(str(value["until"]))),
            released=value["released"] is True,
            process=str(value.get("process", "")),
            taken_from=str(value.get("taken_from", "")),
        )


class Claims:
    """Acquire, check, renew and release claims kept in ``store``.

    Every method raises the store's ``RecoveryError`` when the store does not answer; the claim is then as it was or as
    asked for, and repeating the call is safe.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def acquire(
        self, system: str, slot: str, run_id: str, holder: str, lease_s: float, now: datetime, *, process: str = ""
    ) -> Claim:
        """Take the claim, renew it when ``run_id`` holds it already, or take it over when its lease is over.

        Args:
            system: Name of the system.
            slot: ``production`` or ``drill``.
            run_id: The run that will change the system.
            holder: Who is to be told to others: a person or a process.
            lease_s: How long the claim holds without a renewal, wall seconds.
            now: The present time, aware.
            process: Which process asks, for whoever wants to know later whether it still lives.

        Raises:
            RunActiveError: Another run holds it; facts ``holder``, ``since``, ``run_id``.
        """
        wanted = Claim(
            system=system, slot=Slot(slot), run_id=run_id, holder=holder, epoch=1,
            since=envelope.in_utc(now), until=_until(now, lease_s), process=process,
        )  # fmt: skip
        return self._insist(wanted, lambda: self._try(wanted, envelope.in_utc(now)))

    def take_over(self, claim: Claim, *, process: str, lease_s: float, now: datetime) -> Claim:
        """Give the claim that a run holds to another process of the same run, under a new epoch.

        Whoever acts for the run with the old epoch has lost from then on. ``claim`` is what was seen before; a process
        that asks again, not knowing what came of it, gets what it has.

        Raises:
            ClaimLostError: The claim has changed hands since it was seen; nothing was changed.
        """
        found = self._find(claim.system, claim.slot)
        if found is not None and _took_over(found[0], claim, process):
            return self.renew(found[0], lease_s, now)
        if found is None or not _same(found[0], claim) or found[0].released or found[0].until != claim.until:
            raise _lost(claim, None if found is None else found[0])
        taken = replace(found[0], epoch=claim.epoch + 1, until=_until(now, lease_s), process=process)
        if not self._swap(taken, found[1]):
            raise _lost(claim, found[0])
        return taken

    def preempt(self, system: str, slot: str, by_run: str, holder: str, now: datetime) -> Claim | None:
        """Take the claim away from whatever run holds it; return what it held, or ``None`` when it was free.

        The slot is free afterwards, under a new epoch: the run that had it fails its next check.
        """
        for _ in range(ATTEMPTS):
            found = self._find(system, slot)
            if found is None or found[0].released or found[0].run_id == by_run:
                return None
            held, etag = found
            if self._swap(_tombstone(held, by_run, holder, now), etag):
                return held
        raise RecordError(f"the {slot} claim of {system} changed {ATTEMPTS} times while run {by_run} pre-empted it")

    def _insist(self, wanted: Claim, attempt: Callable[[], Claim | None]) -> Claim:
        for _ in range(ATTEMPTS):
            taken = attempt()
            if taken is not None:
                return taken
        where = f"the {wanted.slot} claim of {wanted.system}"
        raise RecordError(f"{where} changed {ATTEMPTS} times while run {wanted.run_id} asked for it")

    def check(self, claim: Claim) -> None:
        """Return when ``claim`` still stands, whatever its lease says: nobody else has taken it.

        Raises:
            ClaimLostError: It was released or another run has it; this process must not change anything any more.
        """
        found = self._find(claim.system, claim.slot)
        if found is None or not _same(found[0], claim) or found[0].released:
            raise _lost(claim, None if found is None else found[0])

    def hold(
        self, system: str, slot: str, run_id: str, holder: str, lease_s: float, now: datetime, *, process: str = ""
    ) -> Claim:
        """Do what :meth:`acquire` does; when the store takes no writes, rest on the claim that ``run_id`` still has.

        A lease that is over changes nothing then: whoever wants the system has to write over this claim first, in this
        store, and the check before every change sees that.

        Raises:
            RunActiveError: Another run holds it.
            StepInterruptedError: The store takes no writes and the run has no claim, or it does not answer at all.
                Nothing may be changed; the claim can be held again once the store takes writes.
        """
        try:
            return self.acquire(system, slot, run_id, holder, lease_s, now, process=process)
        except (RunActiveError, RecordError):
            raise
        except RecoveryError as error:
            held = self.holder(system, slot)
            if held is None or held.run_id != run_id:
                message = f"run {run_id} has no {slot} claim of {system} and gets none: {error.message}"
                raise StepInterruptedError(message, run_id=run_id, system=system) from error
            return held

    def bury(self, claim: Claim, by_run: str, holder: str, now: datetime) -> bool:
        """Take ``claim``, whose lease is over, away from its run; return whether it is gone.

        A run that could not renew notices at its next check. Nothing happens to a claim that was renewed meanwhile.

        Raises:
            RecoveryError: The store takes no writes: the run may go on with it.
        """
        found = self._find(claim.system, claim.slot)
        if found is None or found[0].released:
            return True
        if found[0] != claim or not claim.expired(now):
            return False
        return self._swap(_tombstone(claim, by_run, holder, now), found[1])

    def renew(self, claim: Claim, lease_s: float, now: datetime) -> Claim:
        """Extend the lease of ``claim`` to ``lease_s`` wall seconds from ``now``; return the renewed claim.

        Raises:
            ClaimLostError: It was released or another run has it.
        """
        for _ in range(ATTEMPTS):
            found = self._find(claim.system, claim.slot)
            if found is None or not _same(found[0], claim) or found[0].released:
                raise _lost(claim, None if found is None else found[0])
            renewed = replace(found[0], until=max(found[0].until, _until(now, lease_s)))
            if self._swap(renewed, found[1]):
                return renewed
        raise RecordError(f"the {claim.slot} claim of {claim.system} changed {ATTEMPTS} times while it was renewed")

    def release(self, claim: Claim, now: datetime | None = None) -> None:
        """Give ``claim`` back; when it was given back before, or is somebody else's by now, nothing happens."""
        ended = datetime.now(UTC) if now is None else envelope.in_utc(now)
        for _ in range(ATTEMPTS):
            found = self._find(claim.system, claim.slot)
            if found is None or not _same(found[0], claim) or found[0].released:
                return
            if self._swap(replace(found[0], released=True, until=ended), found[1]):
                return
        raise RecordError(f"the {claim.slot} claim of {claim.system} changed {ATTEMPTS} times while it was released")

    def holder(self, system: str, slot: str) -> Claim | None:
        """Return who has the claim, even if the lease is over, or ``None`` when it is free."""
        found = self._find(system, slot)
        return None if found is None or found[0].released else found[0]

    def _try(self, wanted: Claim, now: datetime) -> Claim | None:
        found = self._find(wanted.system, wanted.slot)
        if found is None:
            return wanted if self._create(wanted) else None
        held, etag = found
        if held.released or (held.run_id != wanted.run_id and held.expired(now)):
            taken = replace(wanted, epoch=held.epoch + 1, taken_from="" if held.released else held.run_id)
        elif held.run_id == wanted.run_id:
            taken = replace(held, until=max(held.until, wanted.until), process=wanted.process or held.process)
        else:
            raise _active(held)
        return taken if self._swap(taken, etag) else None

    def _find(self, system: str, slot: str) -> tuple[Claim, str] | None:
        key = keys.claim_key(system, slot)
        found = self._store.get(key)
        if found is None:
            return None
        try:
            return Claim.from_json(json.loads(found[0])), found[1]
        except (KeyError, TypeError, ValueError) as error:
            raise RecordError(f"{key} holds no claim that can be read: {type(error).__name__}: {error}") from error

    def _create(self, claim: Claim) -> bool:
        key, body = keys.claim_key(claim.system, claim.slot), envelope.canonical(claim.to_json())
        return self._stands_after(claim, lambda: self._store.put_new(key, body))

    def _swap(self, claim: Claim, etag: str) -> bool:
        """Write ``claim`` in the place of what has ``etag``; return whether it stands there."""
        key, body = keys.claim_key(claim.system, claim.slot), envelope.canonical(claim.to_json())
        return self._stands_after(claim, lambda: self._store.replace(key, body, etag))

    def _stands_after(self, claim: Claim, write: Callable[[], object]) -> bool:
        """A client that lost the answer asks again itself, and is then refused because of its own first write."""
        try:
            write()
        except (KeyExistsError, KeyChangedError):
            return self._is_written(claim)
        except StepInterruptedError:
            if not self._is_written(claim):
                raise
        return True

    def _is_written(self, claim: Claim) -> bool:
        found = self._find(claim.system, claim.slot)
        return found is not None and found[0] == claim


def _until(now: datetime, lease_s: float) -> datetime:
    return envelope.in_utc(now) + timedelta(seconds=lease_s)


def _tombstone(held: Claim, by_run: str, holder: str, now: datetime) -> Claim:
    return replace(
        held, run_id=by_run, holder=holder, epoch=held.epoch + 1, since=envelope.in_utc(now),
        until=envelope.in_utc(now), released=True, process="", taken_from="",
    )  # fmt: skip


def _same(found: Claim, claim: Claim) -> bool:
    return (found.run_id, found.epoch) == (claim.run_id, claim.epoch)


def _took_over(found: Claim, seen: Claim, process: str) -> bool:
    """Return whether ``process`` has taken over already what it saw as ``seen``."""
    mine = bool(process) and found.process == process and not found.released
    return mine and (found.run_id, found.epoch) == (seen.run_id, seen.epoch + 1)


def _active(held: Claim) -> RunActiveError:
    since, until = held.since.isoformat(), held.until.isoformat()
    return RunActiveError(
        f"run {held.run_id} of {held.system} is open: {held.holder} has the {held.slot} claim since {since}, "
        f"its lease ends at {until}",
        holder=held.holder,
        since=since,
        run_id=held.run_id,
    )


def _lost(claim: Claim, found: Claim | None) -> ClaimLostError:
    if found is None:
        now = "there is no claim object any more"
    elif found.released and _same(found, claim):
        now = "it was released"
    else:
        now = f"run {found.run_id} ({found.holder}) has epoch {found.epoch}"
    return ClaimLostError(
        f"run {claim.run_id} lost the {claim.slot} claim of {claim.system} (epoch {claim.epoch}): {now}",
        run_id=claim.run_id,
        epoch=claim.epoch,
    )
