"""That the RTO will be missed is said before it is, by the step that causes it, and stops nothing."""

import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from small_world import ObedientKind, SmallWorld, small_system, until

from recovery_ops.errors import StepFailedError
from recovery_ops.execution import asking, controls
from recovery_ops.execution.declare import criteria_of
from recovery_ops.execution.direct import carry_on
from recovery_ops.execution.forecasting import forecast
from recovery_ops.execution.steps import run_step
from recovery_ops.execution.view import load_run
from recovery_ops.execution.waking import is_held, is_unanswered
from recovery_ops.model.events import EventType
from recovery_ops.model.objectives import FromPoint
from recovery_ops.model.plan import Intent, Phase, PhaseCost
from recovery_ops.model.runs import RunRef
from recovery_ops.model.system import ApprovalMode, Tier
from recovery_ops.record.log import EventLog


def test_a_plan_that_goes_as_estimated_is_forecast_as_planned(world: SmallWorld) -> None:
    ref = world.declare()
    view = load_run(ref)
    (system, *_) = view.plan.estimates
    found = forecast(view, {})
    assert (found.forecast_s, found.chain) == (system.estimate_s, system.chain)
    assert forecast(view, {"store.rehydrate": 160.0}).forecast_s == system.estimate_s + 100
    assert forecast(view, {"notes.rehydrate": 160.0}).forecast_s == system.estimate_s


def test_a_run_in_time_says_nothing(world: SmallWorld) -> None:
    ref = world.declare()
    carry_on(ref)
    assert not world.state(ref).note(EventType.RTO_FORECAST)


def test_the_step_that_causes_it_says_so_while_it_still_works(world: SmallWorld) -> None:
    world.system = small_system(rto_s=1000.0)
    world.script.slow = {"store.rehydrate"}
    ref = world.declare()
    thread = world.carry_on(ref)
    (said,) = until(lambda: world.state(ref).note(EventType.RTO_FORECAST))
    assert world.statuses(ref)["store.rehydrate"] == "running"
    facts = said.facts
    assert (facts["step"], facts["objective_s"]) == ("store.rehydrate", 1000.0)
    assert facts["late_s"] > 0
    assert "store.rehydrate" in facts["chain"]
    elapsed_s = (said.at - world.state(ref).clocks["T0"]).total_seconds() / 0.001
    assert facts["forecast_s"] > elapsed_s - 100
    world.script.slow.clear()
    world.ended(thread)
    assert world.state(ref).outcome == "committed"
    assert len(world.state(ref).note(EventType.RTO_FORECAST)) == 1


FACTOR, RTO_S = 0.02, 700.0
ASKS = {"by_tier": dict.fromkeys(Tier, ApprovalMode.ASK), "timeout_s": 1e6}


def hurry(world: SmallWorld, **approval: object) -> None:
    """Let the plan just fit; most of it is cutover, which is still ahead when a forecast turns bad."""
    costs = {
        Phase.REHYDRATE: PhaseCost(estimate_s=5, budget_s=6000),
        Phase.VERIFY: PhaseCost(estimate_s=0.2, budget_s=60),
    }
    world.monkeypatch.setattr(ObedientKind, "costs", classmethod(lambda cls, component: costs))
    world.monkeypatch.setenv("RECOVERY_OPS_TIME_FACTOR", str(FACTOR))
    plain = small_system(approval=approval)
    world.system = replace(plain, rto_s=RTO_S, traffic=replace(plain.traffic, ttl_s=590, soak_s=5))


def said_in_time(world: SmallWorld, ref: RunRef) -> str:
    """Return the step of the one forecast, which stood in the record before the RTO was missed."""
    (said,) = until(lambda: world.state(ref).note(EventType.RTO_FORECAST))
    clocks = world.state(ref).clocks
    before_s, since_s = (clocks["T3"] - clocks["T0"]).total_seconds(), (said.at - clocks["T3"]).total_seconds()
    assert before_s + since_s / FACTOR < RTO_S
    assert said.facts["objective_s"] == RTO_S
    assert said.facts["late_s"] > 0
    assert said.facts["step"] in said.facts["chain"]
    return str(said.facts["step"])


def blamed(world: SmallWorld, ref: RunRef) -> list[object]:
    return [note.facts["step"] for note in world.state(ref).note(EventType.RTO_FORECAST)]


