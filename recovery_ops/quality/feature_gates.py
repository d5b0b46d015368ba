"""Gates of a feature store: online and offline tell the same story, and the story is recent enough."""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from recovery_ops.model.checks import Check, Gate
from recovery_ops.quality.probes import verdict

Row = Mapping[str, Any]
AnyRow = TypeVar("AnyRow", bound=Row)


def newest_of(rows: Iterable[Row], timestamp: str, *, until: datetime | None = None) -> datetime | None:
    """Return the latest time (UTC) in the column ``timestamp``, ISO 8601 text; later than ``until`` does not count."""
    times = [moment for row in rows if (moment := _moment(row.get(timestamp))) is not None]
    return max((moment for moment in times if until is None or moment <= until), default=None)


def written_until(rows: Iterable[AnyRow], timestamp: str, until: datetime) -> list[AnyRow]:
    """Return the rows whose time is not later than ``until``; a row without a time is kept."""
    return [row for row in rows if (moment := _moment(row.get(timestamp))) is None or moment <= until]


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def consistency_check(
    component: str, offline: Iterable[Row], online: Iterable[Row], *, key: str, version: str, besides: frozenset[str]
) -> Check:
    """Judge that every offline row is online in its version or a later one, and equal where versions are equal.

    ``besides`` are columns that are not compared, such as times that the two stores format differently. Of several
    offline rows of one key the highest version counts.
    """
    latest = _latest(offline, key, version)
    there = {row.get(key): row for row in online}
    absent = [name for name in latest if name not in there]
    both = [(name, row, there[name]) for name, row in latest.items() if name in there]
    older = [name for name, row, seen in both if _number(seen, version) < _number(row, version)]
    same = [(name, row, seen) for name, row, seen in both if _number(seen, version) == _number(row, version)]
    different = [name for name, row, seen in same if not _equal(row, seen, besides)]
    problems = {"absent": absent, "older": older, "different": different}
    return Check(
        component=component,
        gate=Gate.CONSISTENCY,
        name="every offline row is online, in its version or a later one",
        expected={"offline_rows": len(latest), "absent": 0, "older": 0, "different": 0},
        observed={"online_rows": len(there), "compared": len(same), **{what: len(n) for what, n in problems.items()}},
        outcome=verdict(bool(latest) and not any(problems.values())),
        detail="; ".join(f"{what}: {', '.join(map(str, names[:3]))}" for what, names in problems.items() if names)
        or ("" if latest else "there is no offline row, so nothing was compared"),
    )


def _latest(rows: Iterable[Row], key: str, version: str) -> dict[Any, Row]:
    latest: dict[Any, Row] = {}
    for row in rows:
        if row[key] not in latest or _number(row, version) > _number(latest[row[key]], version):
            latest[row[key]] = row
    return latest


def _number(row: Row, column: str) -> float:
    value = row.get(column)
    return float(value) if isinstance(value, (int, float)) else -math.inf


def _equal(offline: Row, online: Row, besides: frozenset[str]) -> bool:
    return all(_alike(value, online.get(name)) for name, value in offline.items() if name not in besides)


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(one) and math.isnan(other))
    return bool(str(one) == str(other)) or (one is None and other is None)


def freshness_check(
    component: str, captured_until: datetime | None, impact_at: datetime, *, limit_s: float, factor: float
) -> Check:
    """Judge that data was captured until at most ``limit_s`` modelled seconds before the impact.

    ``factor`` is wall seconds per AWS second; 0 counts wall seconds.
    """
    age_s = None if captured_until is None else max(0.0, (impact_at - captured_until).total_seconds()) / (factor or 1.0)
    return Check(
        component=component,
        gate=Gate.FRESHNESS,
        name="captured until shortly before the impact",
        expected={"age_s": limit_s, "impact_at": impact_at.isoformat()},
        observed={
            "age_s": None if age_s is None else round(age_s, 3),
            "captured_until": captured_until.isoformat() if captured_until else None,
        },
        outcome=verdict(age_s is not None and age_s <= limit_s),
        unit="s",
        detail="" if age_s is not None else "nothing says until when data was captured",
    )


def as_of_check(
    component: str, newest: datetime | None, *, restored_to: datetime, captured: datetime | None, limit_s: float
) -> Check:
    """Judge that a restored table holds nothing later than ``restored_to``, and nearly everything from before it.

    ``captured`` is the newest write that the point saw; the restored one may be ``limit_s`` wall seconds older.
    """
    floor = None if captured is None else min(captured, restored_to)
    late = newest is not None and newest > restored_to
    stale = floor is not None and (newest is None or (floor - newest).total_seconds() > limit_s)
    return Check(
        component=component,
        gate=Gate.FRESHNESS,
        name="state of the recovery point, neither newer nor older",
        expected={"at_most": restored_to.isoformat(), "near": floor.isoformat() if floor else None},
        observed={"newest": newest.isoformat() if newest else None},
        outcome=verdict(not late and not stale),
        tolerance={"older_s": limit_s},
        unit="s",
        detail="newer than the point" if late else "older than the point" if stale else "",
    )
