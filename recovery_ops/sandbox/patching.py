"""Replacing parts of moto in a way that fails at start when moto has changed."""

from typing import Any

_ORIGINAL = "_recovery_ops_original"


def original(owner: Any, name: str) -> Any:
    """Return ``owner.name`` as moto ships it, also after it was replaced.

    Raises:
        AttributeError: moto has no such symbol any more; the pinned version was changed without a look at the overlays.
    """
    if not hasattr(owner, name):
        raise AttributeError(f"moto has no {owner!r}.{name}; the sandbox is written for the pinned version of moto")
    current = getattr(owner, name)
    return getattr(current, _ORIGINAL, current)


def replace(owner: Any, name: str, value: Any) -> None:
    """Put ``value`` in the place of ``owner.name``, which has to exist; replacing again keeps the first original."""
    before = original(owner, name)
    setattr(value, _ORIGINAL, before)
    setattr(owner, name, value)


def add(owner: Any, name: str, value: Any) -> None:
    """Add ``value`` as ``owner.name``, which moto must not have: else it learnt the operation and we would hide it."""
    current = getattr(owner, name, None)
    if current is not None and not hasattr(current, _ORIGINAL):
        raise AttributeError(f"moto now has {owner!r}.{name}; look at it before replacing it")
    setattr(value, _ORIGINAL, None)
    setattr(owner, name, value)


def replace_static(owner: Any, name: str, value: Any) -> None:
    """Put ``value`` in the place of the static method ``owner.name``."""
    setattr(value, _ORIGINAL, original(owner, name))
    setattr(owner, name, staticmethod(value))
