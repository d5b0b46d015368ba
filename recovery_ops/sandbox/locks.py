"""One lock per AWS service: moto loses writes under threads without it."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_guard = threading.Lock()
_locks: dict[str, threading.RLock] = defaultdict(threading.RLock)


@contextmanager
def of(*services: str) -> Iterator[None]:
    """Hold the locks of ``services``, taken in one order everywhere. Re-entrant within a thread."""
    with _guard:
        locks = [_locks[service] for service in sorted(set(services))]
    with ExitStack() as held:
        for lock in locks:
            held.enter_context(lock)
        yield


@contextmanager
def all_of() -> Iterator[None]:
    """Hold the locks of every service used so far: nothing in moto changes meanwhile."""
    with _guard:
        names = tuple(_locks)
    with of(*names):
        yield