def test_an_open_question_says_so_before_the_rto_is_over(world: SmallWorld) -> None:
    hurry(world, **ASKS)
    ref = world.declare(lost_s=40.0)
    thread = world.carry_on(ref)
    assert said_in_time(world, ref) == "approve"
    assert world.state(ref).open_question
    controls.answer_approval(ref, person="bob", decision="approve")
    world.ended(thread)
    assert world.state(ref).outcome == "committed"
    assert blamed(world, ref) == ["approve"]


def test_a_pause_says_so_before_the_rto_is_over(world: SmallWorld) -> None:
    hurry(world)
    ref = world.declare(lost_s=40.0)
    run_step(ref, "declare")
    controls.pause(ref, person="bob", reason="wait")
    thread = world.carry_on(ref)
    assert said_in_time(world, ref) == "fence"
    assert not world.started(ref, "fence")
    controls.resume(ref, person="bob", reason="go on")
    world.ended(thread)
    assert world.state(ref).outcome == "committed"
    assert blamed(world, ref) == ["fence"]


def test_a_failed_step_that_waits_for_people_says_so_before_the_rto_is_over(world: SmallWorld) -> None:
    hurry(world, hold_s=1e6)
    world.script.errors["store.rehydrate"] = [StepFailedError("broken")]
    ref = world.declare(lost_s=40.0)
    thread = world.carry_on(ref)
    assert said_in_time(world, ref) == "store.rehydrate"
    assert world.statuses(ref)["store.rehydrate"] == "failed"
    controls.retry(ref, "store.rehydrate", person="bob", reason="mended")
    world.ended(thread)
    assert blamed(world, ref) == ["store.rehydrate"]


@pytest.mark.parametrize("step", ["store.verify", "fence"])
def test_whatever_a_step_does_that_takes_too_long_says_so(world: SmallWorld, step: str) -> None:
    hurry(world)
    world.script.slow = {step, "store.fence"}
    ref = world.declare(graceful=True, lost_s=48.0)
    thread = threading.Thread(target=run_step, args=(ref, step), daemon=True)
    thread.start()
    assert said_in_time(world, ref) == step
    until(lambda: world.statuses(ref)[step] == "running")
    world.script.slow.clear()
    world.ended(thread)


def test_a_step_that_is_called_again_and_again_says_so_once(world: SmallWorld) -> None:
    hurry(world)
    ref = world.declare(lost_s=48.0)
    controls.pause(ref, person="bob", reason="wait")
    for _ in range(5):
        run_step(ref, "fence", wait_limit_s=0.15)
        assert is_held(ref, "fence")
    assert blamed(world, ref) == ["fence"]


def test_whoever_watches_from_outside_says_so_too(world: SmallWorld) -> None:
    """As a triggerer does: no process of the run works while Airflow asks, or while a pause outlasts its task."""
    hurry(world, **ASKS)
    ref = world.declare(lost_s=40.0)
    for step in ("declare", "fence", "store.rehydrate", "store.verify", "model.rehydrate", "model.verify"):
        run_step(ref, step)
    assert is_unanswered(ref)
    asking.note_question(ref, 900.0)
    until(lambda: is_unanswered(ref) and world.state(ref).note(EventType.RTO_FORECAST))
    assert said_in_time(world, ref) == "approve"
    assert is_unanswered(ref)
    run_step(ref, "approve", answer={"decision": "approve", "person": "bob", "comment": ""})
    assert not is_unanswered(ref)
    assert blamed(world, ref) == ["approve"]


def test_nobody_waits_for_the_answer_to_a_run_that_is_over(world: SmallWorld) -> None:
    hurry(world, **ASKS)
    ref = world.declare()
    asking.note_question(ref, 900.0)
    run_step(ref, "close")
    assert not is_unanswered(ref)
    assert world.claims(ref).holder("ranking", "production") is None


def test_a_question_about_the_commit_delays_nothing(world: SmallWorld) -> None:
    """Traffic is served by then: the RTO is met or missed already."""
    hurry(world, commit=ApprovalMode.ASK, commit_timeout_s=1e6)
    ref = world.declare(lost_s=40.0)
    thread = world.carry_on(ref)
    asked = until(lambda: (seen := world.state(ref).open_question) and seen.question == "commit" and seen)
    until(lambda: (datetime.now(UTC) - world.state(ref).clocks["T3"]).total_seconds() > RTO_S * FACTOR / 8)
    assert asked
    assert blamed(world, ref) == []
    controls.answer_approval(ref, person="bob", decision="approve")
    world.ended(thread)


