"""Predictions: medians and ninetieth percentiles of what was measured, and what may be concluded from them."""

import pytest
from planning_builders import make_component, make_plan, make_system

from recovery_ops.model.plan import Plan
from recovery_ops.model.readiness import Basis, Outlook, Prediction
from recovery_ops.planning.predicting import predicted_rpo, predicted_rtos, spread

SYSTEM = make_system(make_component("base"), make_component("model", needs=("base",)), rto_s=300.0)


def system_rto(plan: Plan, samples: dict[str, list[float]]) -> Prediction:
    return next(item for item in predicted_rtos(plan, samples) if item.name == SYSTEM.name)


def measured(plan: Plan, seconds: float, *more: float) -> dict[str, list[float]]:
    return {step.id: [seconds, *more] for step in plan.steps}


def test_percentiles_are_by_nearest_rank() -> None:
    found = spread([float(number) for number in range(1, 11)])
    assert found is not None
    assert (found.p50_s, found.p90_s, found.least_s, found.most_s, found.count) == (5, 9, 1, 10, 10)
    assert spread([]) is None


def test_without_measurements_the_estimates_are_taken_and_nothing_is_promised() -> None:
    plan = make_plan(SYSTEM)
    found = system_rto(plan, {})
    assert found.basis is Basis.ESTIMATED
    assert found.likely_s == plan.estimates[0].estimate_s
    assert found.verdict is Outlook.NOT_KNOWN
    assert found.unmeasured == found.chain == plan.estimates[0].chain


def test_an_estimate_beyond_the_objective_is_not_achievable() -> None:
    plan = make_plan(make_system(*SYSTEM.components, rto_s=1.0))
    assert predicted_rtos(plan, {})[0].verdict is Outlook.NOT_ACHIEVABLE


def test_measured_steps_within_the_objective_are_achievable() -> None:
    plan = make_plan(SYSTEM)
    found = system_rto(plan, measured(plan, 2.0, 3.0))
    assert found.basis is Basis.MEASURED
    assert found.verdict is Outlook.ACHIEVABLE
    assert found.runs == 2
    assert found.likely_s == 2.0 * len(found.chain)
    assert found.late_s == 3.0 * len(found.chain)


def test_a_spread_across_the_objective_is_not_known() -> None:
    plan = make_plan(SYSTEM)
    found = system_rto(plan, measured(plan, 1.0, 1.0, 200.0))
    assert found.verdict is Outlook.NOT_KNOWN


def test_one_unmeasured_phase_is_enough_not_to_know_and_system_steps_are_not() -> None:
    plan = make_plan(SYSTEM)
    samples = measured(plan, 1.0)
    without_cutover = {name: found for name, found in samples.items() if name != "cutover"}
    assert system_rto(plan, without_cutover).verdict is Outlook.ACHIEVABLE
    assert system_rto(plan, without_cutover).basis is Basis.PARTLY
    without_phase = {name: found for name, found in samples.items() if name != "model.verify"}
    assert system_rto(plan, without_phase).verdict is Outlook.NOT_KNOWN
    assert "1 of 4 phases" in system_rto(plan, without_phase).why


def test_measurements_can_change_which_chain_is_the_longest() -> None:
    plan = make_plan(make_system(make_component("left"), make_component("right")))
    found = predicted_rtos(plan, {"right.rehydrate": [500.0]})[0]
    assert "right.rehydrate" in found.chain
    assert "left.rehydrate" not in found.chain


@pytest.mark.parametrize(
    ("ages", "verdict"),
    [([1.0, 2.0], Outlook.ACHIEVABLE), ([90.0], Outlook.NOT_ACHIEVABLE), ([1.0, 1.0, 99.0], Outlook.NOT_KNOWN)],
)
def test_the_rpo_is_predicted_from_what_sweeps_measured(ages: list[float], verdict: Outlook) -> None:
    assert predicted_rpo("base", 60.0, ages, default_s=900.0).verdict is verdict


def test_an_rpo_that_nobody_measured_is_the_cadence_at_worst() -> None:
    assert predicted_rpo("base", 60.0, [], default_s=900.0).verdict is Outlook.NOT_ACHIEVABLE
    assert predicted_rpo("base", 1800.0, [], default_s=900.0).verdict is Outlook.NOT_KNOWN
    assert predicted_rpo("base", 60.0, [], default_s=None).likely_s is None
