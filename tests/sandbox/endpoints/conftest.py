"""A sandbox a module, and SageMaker of one of its regions."""

from collections.abc import Iterator

import pytest
from endpoint_moves import FACTOR, OTHER_TYPE, RECOVERY, TYPE, Aws

from recovery_ops.sandbox.control import Control
from recovery_ops.sandbox.process import RunningSandbox, running_sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), factor=FACTOR) as started:
        yield started


@pytest.fixture(scope="module")
def aws(sandbox: RunningSandbox) -> Aws:
    return Aws(sandbox.base_url, RECOVERY)


@pytest.fixture
def control(sandbox: RunningSandbox) -> Iterator[Control]:
    control = Control(sandbox.base_url)
    yield control
    for instance_type in (TYPE, OTHER_TYPE):
        control.capacity(region=RECOVERY, instance_type=instance_type, available=None, quota=None)
