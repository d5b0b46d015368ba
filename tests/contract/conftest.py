"""One protected world for the session; every test starts from a snapshot of it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from fraud_world import FACTOR, FraudWorld

from recovery_ops.aws import worlds
from recovery_ops.sandbox.process import running_sandbox


def speaking_to(base_url: str) -> AbstractContextManager[None]:
    """Let the library's clients reach this sandbox, and forget them afterwards."""
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    return worlds.speaking_to({"AWS_ENDPOINT_URL": base_url} | keys)


@pytest.fixture(scope="session")
def protected_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FraudWorld]:
    folder = tmp_path_factory.mktemp("fraud-world")
    log = folder / "requests.jsonl"
    with running_sandbox(folder, factor=FACTOR, regions=("us-east-1", "us-west-2"), request_log=log) as sandbox:
        world = FraudWorld(sandbox=sandbox, folder=folder, request_log=log)
        with speaking_to(sandbox.base_url):
            world.build()
        yield world


@pytest.fixture(scope="module")
def fraud_world(protected_world: FraudWorld) -> Iterator[FraudWorld]:
    """The world, with the library speaking to its sandbox."""
    with speaking_to(protected_world.sandbox.base_url):
        yield protected_world
