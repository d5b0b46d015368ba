"""Model gates that need no clock: golden predictions within tolerance, and quality against labels."""

from collections.abc import Sequence

from recovery_ops.model.checks import Check, CheckOutcome, Gate
from recovery_ops.quality.probes import Predict, Row, ask, broken_probe, problem_of, verdict

GOLDEN_NAME = "golden predictions"
QUALITY_NAME = "area under the ROC curve"


def golden_check(
    component: str, predict: Predict, rows: Sequence[Row], expected: Sequence[float], tolerance: float
) -> Check:
    """Replay ``rows`` and compare the answers with the ``expected`` predictions of the recovery point.

    ``tolerance`` is the largest absolute difference allowed in any row. A predictor that raises is an ``error``, and so
    is an ``expected`` list that cannot be judged against; a wrong number of answers or one that is not finite is a
    ``fail``.

    Raises:
        ClaimLostError: this process must not act any more.
        ImpairedRegionError: the predictor called the region that is being left.
    """
    goal = {"rows": len(rows), "max_difference": tolerance}
    if reason := _unusable(rows, expected, tolerance):
        return broken_probe(component, Gate.GOLDEN, GOLDEN_NAME, reason, expected=goal)
    answer = ask(predict, rows)
    if answer.error:
        return broken_probe(component, Gate.GOLDEN, GOLDEN_NAME, answer.error, expected=goal)
    observed, passed, detail = _compare(answer.scores, expected, tolerance)
    return Check(
        component=component,
        gate=Gate.GOLDEN,
        name=GOLDEN_NAME,
        expected=goal,
        observed=observed,
        outcome=verdict(passed),
        tolerance=tolerance,
        detail=detail,
    )


def _unusable(rows: Sequence[Row], expected: Sequence[float], tolerance: float) -> str:
    if not rows:
        return "no golden rows: nothing was compared"
    if not tolerance >= 0:
        return f"the tolerance {tolerance} is not a number of at least 0"
    if problem := problem_of(expected, len(rows)):
        return f"the stored golden predictions cannot be used: {problem}"
    return ""


def _compare(
    scores: Sequence[float], expected: Sequence[float], tolerance: float
) -> tuple[dict[str, float | None], bool, str]:
    if problem := problem_of(scores, len(expected)):
        return {"rows": len(scores), "max_difference": None}, False, problem
    differences = [abs(score - wanted) for score, wanted in zip(scores, expected, strict=True)]
    worst = max(range(len(differences)), key=differences.__getitem__)
    beyond = sum(difference > tolerance for difference in differences)
    observed: dict[str, float | None] = {
        "rows": len(scores),
        "max_difference": differences[worst],
        "worst_row": worst,
        "rows_beyond_tolerance": beyond,
    }
    detail = f"row {worst}: {scores[worst]!r} instead of {expected[worst]!r}" if beyond else ""
    return observed, not beyond, detail


def area_under_curve(labels: Sequence[int | float | bool], scores: Sequence[float]) -> float:
    """Return the chance that a positive row scores above a negative one; ties count half (0 to 1).

    Raises:
        ValueError: lengths differ, a label is neither 0 nor 1, or one of the two classes is missing.
    """
    if len(labels) != len(scores):
        raise ValueError(f"{len(labels)} labels for {len(scores)} scores")
    if not set(labels) <= {0, 1}:
        raise ValueError("labels must be 0 or 1")
    positives = sum(1 for label in labels if label == 1)
    negatives = len(labels) - positives
    if not positives or not negatives:
        raise ValueError(f"{positives} positive and {negatives} negative labels; both are needed")
    ranks = _ranks(scores)
    rank_sum = sum(rank for rank, label in zip(ranks, labels, strict=True) if label == 1)
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def _ranks(values: Sequence[float]) -> list[float]:
    """Return the rank of each value from 1 on; equal values share the mean of their ranks."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for index in order[start:end]:
            ranks[index] = (start + 1 + end) / 2
        start = end
    return ranks


def quality_check(
    component: str,
    predict: Predict,
    rows: Sequence[Row],
    labels: Sequence[int | float | bool],
    *,
    minimum: float,
    baseline: float | None = None,
    allowed_drop: float = 0.0,
) -> Check:
    """Judge the area under the ROC curve on labelled ``rows``.

    It must reach ``minimum`` and ``baseline - allowed_drop``; all three are shares from 0 to 1. Unusable labels and a
    predictor that raises are an ``error``; a wrong number of answers, or one that is not finite, is a ``fail``.

    Raises:
        ClaimLostError: this process must not act any more.
        ImpairedRegionError: the predictor called the region that is being left.
    """
    floor = minimum if baseline is None else max(minimum, baseline - allowed_drop)
    goal = {"auc": floor, "minimum": minimum, "baseline": baseline}
    answer = ask(predict, rows)
    if answer.error:
        return broken_probe(component, Gate.QUALITY, QUALITY_NAME, answer.error, expected=goal)
    auc: float | None = None
    problem = problem_of(answer.scores, len(rows))
    if not problem:
        try:
            auc = area_under_curve(labels, answer.scores)
        except ValueError as error:
            reason = f"the labels cannot be used: {error}"
            return broken_probe(component, Gate.QUALITY, QUALITY_NAME, reason, expected=goal)
    return Check(
        component=component,
        gate=Gate.QUALITY,
        name=QUALITY_NAME,
        expected=goal,
        observed={"auc": auc, "rows": len(rows)},
        outcome=_quality_outcome(auc, floor),
        tolerance=allowed_drop,
        detail=problem,
    )


def _quality_outcome(auc: float | None, floor: float) -> CheckOutcome:
    return verdict(auc is not None and auc >= floor)
