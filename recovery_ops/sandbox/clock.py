"""Scaled time: everything that takes minutes in AWS takes ``factor`` times as long here."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)


class ScaledClock:
    """Run callbacks after a modelled delay, in one background thread, in order of their due time.

    A factor of 0 makes every delay nothing: callbacks run as soon as the thread gets to them.
    """

    def __init__(self, factor: float) -> None:
        self.factor = factor
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._changed = threading.Condition()
        self._counter = itertools.count()
        self._stopped = False
        threading.Thread(target=self._run, name="sandbox-clock", daemon=True).start()

    def later(self, modelled_s: float, call: Callable[[], None]) -> None:
        """Run ``call`` once, ``modelled_s`` AWS seconds from now."""
        self.later_wall(modelled_s * self.factor, call)

    def later_wall(self, wall_s: float, call: Callable[[], None]) -> None:
        """Run ``call`` once, ``wall_s`` real seconds from now."""
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + wall_s, next(self._counter), call))
            self._changed.notify()

    def stop(self) -> None:
        """End the thread; what is still due never runs."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def _run(self) -> None:
        while (call := self._next()) is not None:
            try:
                call()
            except Exception:  # the edge of the thread: one broken callback must not stop the others
                log.exception("sandbox callback failed", callback=repr(call))

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._stopped:
                if not self._due:
                    self._changed.wait()
                elif (delay := self._due[0][0] - time.monotonic()) > 0:
                    self._changed.wait(delay)
                else:
                    return heapq.heappop(self._due)[2]
        return None
