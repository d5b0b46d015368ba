"""Copies of the record in further regions: best effort, so that whatever they do, the recovery goes on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog

from recovery_ops.errors import RecoveryError
from recovery_ops.record.store import ObjectStore, put_once

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """An event that a mirror does not hold. ``mirror`` counts from 0 in the order the mirrors were given."""

    mirror: int
    key: str
    reason: str


class Mirrors:
    """The mirrors of one run. One that failed is left alone until :meth:`mend`: a hanging region costs one timeout.

    ``gaps`` holds what they missed in this process, oldest first.
    """

    def __init__(self, stores: Sequence[ObjectStore], run_id: str) -> None:
        self.stores = tuple(stores)
        self.gaps: list[Gap] = []
        self._run_id = run_id
        self._silent: set[int] = set()

    def copy(self, key: str, body: bytes) -> None:
        """Copy one event to every mirror; never raises."""
        for index in range(len(self.stores)):
            self._copy(index, key, body)

    def mend(self, store: ObjectStore, prefix: str, written: Iterable[str]) -> list[Gap]:
        """Copy to every mirror what it lacks of the keys ``written``; return what could not be copied.

        Raises:
            RecoveryError: ``store`` itself cannot be read.
        """
        self._silent.clear()
        self.gaps.clear()
        wanted = list(written)
        for index in range(len(self.stores)):
            self._mend(index, store, prefix, wanted)
        return list(self.gaps)

    def _mend(self, index: int, store: ObjectStore, prefix: str, wanted: Sequence[str]) -> None:
        try:
            held = set(self.stores[index].list(prefix))
        except RecoveryError as error:
            self._silence(Gap(mirror=index, key=prefix, reason=str(error)))
            return
        for key in (key for key in wanted if key not in held):
            found = store.get(key)
            if found is not None:
                self._copy(index, key, found[0])

    def _copy(self, index: int, key: str, body: bytes) -> None:
        if index in self._silent:
            self.gaps.append(Gap(mirror=index, key=key, reason="not tried: this mirror failed before"))
            return
        try:
            if not put_once(self.stores[index], key, body):
                self.gaps.append(Gap(mirror=index, key=key, reason="the mirror holds something else under this key"))
        except Exception as error:  # noqa: BLE001  a mirror is best effort: whatever it does, the recovery goes on
            self._silence(Gap(mirror=index, key=key, reason=f"{type(error).__name__}: {error}"))

    def _silence(self, gap: Gap) -> None:
        self._silent.add(gap.mirror)
        self.gaps.append(gap)
        _log.warning("mirror of the record failed", run_id=self._run_id, key=gap.key, reason=gap.reason)
