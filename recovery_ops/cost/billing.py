"""From usages to a bill. Pure."""

from collections.abc import Iterable, Sequence

from recovery_ops.cost.prices import AS_OF, price
from recovery_ops.model.cost import Bill, Line, Usage


def bill(system: str, usages: Iterable[Usage], not_counted: Sequence[str] = ()) -> Bill:
    """Return the monthly bill of ``usages``; what has no price stays in it without one."""
    return Bill(system=system, as_of=AS_OF, lines=tuple(map(_line, usages)), not_counted=tuple(not_counted))


def _line(usage: Usage) -> Line:
    known = price(usage.sku, usage.region)
    if known is None:
        return Line(usage=usage, unit="", unit_usd=None, usd=None)
    return Line(usage=usage, unit=known.unit, unit_usd=known.usd, usd=known.usd * usage.quantity)
