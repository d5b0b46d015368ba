"""From what two sweeps found to findings with a history. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from recovery_ops.model.findings import Finding
from recovery_ops.model.readiness import Sweep, Tracked

COMPARED = frozenset(
    {
        "changed-since-point",
        "no-replication",
        "package-not-protected",
        "replica-not-active",
        "replication-lag",
        "served-not-protected",
    }
)
"""Codes that only a look at the region that serves can find, or find to be gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one sweep found in one recovery region.

    ``unasked`` are components with a question that got no answer: what was known of them still stands. ``dark`` is set
    when the region did not answer at all, ``compared`` when the region that serves was looked at.
    """

    region: str
    findings: Sequence[Finding]
    unasked: frozenset[str] = frozenset()
    dark: bool = False
    compared: bool = True

    def knows_better(self, before: Tracked) -> bool:
        """Return whether this sweep asked what once led to ``before``."""
        asked = not self.dark and before.finding.component not in self.unasked
        return asked and (self.compared or before.finding.code not in COMPARED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Findings that stand, keys of those that are new, and those that are gone."""

    open: tuple[Tracked, ...]
    new: tuple[tuple[str, str, str, str], ...]
    resolved: tuple[Tracked, ...]


def difference(previous: Sweep | None, found: Iterable[Found], now: datetime) -> Difference:
    """Return what stands now, with the time it was first seen, and what was resolved since ``previous``.

    A finding is resolved only when it was asked for again and is gone; a region that went dark resolves nothing.
    """
    before = {item.key: item for item in previous.open} if previous else {}
    regions = {part.region: part for part in found}
    current: dict[tuple[str, str, str, str], Tracked] = {}
    for part in regions.values():
        for item in part.findings:
            tracked = Tracked(finding=item, region=part.region, first_seen=now)
            known = before.get(tracked.key)
            current[tracked.key] = replace(tracked, first_seen=known.first_seen) if known else tracked
    gone = {key: item for key, item in before.items() if key not in current}
    kept = {key: item for key, item in gone.items() if key[0] in regions and not regions[key[0]].knows_better(item)}
    resolved = tuple(replace(item, resolved_at=now) for key, item in gone.items() if key not in kept)
    standing = sorted([*current.values(), *kept.values()], key=_order)
    return Difference(open=tuple(standing), new=tuple(key for key in current if key not in before), resolved=resolved)


def _order(item: Tracked) -> tuple[int, str, str, str, str]:
    return (["blocker", "warning", "info"].index(item.finding.severity), *item.key)
