"""Injected faults: which region or service fails, how, and for whom."""

import random
import re
import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault. ``services`` empty means the whole region, ``operations`` empty every call of them (``PutObject``).

    ``callers`` limits it to matching user agents.

    ``seconds`` is how long ``hang`` holds a connection (``None``: until healed or the client leaves) and how much
    ``latency`` adds. ``probability`` is the share of requests that are hit, 0 to 1.
    """

    region: str
    mode: str
    services: frozenset[str] = frozenset()
    operations: frozenset[str] = frozenset()
    probability: float = 1.0
    seconds: float | None = None
    callers: str = ""

    def hits(self, service: str, caller: str, operation: str = "") -> bool:
        """Return whether a request of ``caller`` to ``service`` is hit; random when ``probability`` is below 1."""
        if self.services and service not in self.services:
            return False
        if self.operations and operation not in self.operations:
            return False
        if self.callers and not re.search(self.callers, caller):
            return False
        return self.probability >= 1.0 or random.random() < self.probability  # noqa: S311 - not for secrets


class Faults:
    """The faults in force. Safe to use from many threads."""

    MODES = ("reset", "503", "hang", "throttle", "latency")

    def __init__(self) -> None:
        self._faults: dict[tuple[str, frozenset[str], str], Fault] = {}
        self._lock = threading.Lock()

    def inject(self, fault: Fault) -> None:
        """Put ``fault`` in force; replaces the one for the same region, services and callers."""
        if fault.mode not in self.MODES:
            raise ValueError(f"unknown fault mode {fault.mode!r}; one of {', '.join(self.MODES)}")
        with self._lock:
            self._faults[(fault.region, fault.services, fault.callers)] = fault

    def heal(self, region: str | None = None, callers: str | None = None) -> None:
        """Remove the faults of ``region``, or of all; with ``callers`` only those for exactly these."""
        with self._lock:
            self._faults = {
                key: fault
                for key, fault in self._faults.items()
                if region not in (None, fault.region) or callers not in (None, fault.callers)
            }

    def all(self) -> list[Fault]:
        """Return the faults in force."""
        with self._lock:
            return list(self._faults.values())

    def find(self, region: str, service: str, caller: str, operation: str = "") -> Fault | None:
        """Return the fault that hits this request, if any."""
        return next((f for f in self.all() if f.region == region and f.hits(service, caller, operation)), None)

    def is_down(self, region: str, service: str | None = None) -> bool:
        """Return whether ``region`` (or one ``service`` in it) is out for everybody."""
        out = [f for f in self.all() if f.region == region and f.mode in ("reset", "503", "hang")]
        whole = [f for f in out if not (f.callers or f.operations) and f.probability >= 1]
        return any(not f.services or service in f.services for f in whole)
