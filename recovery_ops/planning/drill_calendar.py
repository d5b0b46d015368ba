"""The drill calendar: what is due, what waits for what, what is overdue. Pure; times are aware UTC.

A drill is due its cadence after the newest one that counts, ``retry_s`` after one that did not pass, and at once when
it was never held. A tabletop that nobody attended does not count.
"""

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from recovery_ops.model.drill_hours import blocked_by, next_open
from recovery_ops.model.drills import DrillKind, DrillPolicy
from recovery_ops.model.system import System

GRACE = timedelta(days=1)
"""A drill is overdue a day after it was due: the clock that starts drills ticks once an hour."""
FIRING = "ALARM"
NOT_KNOWN = "not known"


class DueState(enum.StrEnum):
    """What to do about a drill now."""

    DUE = "due"
    LATER = "later"
    SKIPPED = "skipped"
    HELD_BACK = "held-back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A drill that took place. ``component`` is empty but for component drills, ``scenario`` but for tabletops.

    ``attended`` is whether people took part in a tabletop; simulated participants are none.
    """

    kind: DrillKind
    run_id: str
    at: datetime
    passed: bool
    component: str = ""
    scenario: str = ""
    attended: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One line of the calendar: a kind of drill, or the drill of one component.

    ``due_at`` is ``None`` when it was never held. ``starts_at`` is the first moment from now on in which it may start,
    ``None`` when nobody can say: it waits for another drill to pass, or for an alarm. ``overdue_s`` is wall seconds
    since ``due_at`` once the day of grace is over; ``overdue`` also holds for a drill that was never held.
    """

    kind: DrillKind
    state: DueState
    why: str
    due_at: datetime | None
    starts_at: datetime | None
    component: str = ""
    scenario: str = ""
    last: Held | None = None
    overdue: bool = False
    overdue_s: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; times as ISO 8601."""
        last = self.last
        return {
            "kind": str(self.kind),
            "component": self.component or None,
            "scenario": self.scenario or None,
            "state": str(self.state),
            "why": self.why,
            "due_at": self.due_at.isoformat() if self.due_at else None,
            "starts_at": self.starts_at.isoformat() if self.starts_at else None,
            "overdue": self.overdue,
            "overdue_s": self.overdue_s,
            "last": {"run_id": last.run_id, "at": last.at.isoformat(), "passed": last.passed} if last else None,
        }


def calendar(
    system: System,
    history: Iterable[Held],
    now: datetime,
    *,
    alarms: Mapping[str, str] | None = None,
    scenarios: Sequence[str] = (),
) -> list[Due]:
    """Return the calendar of ``system``: tabletop, every component, regional, full.

    Args:
        system: Its drill policy and its components.
        history: Every drill that took place, in any order.
        now: Aware.
        alarms: State of each blocking alarm as CloudWatch gives it; one that is missing is not known and blocks.
        scenarios: Tabletop scenarios to take turns, the one not played for longest first.
    """
    counted = sorted((item for item in history if item.attended), key=lambda item: (item.at, item.run_id))
    names = [component.name for component in system.components]
    gating = [component.name for component in system.components if component.gates_traffic] or names
    newest = {(item.kind, item.component): item for item in counted}
    lines = [
        _line(system.drills, DrillKind.TABLETOP, newest, now, scenario=_turn(scenarios, counted)),
        *(_line(system.drills, DrillKind.COMPONENT, newest, now, component=name) for name in names),
        _line(system.drills, DrillKind.REGIONAL, newest, now, waits_for=_unproven(newest, gating)),
        _line(system.drills, DrillKind.FULL, newest, now, waits_for=_regional(newest)),
    ]
    return [_guarded(system.drills, line, now, alarms or {}) for line in lines]


def next_due(lines: Iterable[Due]) -> Due | None:
    """Return the drill to hold now: the smallest scope first, within it the one not held for longest."""
    due = [line for line in lines if line.state is DueState.DUE]
    order = list(DrillKind)
    return min(due, key=lambda line: (order.index(line.kind), line.last is not None, str(line.due_at)), default=None)


def overdue_s(lines: Iterable[Due]) -> dict[DrillKind, float | None]:
    """Return for every kind with an overdue drill how long it has been so; ``None`` when one was never held."""
    found: dict[DrillKind, float | None] = {}
    for line in lines:
        if line.overdue:
            before = found.get(line.kind, 0.0)
            known = line.overdue_s is not None and before is not None
            found[line.kind] = max(before or 0.0, line.overdue_s or 0.0) if known else None
    return found


def _line(
    policy: DrillPolicy,
    kind: DrillKind,
    newest: Mapping[tuple[DrillKind, str], Held],
    now: datetime,
    *,
    component: str = "",
    scenario: str = "",
    waits_for: str = "",
) -> Due:
    last = newest.get((kind, component))
    due_at = None if last is None else last.at + timedelta(seconds=_after_s(policy, last))
    is_due = due_at is None or due_at <= now
    state = DueState.LATER if not is_due else DueState.HELD_BACK if waits_for else DueState.DUE
    late = due_at is None or now > due_at + GRACE
    return Due(
        kind=kind,
        component=component,
        scenario=scenario,
        state=state,
        why=waits_for if state is DueState.HELD_BACK else _since(last),
        due_at=due_at,
        starts_at=None if waits_for else next_open(policy, max(now, due_at or now)),
        last=last,
        overdue=late,
        overdue_s=(now - due_at).total_seconds() if late and due_at is not None else None,
    )


def _after_s(policy: DrillPolicy, last: Held) -> float:
    every_s = policy.every_s[last.kind]
    return every_s if last.passed else min(every_s, policy.retry_s)


def _since(last: Held | None) -> str:
    if last is None:
        return "never held"
    return f"{last.run_id} {'passed' if last.passed else 'did not pass'} on {last.at:%Y-%m-%d}"


def _guarded(policy: DrillPolicy, line: Due, now: datetime, alarms: Mapping[str, str]) -> Due:
    """Skip a drill that is due in blocked hours, in a freeze or while an alarm fires."""
    if line.state is not DueState.DUE:
        return line
    blocked = blocked_by(policy, now)
    if blocked is not None:
        return replace(line, state=DueState.SKIPPED, why=blocked[0])
    for name in policy.alarms:
        state = alarms.get(name, NOT_KNOWN)
        if state in (FIRING, NOT_KNOWN):
            return replace(line, state=DueState.SKIPPED, why=f"alarm {name} is {state}", starts_at=None)
    return line


def _unproven(newest: Mapping[tuple[DrillKind, str], Held], components: Sequence[str]) -> str:
    found = [name for name in components if not _passed(newest.get((DrillKind.COMPONENT, name)))]
    return f"waits for a passing drill of {', '.join(found)}" if found else ""


def _regional(newest: Mapping[tuple[DrillKind, str], Held]) -> str:
    passed = _passed(newest.get((DrillKind.REGIONAL, "")))
    return "" if passed else "waits for a passing regional drill"


def _passed(last: Held | None) -> bool:
    return last is not None and last.passed


def _turn(scenarios: Sequence[str], counted: Sequence[Held]) -> str:
    played = {item.scenario: str(item.at) for item in counted if item.kind is DrillKind.TABLETOP}
    return min(scenarios, key=lambda name: played.get(name, ""), default="")
