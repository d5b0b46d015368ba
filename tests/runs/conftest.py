"""One protected world for the session, with the library speaking to it in the modules that use it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from run_world import HOME, TARGET, World

from recovery_ops.aws import worlds
from recovery_ops.cli import local
from recovery_ops.sandbox.process import running_sandbox

FACTOR = 0.0005


def speaking_to(world: World) -> AbstractContextManager[None]:
    spool = {"RECOVERY_OPS_SPOOL": str(world.folder / "spool")}
    return worlds.speaking_to(local.environment(world.sandbox) | spool)


@pytest.fixture(scope="session")
def built_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("runs")
    log = folder / "requests.jsonl"
    with running_sandbox(folder, factor=FACTOR, regions=(HOME, TARGET), request_log=log) as sandbox:
        world = World(sandbox=sandbox, folder=folder, log=log)
        with speaking_to(world):
            world.build()
        yield world


@pytest.fixture(scope="module")
def world(built_world: World) -> Iterator[World]:
    with speaking_to(built_world):
        yield built_world
