"""No step waits longer than its own limit, and what was begun in AWS is gone on with by the next attempt."""

import pytest
from small_world import HOME, ObedientKind, SmallWorld

from recovery_ops.errors import DeadlineExceededError
from recovery_ops.execution import component_steps, fencing
from recovery_ops.execution.direct import carry_on
from recovery_ops.execution.steps import run_step
from recovery_ops.model.events import Event, EventType
from recovery_ops.model.plan import Phase, PhaseCost
from recovery_ops.model.runs import RunRef

LIMIT_S = 0.3


def of_step(world: SmallWorld, ref: RunRef, kind: EventType) -> list[Event]:
    return [event for event in world.log(ref).events_of("store.rehydrate#") if event.type is kind]


def test_an_operation_that_outlasts_its_budget_fails_its_step_and_is_resumed(world: SmallWorld) -> None:
    costs = dict.fromkeys((Phase.REHYDRATE, Phase.VERIFY), PhaseCost(estimate_s=60, budget_s=100))
    world.monkeypatch.setattr(ObedientKind, "costs", classmethod(lambda cls, component: costs))
    world.monkeypatch.setattr(component_steps, "BUDGET_AT_LEAST_S", LIMIT_S)
    world.script.slow = {"store.rehydrate"}
    ref = world.declare()
    with pytest.raises(DeadlineExceededError, match="still 'Creating' at its deadline; it keeps running") as caught:
        run_step(ref, "store.rehydrate")
    assert caught.value.retryable
    assert world.state(ref).steps["store.rehydrate"].error.type == DeadlineExceededError.__name__
    (started,), (failed,) = (of_step(world, ref, kind) for kind in (EventType.OPERATION_STARTED, EventType.STEP_FAILED))
    assert LIMIT_S <= (failed.at - started.at).total_seconds() < LIMIT_S + 5
    world.script.slow.clear()
    assert run_step(ref, "store.rehydrate").outcome == "succeeded"
    first, second = of_step(world, ref, EventType.OPERATION_STARTED)
    assert second.payload["ref"] == first.payload["ref"], "the same operation: starting twice is one effect"


def test_writes_that_never_arrive_stop_a_graceful_run_and_traffic_stays(world: SmallWorld) -> None:
    world.monkeypatch.setattr(fencing, "ARRIVAL_LIMIT_AT_LEAST_S", LIMIT_S)
    world.script.slow = {"store.fence"}
    ref = world.declare(graceful=True)
    with pytest.raises(DeadlineExceededError, match="not everything has arrived in time: store: a write"):
        run_step(ref, "fence")
    fence = world.state(ref).steps["fence"]
    assert (fence.status, fence.error.type) == ("failed", DeadlineExceededError.__name__)
    assert world.serving == HOME
    world.script.slow.clear()
    carry_on(ref)
    assert world.state(ref).outcome == "committed"
