"""What people have asked of a run while it goes on, as folded from its events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Who asked for something, when (aware UTC) and why."""

    at: datetime
    person: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOver:
    """From ``at`` on only ``runner`` may act for the run."""

    at: datetime
    person: str
    reason: str
    from_execution: str
    to_execution: str
    runner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlState:
    """Wishes in force. Of two that contradict each other the later counts; cancelling is never taken back.

    ``skips`` and ``retries`` are by step and hold the latest wish. ``graceful`` is ``None`` as long as nobody changed
    what the run was declared with, which happened last at ``changed_at``; ``graceful_of`` holds changes for single
    steps. ``preempted_by`` is the run that this one yields to. ``takeovers`` are in order; the last one tells who may
    act.
    """

    paused: Wish | None = None
    cancelled: Wish | None = None
    preempted_by: str | None = None
    preempted_at: datetime | None = None
    graceful: bool | None = None
    changed_at: datetime | None = None
    graceful_of: Mapping[str, bool] = field(default_factory=dict)
    skips: Mapping[str, Wish] = field(default_factory=dict)
    retries: Mapping[str, Wish] = field(default_factory=dict)
    takeovers: tuple[TakeOver, ...] = ()

    @property
    def runner(self) -> str | None:
        """Return the only runner that may act, or ``None`` when the run was never taken over."""
        return self.takeovers[-1].runner or None if self.takeovers else None

    @property
    def stopped(self) -> bool:
        """Return whether no step may start any more, except those that leave things in order."""
        return self.cancelled is not None or self.preempted_by is not None

    def is_graceful(self, step: str, *, declared: bool) -> bool:
        """Return whether ``step`` of a run declared graceful or not may count on the region that is left."""
        whole = declared if self.graceful is None else self.graceful
        return self.graceful_of.get(step, whole)