def test_a_pause_that_is_over_counts_for_what_comes_after_it(world: SmallWorld) -> None:
    hurry(world)
    ref = world.declare()
    run_step(ref, "declare")
    before_s = forecast(load_run(ref), {}).forecast_s
    controls.pause(ref, person="bob", reason="wait")
    thread = threading.Thread(target=run_step, args=(ref, "fence"), daemon=True)
    thread.start()
    paused = until(lambda: world.state(ref).control.paused)
    until(lambda: (datetime.now(UTC) - paused.at).total_seconds() > 0.5)
    controls.resume(ref, person="bob", reason="go on")
    world.ended(thread)
    assert forecast(load_run(ref), {}).forecast_s >= before_s - 10 + 0.5


def test_a_step_that_traffic_does_not_wait_for_says_nothing(world: SmallWorld) -> None:
    world.system = small_system(rto_s=400.0)
    world.script.slow = {"notes.rehydrate"}
    ref = world.declare()
    thread = world.carry_on(ref)
    until(lambda: world.state(ref).committed)
    assert "notes.rehydrate" not in {note.facts["step"] for note in world.state(ref).note(EventType.RTO_FORECAST)}
    controls.cancel(ref, person="bob", reason="enough")
    world.ended(thread)


def test_a_plan_that_does_not_fit_any_more_is_said_at_once(world: SmallWorld) -> None:
    world.system = replace(world.system, rto_s=60.0)
    ref = world.declare()
    carry_on(ref)
    (said, *_) = world.state(ref).note(EventType.RTO_FORECAST)
    assert said.facts["step"] == "declare"
    assert world.state(ref).outcome == "committed"


def test_a_run_that_trusts_no_replica_is_forecast_against_the_objective_of_such_runs(world: SmallWorld) -> None:
    world.system = replace(world.system, rto_s=60.0, from_point=FromPoint(rto_s=1000.0))
    ref = world.declare(intent=Intent.CORRUPTION)
    assert forecast(load_run(ref), {}).objective_s == 1000.0
    carry_on(ref)
    assert not world.state(ref).note(EventType.RTO_FORECAST)


def test_and_only_a_run_that_trusts_no_replica_is(world: SmallWorld) -> None:
    world.system = replace(world.system, rto_s=1000.0, from_point=FromPoint(rto_s=60.0))
    assert forecast(load_run(world.declare()), {}).objective_s == 1000.0


def test_what_a_run_is_judged_by_is_fixed_with_its_basis(world: SmallWorld) -> None:
    store, model, notes = world.system.components
    pointed = (replace(store, rpo_s=60.0, from_point=FromPoint(rto_s=900.0, rpo_s=1800.0)), model, notes)
    system = replace(world.system, components=pointed, from_point=FromPoint(rto_s=2400.0))
    ordinary, from_point = (criteria_of(system, intent) for intent in (Intent.REGION_LOSS, Intent.CORRUPTION))
    facts = ("rto_s", "rpo_s", "basis")
    assert ordinary["system"] == {"rto_s": 1800.0, "basis": {"rto": "ordinary"}}
    assert from_point["system"] == {"rto_s": 2400.0, "basis": {"rto": "from-point"}}
    both = {"rto": "ordinary", "rpo": "ordinary"}
    assert [ordinary["components"]["store"][name] for name in facts] == [600.0, 60.0, both]
    own = {"rto": "from-point", "rpo": "from-point"}
    assert [from_point["components"]["store"][name] for name in facts] == [900.0, 1800.0, own]
    assert from_point["components"]["model"] == ordinary["components"]["model"]


def test_the_success_of_a_step_stays_the_end_of_its_chain(world: SmallWorld) -> None:
    world.system = replace(world.system, rto_s=60.0)
    ref = world.declare()
    carry_on(ref)
    log: EventLog = world.log(ref)
    tails = {event.writer: event.type for event in log.tails()}
    assert tails["store.rehydrate#1"] is EventType.STEP_SUCCEEDED
