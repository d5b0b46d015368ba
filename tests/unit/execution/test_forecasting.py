"""That the RTO will be missed is said before it is, by the step that causes it, and stops nothing."""

from dataclasses import replace

from small_world import SmallWorld, small_system, until

from recovery_ops.execution import controls
from recovery_ops.execution.declare import criteria_of
from recovery_ops.execution.direct import carry_on
from recovery_ops.execution.forecasting import forecast
from recovery_ops.execution.view import load_run
from recovery_ops.model.events import EventType
from recovery_ops.model.objectives import FromPoint
from recovery_ops.model.plan import Intent
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
