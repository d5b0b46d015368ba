"""Keep the PostgreSQL projection in step with the log, as far as it can be reached. It is never needed.

A thread of its own takes events in, all that have come together at once: a step that records forty checks waits for
none of them. What a killed process did not hand over is made good when the run closes.
"""

import functools
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import structlog

from recovery_ops.errors import RecordError
from recovery_ops.model.events import Event
from recovery_ops.model.settings import Settings
from recovery_ops.record.projection import Projection

log = structlog.get_logger(__name__)

SETTLE_S = 3.0
"""How long the end of a step waits for the database: one connection attempt and one statement."""
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
        self._busy = False
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

    def settle(self, limit_s: float = SETTLE_S) -> bool:
        """Wait until everything noted is in the database; return whether it is."""
        end = time.monotonic() + limit_s
        with self._changed:
            while (self._pending or self._busy) and not self._silent() and time.monotonic() < end:
                self._changed.wait(max(0.0, end - time.monotonic()))
            return not (self._pending or self._busy or self._silent())

    def _silent(self) -> bool:
        return time.monotonic() < self._quiet_until

    def _follow(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._pending))
                batch, self._pending, self._busy = self._pending, [], True
            failure = self._apply(batch)
            with self._changed:
                self._busy = False
                if failure is not None:
                    self._quiet_until, self._pending = time.monotonic() + QUIET_S, []
                    log.warning("projection is behind", error=failure)
                self._changed.notify_all()

    def _apply(self, batch: list[tuple[Event, str]]) -> str | None:
        runs: dict[tuple[str, str], list[Event]] = {}
        for event, system in batch:
            runs.setdefault((event.run_id, system), []).append(event)
        try:
            for (_, system), events in runs.items():
                self._projection.apply_all(events, system=system)
        except Exception as error:  # noqa: BLE001  the projection is a reader: whatever it does, the recovery goes on
            return f"{type(error).__name__}: {error}"
        return None


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


@contextmanager
def settled() -> Iterator[None]:
    """Wait a moment, after the block, until the projection has what this process recorded."""
    try:
        yield
    finally:
        if (follower := _ours()) is not None:
            follower.settle()


def catch_up(run_id: str, system: str, events: Iterable[Event]) -> bool:
    """Replace everything the projection holds of a run by its events; return whether that was possible."""
    url = Settings.from_environment().database_url
    if not url:
        return False
    try:
        Projection(url).rebuild({run_id: events}, system=system)
    except RecordError as error:
        log.warning("projection is behind", run_id=run_id, error=error.message)
        return False
    return True
