"""Objectives by where data comes from: a live replica is there at once, a restore out of a recovery point takes time.

All durations are AWS seconds.
"""

import enum
from dataclasses import dataclass

from recovery_ops.model.plan import Intent


class Basis(enum.StrEnum):
    """Which objective holds: the ordinary one, or that of a recovery out of a recovery point."""

    ORDINARY = "ordinary"
    FROM_POINT = "from-point"


@dataclass(frozen=True, slots=True, kw_only=True)
class FromPoint:
    """What holds where no replica is trusted; ``None``: the ordinary objective holds there too."""

    rto_s: float | None = None
    rpo_s: float | None = None

    def rto_basis(self, intent: Intent) -> Basis:
        """Return which RTO a run with ``intent`` is judged by."""
        return _basis(self.rto_s, intent)

    def rpo_basis(self, intent: Intent) -> Basis:
        """Return which RPO a run with ``intent`` is judged by."""
        return _basis(self.rpo_s, intent)


def _basis(own_s: float | None, intent: Intent) -> Basis:
    return Basis.FROM_POINT if own_s is not None and intent is Intent.CORRUPTION else Basis.ORDINARY
