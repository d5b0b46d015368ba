"""Two regions that stopped to agree, and what became of the writes of both."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Parted:
    """When two regions stopped to agree: ``lost_at`` is the T0 of the failover, ``moved_at`` when the other took over.

    Between the two nobody was served. Aware UTC.
    """

    lost_at: datetime
    moved_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What became of writes that had not reached the other region when theirs was lost.

    ``merged`` arrived after it healed. ``conflicts`` (key, kept, dropped, why) met a later write of the same key, which
    won. ``lost`` are keys of writes that are in neither region. ``waiting_for`` says what has to come before this is
    known.
    """

    merged: int = 0
    conflicts: tuple[Mapping[str, Any], ...] = ()
    lost: tuple[str, ...] = ()
    basis: str = ""
    waiting_for: tuple[str, ...] = ()
