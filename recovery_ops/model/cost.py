"""What is paid for: usages as kinds report them, and the lines of a monthly bill. Money is US dollars."""

import enum
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

GIB = float(1 << 30)
"""Bytes of what AWS bills as a GB."""


class Purpose(enum.StrEnum):
    """What a usage is for."""

    STANDBY = "standby"
    REPLICATED = "replicated storage"
    POINTS = "recovery points"
    TRAFFIC = "traffic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One thing that is paid for every month because a system is protected.

    ``sku`` is a key of the price table, ``quantity`` a month's amount in its unit (instance hours, GB). ``component``
    is empty for what belongs to the whole system.
    """

    component: str
    region: str
    purpose: Purpose
    what: str
    sku: str
    quantity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A usage with its price; ``usd`` is ``None`` when the table has none, and the total is then a lower bound."""

    usage: Usage
    unit: str
    unit_usd: float | None
    usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What protection of a system costs a month.

    ``as_of`` is the date of the prices, ``not_counted`` what is left out and why.
    """

    system: str
    as_of: str
    lines: tuple[Line, ...]
    not_counted: tuple[str, ...] = ()

    @property
    def total_usd(self) -> float:
        """Return the sum of all lines that have a price."""
        return sum(line.usd for line in self.lines if line.usd is not None)

    @property
    def complete(self) -> bool:
        """Return whether every line has a price."""
        return all(line.usd is not None for line in self.lines)

    def of(self, component: str) -> float:
        """Return the part of one component; an empty name is what belongs to the whole system."""
        return sum(line.usd or 0.0 for line in self.lines if line.usage.component == component)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        facts: Mapping[str, Any] = asdict(self)
        lines = [
            dict(line) | {"usage": line["usage"] | {"purpose": str(line["usage"]["purpose"])}}
            for line in facts["lines"]
        ]
        totals = {"total_usd": round(self.total_usd, 4), "complete": self.complete}
        return {**facts, "lines": lines, "not_counted": list(self.not_counted), **totals}
