"""What a table looked like at any second since point-in-time recovery was switched on."""

import time
from dataclasses import dataclass, field

from recovery_ops.sandbox.dynamodb.items import Item

LATEST_LAG_S = 300.0
"""AWS seconds that the latest restorable time is behind now.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/PointInTimeRecovery_Howitworks.html
("typically five minutes before the current time").
"""

MAX_CHANGES = 200_000
"""Changes kept a table; beyond it the older half is folded into the base and the earliest restorable time moves up."""


@dataclass(kw_only=True)
class History:
    """Items when recording began (``base``) and every change since, oldest first: (Unix seconds, key text, item)."""

    since: float = field(default_factory=time.time)
    base: dict[str, Item] = field(default_factory=dict)
    changes: list[tuple[float, str, Item | None]] = field(default_factory=list)
    period_days: int = 35

    def record(self, at: float, key: str, item: Item | None) -> None:
        """Append one committed change; ``None`` is a deletion. ``at`` must not go backwards."""
        self.changes.append((at, key, item))
        if len(self.changes) > MAX_CHANGES:
            self._fold(len(self.changes) // 2)

    def at(self, moment: float) -> dict[str, Item]:
        """Return the items as they were at ``moment`` (Unix seconds), by key text; changes at that instant included."""
        state: dict[str, Item | None] = dict(self.base)
        for changed_at, key, item in self.changes:
            if changed_at > moment:
                break
            state[key] = item
        return {key: item for key, item in state.items() if item is not None}

    def window(self, factor: float) -> tuple[float, float]:
        """Return the earliest and latest restorable time, Unix seconds."""
        earliest = max(self.since, time.time() - self.period_days * 86_400)
        return earliest, max(earliest, time.time() - LATEST_LAG_S * factor)

    def _fold(self, count: int) -> None:
        self.since = self.changes[count - 1][0]
        self.base = self.at(self.since)
        del self.changes[:count]
