"""What detection remembers and what people have said about it: two small objects per system, in every region.

The newest copy counts. A region that does not answer keeps an old copy, which loses when it is back.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from recovery_ops.errors import KeyChangedError, KeyExistsError, RecordError, RecoveryError
from recovery_ops.model.detection import Override, Watch
from recovery_ops.record import keys
from recovery_ops.record.store import ATTEMPTS, ObjectStore


class Watches:
    """The memory of one system in ``stores``: the record of every region that answers."""

    def __init__(self, stores: Sequence[ObjectStore], system: str) -> None:
        self.stores, self.system = stores, system

    def read(self) -> Watch:
        """Return what was remembered last; an empty one before the first look."""
        found = self._newest(keys.watch_key(self.system))
        return Watch.from_json(found) if found else Watch()

    def write(self, watch: Watch, now: datetime) -> None:
        """Remember ``watch`` wherever the record answers; raises ``RecordError`` when it answers nowhere."""
        self._write(keys.watch_key(self.system), watch.to_json(), now)

    def override(self) -> Override | None:
        """Return the last word of a person, or ``None`` when nobody said anything."""
        found = self._newest(keys.override_key(self.system))
        if found is None:
            return None
        facts = {name: found[name] for name in ("paused", "person", "reason")}
        return Override(**facts, at=datetime.fromisoformat(found["at"]))

    def say(self, override: Override) -> None:
        """Let ``override`` be the last word; raises ``RecordError`` when the record answers nowhere."""
        self._write(keys.override_key(self.system), asdict(override) | {"at": override.at.isoformat()}, override.at)

    def _newest(self, key: str) -> Mapping[str, Any] | None:
        found: list[Mapping[str, Any]] = []
        silent: list[str] = []
        for store in self.stores:
            try:
                held = store.get(key)
            except RecoveryError as error:
                silent.append(error.message)
                continue
            found += [json.loads(held[0])] if held else []
        if len(silent) == len(self.stores):
            raise RecordError(f"{self.system}: what detection remembers cannot be read: {'; '.join(silent)}")
        return max(found, key=lambda item: str(item["written_at"]), default=None)

    def _write(self, key: str, facts: Mapping[str, Any], now: datetime) -> None:
        body = json.dumps({**facts, "written_at": now.isoformat()}, sort_keys=True).encode()
        refused: list[str] = []
        for store in self.stores:
            try:
                _put(store, key, body)
            except RecoveryError as error:
                refused.append(error.message)
        if len(refused) == len(self.stores):
            raise RecordError(f"{self.system}: {key} was written nowhere: {'; '.join(refused)}")


def _put(store: ObjectStore, key: str, body: bytes) -> None:
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
    raise RecordError(f"{key} changed {ATTEMPTS} times while it was written")
