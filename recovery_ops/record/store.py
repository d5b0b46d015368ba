"""What the record needs from an object store: a port that ``aws`` implements on S3 and ``testing`` in memory.

Besides the errors named here, an implementation may raise any :class:`~recovery_ops.errors.RecoveryError` when the
store does not answer or refuses; whether a write took effect is then not known, and repeating it is safe.
"""

from typing import Protocol

from recovery_ops.errors import KeyChangedError, KeyExistsError

__all__ = ["KeyChangedError", "KeyExistsError", "ObjectStore"]


class ObjectStore(Protocol):
    """Small objects under string keys, written conditionally. Safe to call from several threads at once."""

    def put_new(self, key: str, body: bytes) -> str:
        """Write ``key`` unless it exists; return its ETag.

        Raises:
            KeyExistsError: The key is taken, or a concurrent write to it is under way; nothing was changed.
        """
        ...

    def replace(self, key: str, body: bytes, etag: str) -> str:
        """Write ``key`` if it still has ``etag``; return the new ETag.

        Raises:
            KeyChangedError: The key has another ETag or is gone; nothing was changed.
        """
        ...

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Return content and ETag, or ``None`` when the key does not exist."""
        ...

    def list(self, prefix: str) -> list[str]:
        """Return every key that starts with ``prefix``, sorted, however many there are."""
        ...

    def delete(self, key: str, etag: str) -> None:
        """Remove ``key`` if it still has ``etag``.

        Raises:
            KeyChangedError: The key has another ETag or is gone; nothing was changed.
        """
        ...


ATTEMPTS = 16
"""How often a conditional write that somebody else keeps overtaking is tried."""


def put_once(store: ObjectStore, key: str, body: bytes) -> bool:
    """Write ``key`` unless it exists; return whether it now holds ``body``, whoever wrote it."""
    try:
        store.put_new(key, body)
    except KeyExistsError:
        found = store.get(key)
        return found is not None and found[0] == body
    return True
