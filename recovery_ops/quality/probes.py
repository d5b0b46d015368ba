"""What every probe of a model needs: the shape of a predictor, safe calls, and percentiles."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from recovery_ops.errors import ClaimLostError, ImpairedRegionError
from recovery_ops.model.checks import Check, CheckOutcome, Gate

Row: TypeAlias = Sequence[float]
Predict: TypeAlias = Callable[[Sequence[Row]], Sequence[float]]
"""Rows in, one score per row out. It must have a time-out of its own: a call under way is never interrupted."""

MUST_STOP = (ClaimLostError, ImpairedRegionError)
"""Errors that end the run instead of becoming a check: we no longer may act, or act in the wrong region."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one call of a predictor gave: ``scores``, or the reason why there are none."""

    scores: tuple[float, ...] = ()
    error: str = ""


def describe(error: BaseException) -> str:
    """Return type and first line of ``error``, at most 300 characters."""
    lines = str(error).strip().splitlines() or ["no message"]
    return f"{type(error).__name__}: {lines[0]}"[:300]


def ask(predict: Predict, rows: Sequence[Row]) -> Answer:
    """Call ``predict`` once; whatever it raises becomes the ``error`` of the answer.

    Raises:
        ClaimLostError: this process must not act any more.
        ImpairedRegionError: the predictor called the region that is being left.
    """
    try:
        return Answer(scores=tuple(float(score) for score in predict(rows)))
    except MUST_STOP:
        raise
    except Exception as error:  # noqa: BLE001 - a predictor is foreign code; any failure of it is an inconclusive probe
        return Answer(error=describe(error))


def problem_of(scores: Sequence[float], count: int) -> str:
    """Return why ``scores`` cannot be the answer to ``count`` rows, or an empty string."""
    if len(scores) != count:
        return f"{len(scores)} predictions for {count} rows"
    broken = [index for index, score in enumerate(scores) if not math.isfinite(score)]
    if broken:
        return f"{len(broken)} of {count} predictions are not finite numbers, the first in row {broken[0]}"
    return ""


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that ``share`` (0 to 1) of ``values`` do not exceed (nearest rank).

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("a percentile of no values")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def broken_probe(component: str, gate: Gate, name: str, reason: str, *, expected: object = None) -> Check:
    """Return an ``error`` check: the probe did not get as far as a judgement, for ``reason``."""
    return Check(
        component=component,
        gate=gate,
        name=name,
        expected=expected,
        observed=None,
        outcome=CheckOutcome.ERROR,
        detail=reason,
    )


def verdict(passed: bool) -> CheckOutcome:  # noqa: FBT001 - reads as a sentence at every call
    """Return ``pass`` or ``fail``."""
    return CheckOutcome.PASS if passed else CheckOutcome.FAIL
