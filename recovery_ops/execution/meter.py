"""How long a step worked, and how long it waited for AWS."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime


class Meter:
    """Wall seconds since it was made, which is ``began_at`` (aware UTC), split into waiting for AWS and working."""

    def __init__(self) -> None:
        self.began_at = datetime.now(UTC)
        self._begin = time.monotonic()
        self._waited_here_s = 0.0
        self._waited_before_s = 0.0
        self._waiting_since: float | None = None

    def add_waited(self, wall_s: float) -> None:
        """Count ``wall_s`` that passed for the same operation before this process looked, as while deferred."""
        self._waited_before_s += max(0.0, wall_s)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the block as waiting for AWS."""
        begin = self._waiting_since = time.monotonic()
        try:
            yield
        finally:
            self._waiting_since = None
            self._waited_here_s += time.monotonic() - begin

    def waiting_s(self) -> float:
        """Return wall seconds waited for AWS until now, in the middle of a wait too."""
        since = self._waiting_since
        here_s = self._waited_here_s + (0.0 if since is None else time.monotonic() - since)
        return here_s + self._waited_before_s

    @property
    def waited_s(self) -> float:
        """Return wall seconds waited for AWS."""
        return round(self._waited_here_s + self._waited_before_s, 3)

    @property
    def worked_s(self) -> float:
        """Return wall seconds of our own work."""
        return round(time.monotonic() - self._begin - self._waited_here_s, 3)
