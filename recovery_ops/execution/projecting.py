"""Keep the PostgreSQL projection in step with the log, as far as it can be reached. It is never needed.

A thread of its own takes events in, all that have come together at once: a step that records forty checks waits for
none of them. Folding a run costs processor time that the step wants itself, so it is done in a measured pace, and a
step that succeeded leaves its last events to the fold of the next one. What a killed process did not hand over is made
good when the run closes.
"""

import functools
import os
import threading
import time
from collections.abc import Callable

import structlog

from recovery_ops.errors import RecordError
from recovery_ops.model.events import Event
from recovery_ops.model.settings import Settings
from recovery_ops.record.log import EventLog
from recovery_ops.record.projection import Projection

log = structlog.get_logger(__name__)

SETTLE_S = 3.0
"""How long the end of a step waits for the database: one connection attempt and one statement."""
PACE_S = 0.5
"""How long events gather before a run is folded again; dashboards look every 2 s."""
QUIET_S = 30.0
"""How long a database that failed is left alone."""


class Follower:
    """Hand events to ``projection`` in the background; after a failure drop them for :data:`QUIET_S`.

    Dropped events are no loss: the record holds them, and :func:`catch_up` makes the projection whole.
    """

    def __init__(self, projection: Projection) -> None:
        self._projection = projection
        self._pending: list[tuple[Event, str]] = []
        self._changed = threading.Condition()
        self._noting = self._folding = self._hurry = False
        self._quiet_until = float("-inf")
        self._thread: threading.Thread | None = None

    def take(self, event: Event, system: str) -> None:
        """Note an event for the thread; returns at once."""
        with self._changed:
            if self._silent():
                return
            self._pending.append((event, system))
            if self._thread is None:
                self._thread = threading.Thread(target=self._follow, name="projection", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def settle(self, limit_s: float = SETTLE_S, *, fold: bool = True) -> bool:
        """Wait until everything taken is in the database; return whether it is.

        Args:
            limit_s: Wall seconds to wait at most.
            fold: ``False`` leaves what follows from the last events to whoever folds the run next.
        """
        if not fold:
            self._note(self._taken())
        end = time.monotonic() + limit_s
        with self._changed:
            self._hurry = fold
            self._changed.notify_all()
            while self._busy(fold=fold) and not self._silent() and time.monotonic() < end:
                self._changed.wait(max(0.0, end - time.monotonic()))
            self._hurry = False
            return not (self._busy(fold=fold) or self._silent())

    def _busy(self, *, fold: bool) -> bool:
        return bool(self._pending) or self._noting or (fold and self._folding)

    def _silent(self) -> bool:
        return time.monotonic() < self._quiet_until

    def _follow(self) -> None:
        self._try(self._projection.connect)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._pending))
                self._changed.wait_for(lambda: self._hurry, PACE_S)
                self._noting = self._folding = True
            batch = self._taken()
            self._note(batch)
            with self._changed:
                self._noting = False
                self._changed.notify_all()
            for run_id in {event.run_id for event, _ in batch}:
                self._try(functools.partial(self._projection.refresh, run_id))
            with self._changed:
                self._folding = False
                self._changed.notify_all()

    def _taken(self) -> list[tuple[Event, str]]:
        with self._changed:
            batch, self._pending = self._pending, []
            return batch

    def _note(self, batch: list[tuple[Event, str]]) -> None:
        runs: dict[tuple[str, str], list[Event]] = {}
        for event, system in batch:
            runs.setdefault((event.run_id, system), []).append(event)
        for (_, system), events in runs.items():
            self._try(functools.partial(self._projection.note_all, events, system=system))

    def _try(self, call: Callable[[], None]) -> None:
        """Call the database unless it failed a moment ago."""
        if self._silent():
            return
        try:
            call()
        except Exception as error:  # noqa: BLE001  the projection is a reader: whatever it does, the recovery goes on
            with self._changed:
                self._quiet_until, self._pending = time.monotonic() + QUIET_S, []
                self._changed.notify_all()
            log.warning("projection is behind", error=f"{type(error).__name__}: {error}")


@functools.cache
def _follower(url: str, _pid: int) -> Follower:
    """One per process: a thread does not survive a fork."""
    return Follower(Projection(url))


def _ours() -> Follower | None:
    url = Settings.from_environment().database_url
    return _follower(url, os.getpid()) if url else None


def observers(system: str) -> list[Callable[[Event], None]]:
    """Return what must see every appended event of ``system``: the projection when a database is set, else nothing."""
    follower = _ours()
    return [functools.partial(follower.take, system=system)] if follower else []


def settle(*, fold: bool) -> None:
    """Wait a moment until the projection has what this process recorded; see :meth:`Follower.settle`."""
    if (follower := _ours()) is not None:
        follower.settle(fold=fold)


def catch_up(run: EventLog) -> bool:
    """Replace everything the projection holds of a run by its events; return whether that was possible.

    Raises:
        RecoveryError: The events cannot be read.
    """
    url = Settings.from_environment().database_url
    if not url:
        return False
    events = run.events()
    try:
        Projection(url).rebuild({run.run_id: events}, system=run.system)
    except RecordError as error:
        log.warning("projection is behind", run_id=run.run_id, error=error.message)
        return False
    return True
