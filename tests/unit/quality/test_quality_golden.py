"""Golden predictions and quality: only the same model, answering well, passes."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery_ops.errors import ClaimLostError, ImpairedRegionError, StepInterruptedError
from recovery_ops.model.checks import CheckOutcome, Gate
from recovery_ops.quality.golden import area_under_curve, golden_check, quality_check

ROWS = [[0.0, 1.0], [1.0, 0.0], [0.5, 0.5], [1.0, 1.0]]
EXPECTED = [0.1, 0.9, 0.4, 0.8]
LABELS = [0, 1, 0, 1]


def answering(*scores):
    return lambda rows: list(scores)


def raising(error):
    def predict(rows):
        raise error

    return predict


def test_the_same_predictions_pass_and_the_numbers_are_kept():
    check = golden_check("scoring", answering(0.1, 0.9, 0.4, 0.8 + 5e-7), ROWS, EXPECTED, 1e-6)
    assert (check.gate, check.outcome) == (Gate.GOLDEN, CheckOutcome.PASS)
    assert check.observed["max_difference"] == pytest.approx(5e-7)
    assert check.observed["worst_row"] == 3
    assert check.expected == {"rows": 4, "max_difference": 1e-6}
    assert check.tolerance == 1e-6


def test_a_swapped_model_fails_and_the_worst_row_is_named():
    check = golden_check("scoring", answering(0.1, 0.9, 0.7, 0.81), ROWS, EXPECTED, 1e-6)
    assert check.outcome is CheckOutcome.FAIL
    assert check.observed["rows_beyond_tolerance"] == 2
    assert check.observed["worst_row"] == 2
    assert "row 2: 0.7 instead of 0.4" in check.detail


@pytest.mark.parametrize(
    ("scores", "why"),
    [
        ((0.1, 0.9, 0.4), "3 predictions for 4 rows"),
        ((), "0 predictions for 4 rows"),
        ((0.1, 0.9, math.nan, 0.8), "not finite numbers, the first in row 2"),
        ((0.1, math.inf, 0.4, 0.8), "not finite numbers, the first in row 1"),
    ],
)
def test_answers_that_are_no_answers_fail(scores, why):
    golden = golden_check("scoring", answering(*scores), ROWS, EXPECTED, 1e-6)
    quality = quality_check("scoring", answering(*scores), ROWS, LABELS, minimum=0.5)
    assert golden.outcome is quality.outcome is CheckOutcome.FAIL
    assert why in golden.detail
    assert why in quality.detail


def test_a_predictor_that_raises_is_an_error_and_its_reason_is_kept():
    predict = raising(StepInterruptedError("no answer from us-west-2"))
    golden = golden_check("scoring", predict, ROWS, EXPECTED, 1e-6)
    quality = quality_check("scoring", predict, ROWS, LABELS, minimum=0.5)
    assert golden.outcome is quality.outcome is CheckOutcome.ERROR
    assert "StepInterruptedError: no answer from us-west-2" in golden.detail
    assert "StepInterruptedError: no answer from us-west-2" in quality.detail


@pytest.mark.parametrize("answer", [["high", 1, 1, 1], None, [None, 1, 1, 1]])
def test_a_predictor_that_gives_no_numbers_is_an_error(answer):
    assert golden_check("scoring", lambda rows: answer, ROWS, EXPECTED, 1e-6).outcome is CheckOutcome.ERROR


@pytest.mark.parametrize("error", [ClaimLostError("another holder"), ImpairedRegionError("us-east-1")])
def test_errors_that_end_the_run_are_not_swallowed(error):
    with pytest.raises(type(error)):
        golden_check("scoring", raising(error), ROWS, EXPECTED, 1e-6)


@pytest.mark.parametrize(
    ("rows", "expected", "tolerance"),
    [
        ([], [], 1e-6),
        (ROWS, EXPECTED[:3], 1e-6),
        (ROWS, [0.1, math.nan, 0.4, 0.8], 1e-6),
        (ROWS, EXPECTED, math.nan),
        (ROWS, EXPECTED, -1.0),
    ],
)
def test_what_cannot_be_compared_is_an_error_and_never_a_pass(rows, expected, tolerance):
    check = golden_check("scoring", lambda asked: EXPECTED[: len(asked)], rows, expected, tolerance)
    assert check.outcome is CheckOutcome.ERROR


def test_quality_is_judged_against_the_minimum_and_the_baseline():
    def judge(**limits):
        return quality_check("scoring", answering(0.1, 0.9, 0.4, 0.3), ROWS, LABELS, **limits)

    assert judge(minimum=0.7).observed["auc"] == 0.75
    assert judge(minimum=0.7).outcome is CheckOutcome.PASS
    assert judge(minimum=0.8).outcome is CheckOutcome.FAIL
    assert judge(minimum=0.5, baseline=0.76, allowed_drop=0.02).outcome is CheckOutcome.PASS
    assert judge(minimum=0.5, baseline=0.90, allowed_drop=0.02).outcome is CheckOutcome.FAIL
    assert judge(minimum=0.5, baseline=0.90, allowed_drop=0.02).expected["auc"] == pytest.approx(0.88)


@pytest.mark.parametrize("labels", [[1, 1, 1, 1], [0, 0, 0, 0], [0, 1, 0], [0, 1, 2, 1], []])
def test_labels_that_say_nothing_are_an_error(labels):
    assert quality_check("s", answering(*EXPECTED), ROWS, labels, minimum=0.0).outcome is CheckOutcome.ERROR


def test_our_area_under_the_curve_is_scikit_learns():
    from sklearn.metrics import roc_auc_score

    rng = random.Random(3)
    for _ in range(20):
        labels = [0, 1] + [rng.randint(0, 1) for _ in range(60)]
        scores = [rng.choice([0.1, 0.2, 0.2, rng.random()]) for _ in labels]
        assert area_under_curve(labels, scores) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=2).filter(lambda p: len({x for x, _ in p}) == 2))
def test_turning_all_labels_round_turns_the_area_round(pairs):
    labels, scores = zip(*pairs, strict=True)
    turned = [not label for label in labels]
    assert area_under_curve(labels, scores) + area_under_curve(turned, scores) == pytest.approx(1.0)
