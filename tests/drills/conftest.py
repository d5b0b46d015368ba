"""One protected world for all drills; every test starts from a snapshot of it."""

import os
from collections.abc import Iterator

import pytest
from stage import CATALOGS, FACTOR, Stage, patient_system

from recovery_ops.aws import clients, identity
from recovery_ops.cli import local
from recovery_ops.execution.protecting import protect
from recovery_ops.sandbox.process import running_sandbox
from recovery_ops.sandbox.seed.fraud_detection import seed


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("drills")
    saved = dict(os.environ)
    caches = (clients._client, clients._session, identity._caller_arn)
    with running_sandbox(folder / "sandbox", factor=FACTOR, regions=("us-east-1", "us-west-2")) as sandbox:
        local.use(local.environment(sandbox) | {"RECOVERY_OPS_SPOOL": str(folder / "spool")})
        for cache in caches:
            cache.cache_clear()
        seed(sandbox.base_url, CATALOGS / "fraud-detection" / "network.yaml")
        made = Stage(sandbox=sandbox, system=patient_system(), folder=folder)
        protect(made.system)
        sandbox.control.snapshot(folder / "protected.snapshot")
        yield made
    os.environ.clear()
    os.environ |= saved
    for cache in caches:
        cache.cache_clear()


@pytest.fixture
def stage(world: Stage) -> Iterator[Stage]:
    world.sandbox.control.restore(world.folder / "protected.snapshot")
    world.before = world.standing()
    yield world
    world.sandbox.control.heal()
