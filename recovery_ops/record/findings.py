"""Findings of drills, runs and readiness: one object per entry, never overwritten, in the record of every region.

A region that did not answer when an entry was written lacks it; readers put the copies of all regions together.
"""

import json
from collections.abc import Iterable, Sequence

from recovery_ops.errors import RecordError, RecoveryError
from recovery_ops.model.drill_findings import DrillFinding, FindingEntry, findings_from
from recovery_ops.record import keys
from recovery_ops.record.log import put_once
from recovery_ops.record.store import ObjectStore


class Findings:
    """The findings of one system in ``store``."""

    def __init__(self, store: ObjectStore, system: str) -> None:
        self.store = store
        self.system = system

    def append(self, entry: FindingEntry) -> str:
        """Store ``entry`` and return its key. Safe to repeat.

        Raises:
            RecordError: Something else lies under the key of this entry; nothing was changed.
        """
        body = json.dumps(entry.to_json(), sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
        key = keys.finding_key(self.system, entry.finding_id, entry.at, body)
        if not put_once(self.store, key, body):
            raise RecordError(f"{key} holds something else than this entry of {entry.finding_id}")
        return key

    def entries(self) -> dict[str, FindingEntry]:
        """Return every entry by its key; one that cannot be read is left out."""
        found = {key: self._read(key) for key in self.store.list(keys.findings_prefix(self.system))}
        return {key: entry for key, entry in found.items() if entry is not None}

    def list(self) -> list[DrillFinding]:
        """Return every finding, the newest failure first."""
        return findings_from(self.entries().values())

    def _read(self, key: str) -> FindingEntry | None:
        found = self.store.get(key)
        try:
            return None if found is None else FindingEntry.from_json(json.loads(found[0]))
        except (ValueError, KeyError, TypeError):
            return None


def known_findings(stores: Sequence[ObjectStore], system: str) -> list[DrillFinding]:
    """Return the findings that all stores that answer hold together, the newest failure first.

    Raises:
        RecoveryError: No store answers; the error is that of the last one.
    """
    entries: dict[str, FindingEntry] = {}
    answered, last = False, None
    for store in stores:
        try:
            entries |= Findings(store, system).entries()
            answered = True
        except RecoveryError as error:
            last = error  # this copy of the record does not answer; another may
    if not answered and last is not None:
        raise last
    return findings_from(entries.values())


def append_everywhere(stores: Sequence[ObjectStore], system: str, entries: Iterable[FindingEntry]) -> list[str]:
    """Write ``entries`` to every store; return why a store lacks them.

    Raises:
        RecoveryError: No store took them; the error is that of the last one.
    """
    written, missed = list(entries), list[RecoveryError]()
    for store in stores:
        try:
            for entry in written:
                Findings(store, system).append(entry)
        except RecoveryError as error:
            missed.append(error)
    if missed and len(missed) == len(stores):
        raise missed[-1]
    return [error.message for error in missed]
