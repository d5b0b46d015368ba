"""One protected world for the round trip, with the library speaking to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from trips import CATALOGS, HOME, LOGS, Trip, patient_system

from recovery_ops.aws.worlds import speaking_to
from recovery_ops.cli import local
from recovery_ops.execution.protecting import protect
from recovery_ops.sandbox.process import running_sandbox
from recovery_ops.sandbox.seed.fraud_detection import seed

FACTOR = 1 / 600


@pytest.fixture
def trip(tmp_path: Path) -> Iterator[Trip]:
    with (
        running_sandbox(tmp_path / "sandbox", factor=FACTOR, regions=("us-east-1", "us-west-2")) as sandbox,
        speaking_to(local.environment(sandbox)),
    ):
        seed(sandbox.base_url, CATALOGS / "fraud-detection" / "network.yaml")
        made = Trip(sandbox=sandbox, system=patient_system(), folder=tmp_path)
        made.put_object(HOME, f"{LOGS}first", 1)
        protect(made.system)
        yield made
        if made.writer is not None:
            made.writer.leave()
