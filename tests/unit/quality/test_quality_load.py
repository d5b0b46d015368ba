"""Latency, throughput and end to end: slow, failing or hardly measured never passes."""

import dataclasses
import threading
import time

import pytest
from quality_builders import FakeClock, taking

from recovery_ops.errors import ClaimLostError, VerificationFailedError
from recovery_ops.model.checks import CheckOutcome, Gate
from recovery_ops.quality.baseline import Baseline, measure_baseline
from recovery_ops.quality.goals import Auc, Verify
from recovery_ops.quality.golden_set import GoldenSet
from recovery_ops.quality.load import end_to_end_check, latency_check, throughput_check
from recovery_ops.quality.model_gates import trial_checks
from recovery_ops.quality.timing import Effort, measure

ROWS = [[0.0, 1.0], [1.0, 0.0]]
EFFORT = Effort(calls=40, warm_up=3, budget_s=10.0)


def latency(seconds, effort=EFFORT, **limits):
    clock = FakeClock()
    return latency_check("scoring", taking(clock, seconds), ROWS, effort=effort, clock=clock, **limits)


def test_a_fast_endpoint_passes_and_the_figures_are_kept():
    check = latency(lambda n: 0.010, limit_ms=120)
    assert (check.gate, check.outcome, check.unit) == (Gate.LATENCY, CheckOutcome.PASS, "ms")
    assert check.observed["p50_ms"] == check.observed["p95_ms"] == check.observed["p99_ms"] == pytest.approx(10)
    assert check.observed["calls"] == 40
    assert check.observed["warm_up_excluded"] == 3
    assert check.expected == {"p95_ms": 120, "failed": 0}


def test_a_slow_endpoint_fails():
    check = latency(lambda n: 0.150, limit_ms=120)
    assert check.outcome is CheckOutcome.FAIL
    assert "p95 150.0 ms, allowed 120.0 ms" in check.detail


def test_a_slow_warm_up_does_not_count():
    assert latency(lambda n: 1.0 if n < 3 else 0.010, limit_ms=120).outcome is CheckOutcome.PASS


def test_a_tail_beyond_the_95th_percentile_fails_and_one_within_it_does_not():
    assert latency(lambda n: 0.5 if n % 10 == 9 else 0.01, limit_ms=120).outcome is CheckOutcome.FAIL
    assert latency(lambda n: 0.5 if n == 20 else 0.01, limit_ms=120).outcome is CheckOutcome.PASS


def test_within_the_limit_and_far_above_the_baseline_fails():
    facts = {"limit_ms": 120, "baseline_p95_ms": 30, "ratio": 2.0, "slack_ms": 5.0}
    assert latency(lambda n: 0.058, **facts).outcome is CheckOutcome.PASS
    check = latency(lambda n: 0.070, **facts)
    assert check.outcome is CheckOutcome.FAIL
    assert check.expected["p95_ms"] == 60
    assert check.tolerance == facts


def test_a_tiny_baseline_leaves_the_stated_slack():
    facts = {"limit_ms": 120, "baseline_p95_ms": 2, "ratio": 2.0, "slack_ms": 25.0}
    assert latency(lambda n: 0.020, **facts).outcome is CheckOutcome.PASS
    assert latency(lambda n: 0.030, **facts).outcome is CheckOutcome.FAIL


def test_a_catalog_says_how_many_times_the_baseline_is_fast_enough():
    goals = Verify(golden="g.parquet", auc=Auc(min=0.5), p95_latency=60.0, latency_ratio=7.0)
    golden = GoldenSet(columns=("a", "b"), rows=((0.0, 1.0), (1.0, 0.0)), labels=(0, 1), predictions=(0.1, 0.9))
    checks = trial_checks(
        "scoring", lambda rows: [0.5] * len(rows), golden, goals, baseline_auc=None, baseline_p95_ms=90
    )
    (found,) = [check for check in checks if check.gate is Gate.LATENCY]
    assert found.expected["p95_ms"] == 630


