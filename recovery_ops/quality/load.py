"""Performance gates: latency, throughput at the expected load, and the way from feature look-up to answer.

Times are milliseconds of wall time as our process sees them, network included; rates are calls per second. Warm-up
calls are made first and left out of every figure.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from recovery_ops.aws.waiting import Clock
from recovery_ops.model.checks import Check, CheckOutcome, Gate
from recovery_ops.quality.probes import MUST_STOP, Predict, Row, ask, broken_probe, describe, problem_of, verdict
from recovery_ops.quality.timing import Call, Effort, Timings, measure

LATENCY = Effort(calls=100, warm_up=5)
THROUGHPUT = Effort(calls=100, warm_up=4, threads=4)
END_TO_END = Effort(calls=50, warm_up=3)
PACE = 1.25
"""The load offered, as a multiple of the rate that is required: the service must keep up with a little more."""

Lookup = Callable[[str], Row]
"""Entity id in, its features out; raises when there are none."""


def latency_check(
    component: str,
    predict: Predict,
    rows: Sequence[Row],
    *,
    limit_ms: float,
    baseline_p95_ms: float | None = None,
    ratio: float = 2.0,
    slack_ms: float = 25.0,
    effort: Effort = LATENCY,
    clock: Clock = time,
) -> Check:
    """Judge the p95 of single-row calls against ``limit_ms`` and against the baseline.

    The baseline allows ``ratio`` times its p95, and never less than ``slack_ms`` above it, so that a service of two
    milliseconds is not failed for being three. The stricter of limit and baseline counts.

    Raises:
        ClaimLostError: this process must not act any more.
        ImpairedRegionError: the predictor called the region that is being left.
    """
    timings = measure(single_rows(predict, rows), effort, clock) if rows else Timings()
    ceiling = _ceiling(limit_ms, baseline_p95_ms, ratio, slack_ms)
    tolerance = {"limit_ms": limit_ms, "baseline_p95_ms": baseline_p95_ms, "ratio": ratio, "slack_ms": slack_ms}
    return _slowness(component, Gate.LATENCY, "p95 latency of one prediction", timings, effort, ceiling, tolerance)


def end_to_end_check(
    component: str,
    lookup: Lookup,
    predict: Predict,
    entities: Sequence[str],
    *,
    limit_ms: float,
    baseline_p95_ms: float | None = None,
    ratio: float = 2.0,
    slack_ms: float = 50.0,
    effort: Effort = END_TO_END,
    clock: Clock = time,
) -> Check:
    """Judge the p95 of looking up the features of an entity and predicting from them; as :func:`latency_check`.

    Raises:
        ClaimLostError: this process must not act any more.
        ImpairedRegionError: the look-up or the predictor called the region that is being left.
    """
    timings = measure(lookups(lookup, predict, entities), effort, clock) if entities else Timings()
    ceiling = _ceiling(limit_ms, baseline_p95_ms, ratio, slack_ms)
    tolerance = {"limit_ms": limit_ms, "baseline_p95_ms": baseline_p95_ms, "ratio": ratio, "slack_ms": slack_ms}
    name = "p95 from feature look-up to answer"
    return _slowness(component, Gate.END_TO_END, name, timings, effort, ceiling, tolerance)


def throughput_check(
    component: str,
    predict: Predict,
    rows: Sequence[Row],
    *,
    required_per_s: float,
    baseline_per_s: float | None = None,
    min_ratio: float = 0.8,
    effort: Effort = THROUGHPUT,
    clock: Clock = time,
) -> Check:
    """Judge whether single-row calls are answered at ``required_per_s`` while :data:`PACE` times as many are offered.

    The baseline was measured under the same kind of load; at least ``min_ratio`` of it is wanted. One failed call fails
    the check.

    Raises:
        ClaimLostError: this process must not act any more.
        ImpairedRegionError: the predictor called the region that is being left.
    """
    name = "sustained predictions per second"
    floor = max(required_per_s, min(baseline_per_s or 0.0, required_per_s * PACE) * min_ratio)
    offered = paced(effort, required_per_s)
    timings = measure(single_rows(predict, rows), offered, clock) if rows else Timings()
    if reason := _inconclusive(timings):
        return broken_probe(component, Gate.THROUGHPUT, name, reason, expected={"per_s": floor})
    rate = sustained_rate(timings, offered)
    passed = rate >= floor and not timings.failures
    observed = {"per_s": round(rate, 3), "offered_per_s": offered.per_s, **timings.summary(offered)}
    tolerance = {"required_per_s": required_per_s, "baseline_per_s": baseline_per_s, "min_ratio": min_ratio}
    return Check(
        component=component,
        gate=Gate.THROUGHPUT,
        name=name,
        expected={"per_s": floor, "failed": 0},
        observed=observed,
        outcome=_unless_too_few(passed, timings, offered),
        tolerance=tolerance,
        unit="calls/s",
        detail=_detail(passed, timings, offered, f"{rate:.1f} per s instead of {floor:.1f}"),
    )


def paced(effort: Effort, required_per_s: float) -> Effort:
    """Return ``effort`` offering :data:`PACE` times ``required_per_s``."""
    return Effort(
        calls=effort.calls,
        warm_up=effort.warm_up,
        threads=effort.threads,
        budget_s=effort.budget_s,
        enough=effort.enough,
        per_s=required_per_s * PACE,
    )


def sustained_rate(timings: Timings, effort: Effort) -> float:
    """Return good calls per second, never more than were offered."""
    return min(timings.rate_per_s, effort.per_s or timings.rate_per_s)


def single_rows(predict: Predict, rows: Sequence[Row]) -> Call:
    """Return a call that predicts one of ``rows`` after the other."""

    def call(number: int) -> str:
        return _one(predict, rows[number % len(rows)])

    return call


def lookups(lookup: Lookup, predict: Predict, entities: Sequence[str]) -> Call:
    """Return a call that looks up one of ``entities`` after the other and predicts from its features."""

    def call(number: int) -> str:
        entity = entities[number % len(entities)]
        try:
            row = lookup(entity)
        except MUST_STOP:
            raise
        except Exception as error:  # noqa: BLE001 - a look-up is foreign code; its failure is a failed call
            return f"look-up of {entity}: {describe(error)}"
        return _one(predict, row)

    return call


def _one(predict: Predict, row: Row) -> str:
    answer = ask(predict, [row])
    return answer.error or problem_of(answer.scores, 1)


def _ceiling(limit_ms: float, baseline_p95_ms: float | None, ratio: float, slack_ms: float) -> float:
    if baseline_p95_ms is None:
        return limit_ms
    return min(limit_ms, max(baseline_p95_ms * ratio, baseline_p95_ms + slack_ms))


def _slowness(
    component: str,
    gate: Gate,
    name: str,
    timings: Timings,
    effort: Effort,
    ceiling: float,
    tolerance: dict[str, Any],
) -> Check:
    if reason := _inconclusive(timings):
        return broken_probe(component, gate, name, reason, expected={"p95_ms": ceiling})
    observed = timings.summary(effort)
    passed = observed["p95_ms"] <= ceiling and not timings.failures
    return Check(
        component=component,
        gate=gate,
        name=name,
        expected={"p95_ms": ceiling, "failed": 0},
        observed=observed,
        outcome=_unless_too_few(passed, timings, effort),
        tolerance=tolerance,
        unit="ms",
        detail=_detail(passed, timings, effort, f"p95 {observed['p95_ms']} ms, allowed {ceiling:.1f} ms"),
    )


def _inconclusive(timings: Timings) -> str:
    """Return why nothing can be said at all, or an empty string."""
    if timings.good_ms:
        return ""
    if timings.failures:
        return f"every one of {len(timings.failures)} calls failed: {timings.failures[0]}"
    return "not one call was measured"


def _too_few(timings: Timings, effort: Effort) -> bool:
    return len(timings.good_ms) < min(effort.enough, effort.calls)


def _unless_too_few(passed: bool, timings: Timings, effort: Effort) -> CheckOutcome:  # noqa: FBT001 - one caller's word
    return CheckOutcome.ERROR if passed and _too_few(timings, effort) else verdict(passed)


def _detail(passed: bool, timings: Timings, effort: Effort, figures: str) -> str:  # noqa: FBT001 - one caller's word
    if passed and _too_few(timings, effort):
        return f"only {len(timings.good_ms)} calls in {effort.budget_s:.0f} s; {effort.enough} must be fast to pass"
    if timings.failures:
        total = len(timings.good_ms) + len(timings.failures)
        return f"{len(timings.failures)} of {total} calls failed: {timings.failures[0]}; {figures}"
    return "" if passed else figures
