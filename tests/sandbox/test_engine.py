"""The engine of stacks in this process, where a region can be out before a stack begins."""

import time
from collections.abc import Callable, Iterator

import pytest
from moto import mock_aws

from recovery_ops.sandbox import locks
from recovery_ops.sandbox.clock import ScaledClock
from recovery_ops.sandbox.cloudformation.engine import Engine, Order
from recovery_ops.sandbox.cloudformation.stack import Stack
from recovery_ops.sandbox.faults import Fault
from recovery_ops.sandbox.world import ACCOUNT, World

BODY = """
Resources:
  A: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: a}}
  B: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !Ref A}}
"""


@pytest.fixture
def engine() -> Iterator[Engine]:
    world = World(regions=("us-west-2",), clock=ScaledClock(0))
    with mock_aws():
        yield Engine(world, lambda region: (f"{region}a",))
    world.clock.stop()


def create(engine: Engine, **more: str) -> Stack:
    with locks.of("cloudformation"):
        return engine.create(Order(account=ACCOUNT, region="us-west-2", name="demo", body=BODY, **more))


def until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 10
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.005)


def test_a_stack_waits_while_its_region_is_out_and_goes_on_when_it_is_back(engine: Engine) -> None:
    world = engine.progress.effects.world
    world.faults.inject(Fault(region="us-west-2", mode="503"))
    stack = create(engine)
    turned = []
    world.clock.later_wall(0.25, lambda: turned.append(dict(stack.resources)))
    until(lambda: bool(turned))
    assert turned == [{}]
    world.faults.heal()
    until(lambda: stack.status == "CREATE_COMPLETE")


def test_a_service_that_is_out_fails_the_resource_that_needs_it(engine: Engine) -> None:
    world = engine.progress.effects.world
    world.faults.inject(Fault(region="us-west-2", mode="503", services=frozenset({"ssm"})))
    stack = create(engine)
    until(lambda: stack.status == "ROLLBACK_COMPLETE")
    assert any("Service ssm of us-west-2 does not answer" in event.reason for event in stack.events)


@pytest.mark.parametrize(("wanted", "status"), [("DO_NOTHING", "CREATE_FAILED"), ("DELETE", "DELETE_COMPLETE")])
def test_what_happens_on_failure_is_what_the_caller_asked_for(engine: Engine, wanted: str, status: str) -> None:
    engine.progress.effects.sabotage[("us-west-2", "B")] = "no luck"
    stack = create(engine, on_failure=wanted)
    until(lambda: stack.status == status)
    assert bool(stack.resources["A"].status == "CREATE_COMPLETE") == (wanted == "DO_NOTHING")


def test_the_same_token_is_the_same_request(engine: Engine) -> None:
    assert create(engine, token="once") is create(engine, token="once")


def test_a_stack_can_be_deleted_while_it_is_being_created(engine: Engine) -> None:
    stack = create(engine)
    with locks.of("cloudformation"):
        engine.delete(ACCOUNT, "us-west-2", "demo")
    until(lambda: stack.status == "DELETE_COMPLETE")
    assert not any(item.status.endswith("IN_PROGRESS") for item in stack.resources.values())
