"""When a drill may start: blocked hours of the week and freezes, in UTC."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from recovery_ops.model.drills import BlockedWindow, DrillPolicy, Freeze, Weekday

DAY = timedelta(days=1)


def blocked_by(policy: DrillPolicy, at: datetime) -> tuple[str, datetime] | None:
    """Return why no drill starts ``at`` (aware), and when that reason ends; ``None`` when one may start."""
    at = at.astimezone(UTC)
    reasons = [*_frozen(policy.freezes, at), *_in_windows(policy.blocked, at)]
    return max(reasons, key=lambda item: item[1], default=None)


def next_open(policy: DrillPolicy, at: datetime) -> datetime | None:
    """Return the first moment from ``at`` on (aware) in which a drill may start; ``None`` when there is none."""
    return _open_from(policy, at.astimezone(UTC)) if has_open_minute(policy) else None


def has_open_minute(policy: DrillPolicy) -> bool:
    """Return whether the blocked hours leave any minute of a week; freezes end, so they do not count."""
    monday = datetime(2026, 1, 5, tzinfo=UTC)
    return _open_from(replace(policy, freezes=()), monday, monday + 9 * DAY) is not None


def _open_from(policy: DrillPolicy, moment: datetime, end: datetime | None = None) -> datetime | None:
    while (found := blocked_by(policy, moment)) is not None:
        moment = found[1]
        if end is not None and moment > end:
            return None
    return moment


def _frozen(freezes: tuple[Freeze, ...], at: datetime) -> Iterator[tuple[str, datetime]]:
    for freeze in freezes:
        if freeze.first <= at.date() <= freeze.last:
            until = datetime.combine(freeze.last + DAY, time(), tzinfo=UTC)
            yield f"freeze {freeze.start} to {freeze.end}: {freeze.why}", until


def _in_windows(windows: tuple[BlockedWindow, ...], at: datetime) -> Iterator[tuple[str, datetime]]:
    for window in windows:
        for begin, end in _around(window, at):
            if begin <= at < end:
                yield f"blocked hours {window.start} to {window.end} UTC ({', '.join(window.days)})", end


def _around(window: BlockedWindow, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the window as it begins on the day of ``at`` and on the day before."""
    for day in (at.date() - DAY, at.date()):
        if list(Weekday)[day.weekday()] in window.days:
            begin = datetime.combine(day, time.fromisoformat(window.start), tzinfo=UTC)
            end = datetime.combine(day, time.fromisoformat(window.end), tzinfo=UTC)
            yield begin, end if end > begin else end + DAY
