"""One protected world for all drills; every test starts from a snapshot of it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from stage import CATALOGS, FACTOR, Stage, patient_system

from recovery_ops.aws import worlds
from recovery_ops.cli import local
from recovery_ops.execution.protecting import protect
from recovery_ops.sandbox.process import running_sandbox
from recovery_ops.sandbox.seed.fraud_detection import seed


@pytest.fixture(scope="session")
def built_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("drills")
    with running_sandbox(folder / "sandbox", factor=FACTOR, regions=("us-east-1", "us-west-2")) as sandbox:
        made = Stage(sandbox=sandbox, system=patient_system(), folder=folder)
        with speaking_to(made):
            seed(sandbox.base_url, CATALOGS / "fraud-detection" / "network.yaml")
            protect(made.system)
        sandbox.control.snapshot(folder / "protected.snapshot")
        yield made


@pytest.fixture(scope="module")
def world(built_world: Stage) -> Iterator[Stage]:
    with speaking_to(built_world):
        yield built_world


def speaking_to(stage: Stage) -> AbstractContextManager[None]:
    spool = {"RECOVERY_OPS_SPOOL": str(stage.folder / "spool")}
    return worlds.speaking_to(local.environment(stage.sandbox) | spool)


@pytest.fixture
def stage(world: Stage) -> Iterator[Stage]:
    world.sandbox.control.restore(world.folder / "protected.snapshot")
    world.before = world.standing()
    yield world
    world.sandbox.control.heal()
