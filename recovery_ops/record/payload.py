"""Typed, tolerant reading of event payloads.

A payload comes from another process, perhaps of another version: what is missing or has another type reads as absent,
and never raises.
"""

from collections.abc import Mapping
from datetime import UTC, datetime


class Payload:
    """Reads one JSON object. Times are aware UTC, numbers finite."""

    def __init__(self, value: object) -> None:
        self._value: Mapping[str, object] = value if isinstance(value, Mapping) else {}

    def text(self, key: str, otherwise: str = "") -> str:
        """Return the text under ``key``, or ``otherwise``."""
        value = self._value.get(key)
        return value if isinstance(value, str) else otherwise

    def maybe_text(self, key: str) -> str | None:
        """Return the text under ``key``, or ``None``."""
        return self.text(key) or None

    def number(self, key: str) -> float | None:
        """Return the number under ``key``, or ``None``."""
        value = self._value.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        try:
            return float(value)
        except OverflowError:
            return None

    def whole(self, key: str) -> int | None:
        """Return the whole number under ``key``, or ``None``."""
        value = self.number(key)
        return int(value) if value is not None and value.is_integer() else None

    def flag(self, key: str) -> bool | None:
        """Return the truth value under ``key``, or ``None``."""
        value = self._value.get(key)
        return value if isinstance(value, bool) else None

    def time(self, key: str) -> datetime | None:
        """Return the ISO 8601 time with offset under ``key`` in UTC, or ``None``."""
        try:
            value = datetime.fromisoformat(self.text(key))
            return None if value.tzinfo is None else value.astimezone(UTC)
        except (ValueError, OverflowError):
            return None

    def texts(self, key: str) -> tuple[str, ...]:
        """Return the texts in the list under ``key``."""
        return tuple(item for item in self.items(key) if isinstance(item, str))

    def items(self, key: str) -> tuple[object, ...]:
        """Return the list under ``key``."""
        value = self._value.get(key)
        return tuple(value) if isinstance(value, list | tuple) else ()

    def parts(self, key: str) -> "tuple[Payload, ...]":
        """Return the objects in the list under ``key``."""
        return tuple(Payload(item) for item in self.items(key) if isinstance(item, Mapping))

    def part(self, key: str) -> "Payload":
        """Return the object under ``key``, empty when there is none."""
        return Payload(self._value.get(key))

    def raw(self, key: str) -> Mapping[str, object]:
        """Return the object under ``key`` as it is, empty when there is none."""
        return dict(self.part(key).everything)

    def times(self, key: str) -> dict[str, datetime]:
        """Return every time of the object under ``key``."""
        part = self.part(key)
        found = {name: part.time(name) for name in part.everything}
        return {name: value for name, value in found.items() if value is not None}

    def has(self, key: str) -> bool:
        """Return whether there is anything under ``key``."""
        return key in self._value

    @property
    def everything(self) -> Mapping[str, object]:
        """Return the object as it is."""
        return self._value
