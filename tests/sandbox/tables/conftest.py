"""A sandbox a module, and DynamoDB of two of its regions."""

from collections.abc import Iterator
from typing import Any

import pytest
from table_moves import FACTOR, HOME, RECOVERY, client

from recovery_ops.sandbox.control import Control
from recovery_ops.sandbox.process import RunningSandbox, running_sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), factor=FACTOR) as started:
        yield started


@pytest.fixture
def control(sandbox: RunningSandbox) -> Iterator[Control]:
    control = Control(sandbox.base_url)
    yield control
    control.heal()
    for source, target in ((HOME, RECOVERY), (RECOVERY, HOME)):
        control.replication(source=source, target=target, paused=False)


@pytest.fixture(scope="module")
def home(sandbox: RunningSandbox) -> Any:
    return client(sandbox, HOME)


@pytest.fixture(scope="module")
def away(sandbox: RunningSandbox) -> Any:
    return client(sandbox, RECOVERY)
