"""Expectations that nobody wrote: derived from the figures a recovery point keeps of its data.

Two questions are asked. *Exact*: is the restored frame the captured one? *Newest*: is a live replica, which has gone on
since, still a plausible successor of it?
"""

import enum
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from recovery_ops.model.checks import Check, Gate
from recovery_ops.quality.probes import broken_probe, describe, verdict
from recovery_ops.quality.profile import (
    ColumnProfile,
    FrameProfile,
    content_digest,
    frame_schema,
    prepared,
    profile_frame,
)
from recovery_ops.quality.suites import judge_frame

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "EXACTLY",
    "ColumnProfile",
    "FrameProfile",
    "Restored",
    "Tolerance",
    "judge_against_profile",
    "profile_frame",
    "suite_from_profile",
]

_ROUNDING = 1e-9


class Restored(enum.StrEnum):
    """What the restored frame should be: the captured one, or its newest state."""

    EXACT = "exact"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far a newest state may have moved. An exact restore allows rounding only, whatever stands here.

    ``mean`` is in standard deviations of the column, ``std`` a share of it, ``span`` a share of the distance from
    minimum to maximum that values may lie beyond either, ``nulls`` a share of all rows. ``fewer_rows`` is the share
    of rows that may have gone (0: there are at least as many). ``growing`` names columns such as versions and
    counters, whose maximum never falls and whose other figures say nothing.
    """

    mean: float = 0.25
    std: float = 0.25
    span: float = 0.0
    nulls: float = 0.0
    fewer_rows: float = 0.0
    growing: Collection[str] = ()


EXACTLY = Tolerance(mean=0.0, std=0.0)


def suite_from_profile(
    profile: FrameProfile,
    *,
    restored: Restored = Restored.EXACT,
    tolerance: Tolerance | None = None,
    fresh_after: datetime | None = None,
) -> dict[str, Any]:
    """Return a suite, as ``suite.to_json_dict()`` would write it, that the restored frame must meet.

    ``fresh_after`` (aware, UTC) is the oldest time that the newest row may have, for example T0 minus the RPO; the
    newest row is never older than the profile's. Time expectations belong to the gate ``freshness`` and need a frame
    from :func:`recovery_ops.quality.profile.prepared`; :func:`judge_against_profile` sees to that.

    Raises:
        ValueError: ``fresh_after`` was given and the profile has no timestamp column.
    """
    if fresh_after is not None and profile.timestamp is None:
        raise ValueError("freshness is wanted, and the profile of this data has no timestamp column")
    exact = restored is Restored.EXACT
    allowed = EXACTLY if exact else tolerance or Tolerance()
    expectations = [_rows(profile, allowed, exact), _names(profile), *_key(profile)]
    for column in profile.columns:
        expectations += [_nulls(profile, column, allowed), *_figures(column, allowed, exact)]
    expectations += _freshness(profile, fresh_after, exact)
    return {"name": f"derived-{restored}", "expectations": expectations, "meta": {"schema": profile.schema}}


def judge_against_profile(
    frame: "pd.DataFrame",
    profile: FrameProfile,
    *,
    component: str,
    label: str,
    restored: Restored = Restored.EXACT,
    tolerance: Tolerance | None = None,
    fresh_after: datetime | None = None,
) -> list[Check]:
    """Judge ``frame`` by the schema of ``profile``, by its suite, and, when exact, by the digest of all values.

    Arguments as for :func:`suite_from_profile`. A timestamp column that is missing or holds no times is an ``error``.

    Raises:
        ValueError: ``fresh_after`` was given and the profile has no timestamp column.
    """
    suite = suite_from_profile(profile, restored=restored, tolerance=tolerance, fresh_after=fresh_after)
    try:
        frame = prepared(frame, profile.timestamp)
    except (KeyError, ValueError, TypeError) as error:
        reason = f"the timestamp column {profile.timestamp!r} cannot be used: {describe(error)}"
        checks = [broken_probe(component, Gate.FRESHNESS, f"{label}: timestamps", reason)]
        return checks + judge_frame(frame, suite, component=component, label=label)
    found = frame_schema(frame)
    checks = [_same(component, Gate.DATA, f"{label}: column types", profile.schema, found)]
    if restored is Restored.EXACT:
        name = f"{label}: digest of all values"
        checks.append(_same(component, Gate.INTEGRITY, name, profile.digest, content_digest(frame)))
    return checks + judge_frame(frame, suite, component=component, label=label)


def _same(component: str, gate: Gate, name: str, expected: str, observed: str) -> Check:
    return Check(
        component=component,
        gate=gate,
        name=name,
        expected=expected,
        observed=observed,
        outcome=verdict(expected == observed),
        detail="" if expected == observed else "not what the recovery point recorded",
    )


def _expect(kind: str, *, gate: Gate = Gate.DATA, **kwargs: Any) -> dict[str, Any]:
    return {"type": f"expect_{kind}", "kwargs": kwargs, "meta": {"gate": gate.value}, "severity": "critical"}


def _rows(profile: FrameProfile, allowed: Tolerance, exact: bool) -> dict[str, Any]:  # noqa: FBT001 - private
    if exact:
        return _expect("table_row_count_to_equal", value=profile.rows)
    fewest = int(profile.rows * (1 - allowed.fewer_rows))
    return _expect("table_row_count_to_be_between", min_value=fewest)


def _names(profile: FrameProfile) -> dict[str, Any]:
    names = [column.name for column in profile.columns]
    return _expect("table_columns_to_match_set", column_set=names, exact_match=True)


def _key(profile: FrameProfile) -> list[dict[str, Any]]:
    if not profile.key or not profile.key_unique:
        return []
    if len(profile.key) == 1:
        return [_expect("column_values_to_be_unique", column=profile.key[0])]
    return [_expect("compound_columns_to_be_unique", column_list=list(profile.key))]


def _nulls(profile: FrameProfile, column: ColumnProfile, allowed: Tolerance) -> dict[str, Any]:
    share = column.nulls / profile.rows if profile.rows else 0.0
    least = max(0.0, 1 - share - allowed.nulls)
    if least == 1.0:
        return _expect("column_values_to_not_be_null", column=column.name)
    return _expect(
        "column_proportion_of_non_null_values_to_be_between", column=column.name, min_value=max(0.0, least - _ROUNDING)
    )


def _figures(column: ColumnProfile, allowed: Tolerance, exact: bool) -> list[dict[str, Any]]:  # noqa: FBT001 - private
    if column.mean is None or column.minimum is None or column.maximum is None:
        return []
    if not exact and column.name in allowed.growing:
        return [_expect("column_max_to_be_between", column=column.name, min_value=column.maximum)]
    beyond = allowed.span * (column.maximum - column.minimum)
    lowest, highest = _around(column.minimum, beyond)[0], _around(column.maximum, beyond)[1]
    expectations = [_between("column_values", column, (lowest, highest))]
    expectations.append(_between("column_mean", column, _around(column.mean, allowed.mean * (column.std or 0))))
    if column.std is not None:
        expectations.append(_between("column_stdev", column, _around(column.std, allowed.std * column.std)))
    return expectations


def _between(what: str, column: ColumnProfile, bounds: tuple[float, float]) -> dict[str, Any]:
    return _expect(f"{what}_to_be_between", column=column.name, min_value=bounds[0], max_value=bounds[1])


def _around(value: float, distance: float) -> tuple[float, float]:
    distance += _ROUNDING * max(1.0, abs(value))
    return value - distance, value + distance


def _freshness(profile: FrameProfile, fresh_after: datetime | None, exact: bool) -> list[dict[str, Any]]:  # noqa: FBT001
    newest = profile.newest_at
    if profile.timestamp is None or (newest is None and fresh_after is None):
        return []
    name = "column_max_to_be_between"
    oldest = max(moment for moment in (newest, fresh_after) if moment is not None)
    expectation = _expect(name, gate=Gate.FRESHNESS, column=profile.timestamp, min_value=oldest.isoformat())
    if exact and oldest == newest:
        expectation["kwargs"]["max_value"] = (oldest + timedelta(microseconds=1)).isoformat()
    return [expectation]
