"""One protected world for the session, with the library speaking to it in the modules that use it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from run_world import HOME, TARGET, World

from recovery_ops.aws import clients, identity
from recovery_ops.cli import local
from recovery_ops.sandbox.process import running_sandbox

FACTOR = 0.0005


@contextmanager
def speaking_to(world: World) -> Iterator[None]:
    saved = dict(os.environ)
    caches = (clients._client, clients._session, identity._caller_arn)
    for name in [name for name in saved if name.startswith("RECOVERY_OPS_")]:
        del os.environ[name]
    local.use(local.environment(world.sandbox) | {"RECOVERY_OPS_SPOOL": str(world.folder / "spool")})
    for cache in caches:
        cache.cache_clear()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= saved
        for cache in caches:
            cache.cache_clear()


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
