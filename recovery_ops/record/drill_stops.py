"""The stop of drills: an object in the record that keeps drills from starting and ends those that go on.

One stands for a system, one for every system whose record lies in the same bucket. Real runs never look at it.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from recovery_ops.errors import KeyChangedError, KeyExistsError, RecordError
from recovery_ops.record import keys
from recovery_ops.record.store import ATTEMPTS, ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Who stopped drills, when (aware UTC) and why. ``system`` is empty for every system."""

    system: str
    person: str
    reason: str
    at: datetime

    @property
    def told(self) -> str:
        """Return it in one line."""
        whose = f"drills of {self.system}" if self.system else "all drills"
        return f"{self.person} stopped {whose} at {self.at:%Y-%m-%d %H:%M:%S} UTC: {self.reason}"


class Stops:
    """The stops in ``store``."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def put(self, stop: Stop) -> None:
        """Stop drills; a stop that stands already is replaced."""
        body = json.dumps(
            {"person": stop.person, "reason": stop.reason, "at": stop.at.isoformat()}, sort_keys=True
        ).encode()
        key = keys.drill_stop_key(stop.system)
        for _ in range(ATTEMPTS):
            found = self._store.get(key)
            try:
                if found is None:
                    self._store.put_new(key, body)
                else:
                    self._store.replace(key, body, found[1])
            except (KeyExistsError, KeyChangedError):
                continue
            return
        raise RecordError(f"{key} changed {ATTEMPTS} times while drills were stopped")

    def lift(self, system: str) -> bool:
        """Let drills start again; return whether they were stopped. Stops of other scope stay."""
        key = keys.drill_stop_key(system)
        for _ in range(ATTEMPTS):
            found = self._store.get(key)
            if found is None:
                return False
            try:
                self._store.delete(key, found[1])
            except KeyChangedError:
                continue
            return True
        raise RecordError(f"{key} changed {ATTEMPTS} times while the stop was lifted")

    def find(self, system: str) -> Stop | None:
        """Return the stop that holds for ``system``: that of every system, or its own.

        An object that cannot be read stops too: somebody wanted something.
        """
        for scope in ("", system):
            found = self._store.get(keys.drill_stop_key(scope))
            if found is not None:
                return _read(scope, found[0])
        return None


def _read(system: str, body: bytes) -> Stop:
    try:
        facts = json.loads(body)
        at = datetime.fromisoformat(facts["at"])
        return Stop(system=system, person=str(facts["person"]), reason=str(facts["reason"]), at=at)
    except (ValueError, KeyError, TypeError):
        return Stop(system=system, person="somebody", reason="not readable", at=datetime.min.replace(tzinfo=UTC))
