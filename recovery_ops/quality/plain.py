"""Any value a data frame or a metric can hold, as plain JSON."""

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any


def plain(value: Any) -> Any:
    """Return ``value`` as JSON can hold it: NumPy scalars unpacked, times as ISO 8601, NaN and NaT as ``None``.

    What has no JSON form becomes its text.
    """
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (str, bool, int)) or value is None:
        return value
    if isinstance(value, (datetime, date)):
        return None if value != value else value.isoformat()
    if isinstance(value, (float, Decimal)):
        return float(value) if math.isfinite(value) else None
    return _unpacked(value)


def _unpacked(value: Any) -> Any:
    unpack = getattr(value, "tolist", None) or getattr(value, "item", None)
    if callable(unpack):
        return plain(unpack())
    if type(value).__name__ == "NAType":  # pandas.NA, which equals nothing and need not be imported to be known
        return None
    if isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray)):
        items = [plain(item) for item in value]
        return sorted(items, key=str) if isinstance(value, (set, frozenset)) else items
    return str(value)
