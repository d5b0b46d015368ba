"""One protected world for the session; every test starts from a snapshot of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fraud_world import FraudWorld

from recovery_ops.aws import clients, identity
from recovery_ops.sandbox.process import running_sandbox

FACTOR = 0.0005


@contextmanager
def speaking_to(base_url: str) -> Iterator[None]:
    """Let the library's clients reach this sandbox, and forget them afterwards."""
    saved = dict(os.environ)
    os.environ |= {"AWS_ENDPOINT_URL": base_url, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    caches = (clients._client, identity._caller_arn)
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
