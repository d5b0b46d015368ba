"""An object store in memory, with the conditional writes of S3 and switches for when it must fail."""

import hashlib
import threading
from collections.abc import Callable

from recovery_ops.errors import StepInterruptedError, StepRejectedError
from recovery_ops.record.store import KeyChangedError, KeyExistsError


class InMemoryObjectStore:
    """``recovery_ops.record.store.ObjectStore`` in a dictionary; safe for threads.

    ``before`` is called with the operation's name and the key before anything happens, and may raise: that is how a
    test makes the store fail. ``damage`` and ``remove`` change objects behind the back of every condition.
    """

    def __init__(self, before: Callable[[str, str], None] | None = None) -> None:
        self.before = before
        self.calls: list[tuple[str, str]] = []
        self._objects: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def put_new(self, key: str, body: bytes) -> str:
        """Write ``key`` unless it exists; return its ETag."""
        self._note("put_new", key)
        with self._lock:
            if key in self._objects:
                raise KeyExistsError(f"{key} exists already")
            self._objects[key] = bytes(body)
        return _etag(body)

    def replace(self, key: str, body: bytes, etag: str) -> str:
        """Write ``key`` if it still has ``etag``; return the new ETag."""
        self._note("replace", key)
        with self._lock:
            if key not in self._objects or _etag(self._objects[key]) != etag:
                raise KeyChangedError(f"{key} was changed by somebody else")
            self._objects[key] = bytes(body)
        return _etag(body)

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Return content and ETag, or ``None`` when the key does not exist."""
        self._note("get", key)
        with self._lock:
            body = self._objects.get(key)
        return None if body is None else (body, _etag(body))

    def list(self, prefix: str) -> list[str]:
        """Return every key under ``prefix``, sorted."""
        self._note("list", prefix)
        with self._lock:
            return sorted(key for key in self._objects if key.startswith(prefix))

    def delete(self, key: str, etag: str) -> None:
        """Remove ``key`` if it still has ``etag``."""
        self._note("delete", key)
        with self._lock:
            if key not in self._objects or _etag(self._objects[key]) != etag:
                raise KeyChangedError(f"{key} was changed by somebody else")
            del self._objects[key]

    def damage(self, key: str, body: bytes) -> None:
        """Put ``body`` under ``key`` whatever is there, as somebody with other means would."""
        with self._lock:
            self._objects[key] = bytes(body)

    def remove(self, key: str) -> None:
        """Take ``key`` away whatever its ETag; raises ``KeyError`` when there is none."""
        with self._lock:
            del self._objects[key]

    def body(self, key: str) -> bytes:
        """Return the content of ``key`` without counting as a call; raises ``KeyError`` when there is none."""
        with self._lock:
            return self._objects[key]

    def all_keys(self) -> tuple[str, ...]:
        """Return every key, sorted, without counting as a call."""
        with self._lock:
            return tuple(sorted(self._objects))

    def _note(self, operation: str, key: str) -> None:
        self.calls.append((operation, key))
        if self.before is not None:
            self.before(operation, key)


def unreachable(operation: str, key: str) -> None:
    """Use as ``before``: every call fails as if the store did not answer."""
    raise StepInterruptedError(f"{operation} {key}: the store does not answer")


def read_only(operation: str, key: str) -> None:
    """Use as ``before``: the store answers reads and refuses every write."""
    if operation not in ("get", "list"):
        raise StepRejectedError(f"{operation} {key}: the store refused: AccessDenied")


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
