"""A planned move whose soak goes wrong: home is well, so clients go back to it by themselves, and its writers too."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from itertools import takewhile

import pytest
from botocore.exceptions import ClientError
from harms import swap
from run_world import HOME, KEY, TABLE, TARGET, Harm, Told, World, altered, lean, until

from recovery_ops.execution.direct import carry_on, open_direct
from recovery_ops.execution.steps import run_step
from recovery_ops.execution.view import load_run
from recovery_ops.model.events import EventType
from recovery_ops.model.plan import SystemStep
from recovery_ops.model.system import System
from recovery_ops.sandbox.seed import data

pytestmark = pytest.mark.sandbox
ALLOWED_S, ADDED_S = 1.5, 1.6
LATE = "written-after-the-way-back"


def slow_door(world: World) -> None:
    """Every answer of the recovery region's front door is late; the endpoint behind it is as fast as ever."""
    world.sandbox.control.fault(TARGET, "latency", services=["execute-api"], seconds=ADDED_S)


def broken_door(world: World) -> None:
    world.sandbox.control.fault(TARGET, "503", services=["execute-api"])


def model_of_before(world: World) -> None:
    """Somebody deploys the version before the one that was verified."""
    swap(world, f"s3://fraud-models-{TARGET}/models/v1/model.tar.gz")


def held_to_time(system: System) -> System:
    """A lean system that may keep clients waiting for :data:`ALLOWED_S`, and whose soak needs few probes."""
    made = lean(replace(system, traffic=replace(system.traffic, min_probes=4)))
    settings = dict(made.component("scoring").settings)
    loose = {**settings["verify"], "p95_latency": ALLOWED_S, "end_to_end": ALLOWED_S}
    return altered(made, "scoring", settings=settings | {"verify": loose})


@pytest.fixture(scope="module")
def moved(world: World) -> Told:
    """A graceful run that has just moved traffic; nothing is wrong so far. Its world is kept."""
    world.reset()
    ref = open_direct(world.request(graceful=True), held_to_time(world.system))
    for step in takewhile(lambda step: step.id != SystemStep.OBSERVE, load_run(ref).plan.steps):
        run_step(ref, step.id)
    assert world.answered_by() == TARGET
    world.sandbox.control.snapshot(world.snapshot("moved"))
    return Told(world, ref, datetime.now(UTC), [])


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (slow_door, rf"p95 of the answers outside was \d+\.\d+ ms, allowed {ALLOWED_S * 1000} ms"),
        (broken_door, r"\d+ of \d+ probes failed: .*"),
        (model_of_before, "scoring: golden-predictions .*: fail; scoring: quality .*: fail"),
    ],
)
def test_a_soak_that_goes_wrong_sends_clients_and_writers_home(moved: Told, harm: Harm, why: str) -> None:
    world, told = moved.world, replace(moved)
    world.reset("moved")
    harm(world)
    carry_on(told.ref)
    soak = told.report["traffic"]["soak"]
    assert (told.state.outcome, told.report["verdict"], soak["outcome"]) == ("rolled-back", "fail", "unhealthy")
    assert re.fullmatch(why, soak["reason"]), soak["reason"]
    (back,) = told.state.note(EventType.RUN_ROLLED_BACK)
    assert (back.facts["to_region"], back.facts["serving"]) == (HOME, True)
    assert until(world.answered_by, "an answer") == told.state.serving_region == HOME
    features = {name: {"N": "0"} for name in data.FEATURES}
    world.aws("dynamodb", HOME).put_item(TableName=TABLE, Item={KEY: {"S": LATE}} | features)


def test_the_table_of_home_takes_no_writes_before_that(moved: Told) -> None:
    world = moved.world
    world.reset("moved")
    with pytest.raises(ClientError, match="AccessDenied"):
        world.aws("dynamodb", HOME).put_item(TableName=TABLE, Item={KEY: {"S": LATE}})
