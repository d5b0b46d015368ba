"""What front doors have answered, until it is reported as metrics."""

import threading
from collections import defaultdict


class Tally:
    """Requests that the front door of each region has answered since the last report. Safe from many threads."""

    def __init__(self) -> None:
        self._answered: dict[str, list[tuple[int, float]]] = defaultdict(list)
        self._lock = threading.Lock()

    def add(self, region: str, status: int, seconds: float) -> None:
        """Count one answer."""
        with self._lock:
            self._answered[region].append((status, seconds))

    def take(self, region: str) -> list[tuple[int, float]]:
        """Return the answers of ``region`` since the last call."""
        with self._lock:
            return self._answered.pop(region, [])