def test_measuring_ends_with_its_time_and_a_few_slow_calls_prove_slowness():
    check = latency(lambda n: 1.0, limit_ms=120)
    assert check.outcome is CheckOutcome.FAIL
    assert check.observed["calls"] < 10
    assert check.observed["elapsed_s"] <= 10


def test_a_few_fast_calls_prove_nothing():
    check = latency(lambda n: 0.9, limit_ms=2000)
    assert check.outcome is CheckOutcome.ERROR
    assert "20 must be fast to pass" in check.detail


def test_a_warm_up_that_takes_all_the_time_is_an_error():
    assert latency(lambda n: 20.0, limit_ms=1e9).outcome is CheckOutcome.ERROR


def failing_at(*numbers):
    calls = [0]

    def predict(rows):
        calls[0] += 1
        if calls[0] - 1 in numbers:
            raise ConnectionResetError("reset by peer")
        return [0.5] * len(rows)

    return predict, calls


def test_one_failed_call_fails_the_check():
    predict, _ = failing_at(10)
    check = latency_check("scoring", predict, ROWS, limit_ms=1000, effort=EFFORT)
    assert check.outcome is CheckOutcome.FAIL
    assert check.observed["failed"] == 1
    assert "1 of 40 calls failed: ConnectionResetError: reset by peer" in check.detail


def test_an_endpoint_that_never_answers_is_an_error_and_is_not_asked_for_ever():
    predict, calls = failing_at(*range(1000))
    check = latency_check("scoring", predict, ROWS, limit_ms=1000, effort=EFFORT)
    assert check.outcome is CheckOutcome.ERROR
    assert "ConnectionResetError" in check.detail
    assert calls[0] == 3 + 5


@pytest.mark.parametrize("answer", [[], [0.1, 0.2], [float("nan")]])
def test_wrong_answers_are_failed_calls(answer):
    check = latency_check("scoring", lambda rows: answer, ROWS, limit_ms=1000, effort=EFFORT)
    assert check.outcome is CheckOutcome.ERROR


def test_without_rows_nothing_is_measured_and_that_is_an_error():
    assert latency_check("s", lambda rows: [0.1], [], limit_ms=1).outcome is CheckOutcome.ERROR
    assert throughput_check("s", lambda rows: [0.1], [], required_per_s=1).outcome is CheckOutcome.ERROR
    nothing = end_to_end_check("s", lambda entity: [0.1], lambda rows: [0.1], [], limit_ms=1)
    assert nothing.outcome is CheckOutcome.ERROR


def test_a_lost_claim_ends_the_measurement_in_every_thread():
    def predict(rows):
        raise ClaimLostError("another holder")

    with pytest.raises(ClaimLostError):
        throughput_check("scoring", predict, ROWS, required_per_s=500)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("probe")]


BUSY = Effort(calls=40, warm_up=1, threads=4, budget_s=5.0)


def test_a_service_that_keeps_up_passes_and_is_offered_a_little_more_than_required():
    check = throughput_check("scoring", lambda rows: [0.5], ROWS, required_per_s=200, effort=BUSY)
    assert (check.gate, check.outcome, check.unit) == (Gate.THROUGHPUT, CheckOutcome.PASS, "calls/s")
    assert check.observed["offered_per_s"] == 250
    assert 200 <= check.observed["per_s"] <= 250
    assert check.observed["threads"] == 4


def test_a_service_that_does_not_keep_up_fails():
    def predict(rows):
        time.sleep(0.05)
        return [0.5]

    check = throughput_check("scoring", predict, ROWS, required_per_s=200, effort=BUSY)
    assert check.outcome is CheckOutcome.FAIL
    assert check.observed["per_s"] < 85


def test_throughput_counts_failed_calls():
    predict, _ = failing_at(7, 20)
    check = throughput_check("scoring", predict, ROWS, required_per_s=100, effort=dataclasses.replace(BUSY, threads=1))
    assert check.outcome is CheckOutcome.FAIL
    assert check.observed["failed"] == 2


