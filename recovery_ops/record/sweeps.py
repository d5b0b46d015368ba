"""Readiness sweeps of a system: one object per sweep, never overwritten, read newest first.

Sweeps lie in the record of every region that answers, so that the one that is left still says what was known.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from recovery_ops.errors import KeyExistsError, RecordError, RecoveryError
from recovery_ops.model.readiness import Sweep
from recovery_ops.record import keys
from recovery_ops.record.store import ObjectStore


class Sweeps:
    """The sweeps of one system in ``store``."""

    def __init__(self, store: ObjectStore, system: str) -> None:
        self.store = store
        self.system = system

    def write(self, sweep: Sweep) -> str:
        """Store ``sweep`` and return its key. Safe to repeat.

        Raises:
            RecordError: Another sweep of the same microsecond is there already; nothing was changed.
        """
        key = keys.sweep_key(self.system, sweep.at)
        body = json.dumps(sweep.to_json(), sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
        try:
            self.store.put_new(key, body)
        except KeyExistsError as error:
            found = self.store.get(key)
            if found is None or found[0] != body:
                raise RecordError(f"{key} holds another sweep of {self.system}") from error
        return key

    def times(self) -> list[datetime]:
        """Return when sweeps were made (UTC), newest first."""
        found = (keys.sweep_time(key) for key in self.store.list(keys.sweeps_prefix(self.system)))
        return sorted((at for at in found if at is not None), reverse=True)

    def list(self, limit: int = 20) -> list[Sweep]:
        """Return the newest ``limit`` sweeps, newest first; one that cannot be read is left out."""
        found: list[Sweep] = []
        for at in self.times():
            if len(found) >= limit:
                break
            if (sweep := self.read(at)) is not None:
                found.append(sweep)
        return found

    def latest(self) -> Sweep | None:
        """Return the newest sweep that can be read, or ``None`` when there is none."""
        return next(iter(self.list(limit=1)), None)

    def read(self, at: datetime) -> Sweep | None:
        """Return the sweep of exactly this time; ``None`` when there is none, or it is of another version."""
        found = self.store.get(keys.sweep_key(self.system, at))
        if found is None:
            return None
        try:
            return Sweep.from_json(json.loads(found[0]))
        except (ValueError, KeyError, TypeError):
            return None


def newest_sweep(stores: Sequence[ObjectStore], system: str) -> Sweep | None:
    """Return the newest sweep over all stores that answer, or ``None``."""
    found: list[Sweep] = []
    for store in stores:
        try:
            latest = Sweeps(store, system).latest()
        except RecoveryError:
            continue  # this copy of the record does not answer; another may
        found += [latest] if latest is not None else []
    return max(found, key=lambda sweep: sweep.at, default=None)


def is_stale(sweep: Sweep, now: datetime, every_s: float) -> bool:
    """Return whether ``sweep`` is older than three times the cadence of sweeps (wall seconds): nobody asks any more."""
    return (now.astimezone(UTC) - sweep.at).total_seconds() > 3 * every_s