def test_throughput_below_its_baseline_fails():
    clock = FakeClock()

    def judge(**baseline):
        effort = Effort(calls=40, warm_up=0)
        predict = taking(clock, lambda n: 0.01)
        return throughput_check("s", predict, ROWS, required_per_s=90, effort=effort, clock=clock, **baseline)

    assert judge().outcome is CheckOutcome.PASS
    assert judge(baseline_per_s=112, min_ratio=0.8).outcome is CheckOutcome.PASS
    assert judge(baseline_per_s=112, min_ratio=0.99).outcome is CheckOutcome.FAIL


def test_end_to_end_counts_the_look_up():
    clock = FakeClock()

    def lookup(entity):
        clock.now += 0.2
        return ROWS[0]

    facts = {"effort": EFFORT, "clock": clock}
    slow = end_to_end_check("s", lookup, taking(clock, lambda n: 0.01), ["a", "b"], limit_ms=150, **facts)
    assert (slow.gate, slow.outcome) == (Gate.END_TO_END, CheckOutcome.FAIL)
    assert slow.observed["p95_ms"] == pytest.approx(210)
    fast = end_to_end_check("s", lookup, taking(clock, lambda n: 0.01), ["a", "b"], limit_ms=250, **facts)
    assert fast.outcome is CheckOutcome.PASS


def test_an_entity_without_features_is_a_failed_call_that_names_it():
    def lookup(entity):
        if entity == "page-2":
            raise KeyError(entity)
        return ROWS[0]

    check = end_to_end_check("s", lookup, lambda rows: [0.5], ["page-1", "page-2"], limit_ms=1000, effort=EFFORT)
    assert check.outcome is CheckOutcome.FAIL
    assert "look-up of page-2: KeyError" in check.detail


def test_threads_share_the_calls_and_make_no_more_than_asked():
    seen = []
    timings = measure(lambda number: seen.append(number) or "", Effort(calls=50, warm_up=0, threads=8))
    assert sorted(seen) == list(range(50))
    assert len(timings.good_ms) == 50


@pytest.mark.parametrize("wrong", [{"calls": 0}, {"threads": 0}, {"budget_s": 0}, {"warm_up": -1}, {"per_s": 0}])
def test_an_effort_that_measures_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match="effort"):
        Effort(**wrong)


def test_a_baseline_is_measured_and_survives_json():
    clock = FakeClock()
    predict = taking(clock, lambda n: 0.004)
    facts = {"required_per_s": 40, "lookup": lambda entity: ROWS[0], "entities": ["a"], "clock": clock}
    effort = Effort(calls=40, warm_up=1)
    efforts = dict.fromkeys(("latency", "throughput", "end_to_end"), effort)
    baseline = measure_baseline(predict, ROWS, None, **facts, **efforts)
    assert baseline.predictions == (0.5, 0.5)
    assert baseline.p95_ms == baseline.end_to_end_p95_ms == pytest.approx(4)
    assert 40 <= baseline.throughput_per_s <= 50
    assert Baseline.from_json(baseline.to_json()) == baseline


def test_a_baseline_knows_the_quality_when_there_are_labels():
    baseline = measure_baseline(lambda rows: [row[0] for row in rows], ROWS, [0, 1], required_per_s=1000)
    assert baseline.auc == 1.0
    assert baseline.end_to_end_p95_ms is None


@pytest.mark.parametrize("numbers", [[0], [30], [150]])
def test_an_endpoint_that_fails_gives_no_baseline(numbers):
    predict, _ = failing_at(*numbers)
    with pytest.raises(VerificationFailedError, match="baseline"):
        measure_baseline(predict, ROWS, None, required_per_s=1000)


def test_the_load_offered_is_paced_and_not_as_much_as_the_service_can_take():
    clock = FakeClock()
    effort = Effort(calls=41, warm_up=0)
    predict = taking(clock, lambda n: 0.0)
    check = throughput_check("s", predict, ROWS, required_per_s=40, effort=effort, clock=clock)
    assert check.outcome is CheckOutcome.PASS
    assert check.observed["elapsed_s"] == pytest.approx(0.8)
    assert check.observed["per_s"] == 50
