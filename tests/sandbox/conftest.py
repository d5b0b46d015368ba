"""One sandbox for the whole session; tests keep apart by the names they take."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sandbox_clients import Aws

from recovery_ops.sandbox.control import Control
from recovery_ops.sandbox.process import RunningSandbox, running_sandbox


@pytest.fixture(scope="session")
def request_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sandbox") / "requests.jsonl"


@pytest.fixture(scope="session")
def sandbox(request_log: Path) -> Iterator[RunningSandbox]:
    with running_sandbox(factor=0.001, request_log=request_log, switch_interval_s=1e-5) as running:
        yield running


@pytest.fixture(scope="session")
def aws(sandbox: RunningSandbox) -> Aws:
    return Aws(sandbox.base_url)


@pytest.fixture
def control(sandbox: RunningSandbox) -> Iterator[Control]:
    """The control API; what a test put in force is undone after it."""
    control = sandbox.control
    yield control
    control.heal()
    for service in ("iam", "route53"):
        control.control_plane(service, down=None)
    for source, target in control.status()["replication_paused"]:
        control.replication(source, target, paused=False)


@pytest.fixture
def logged(request_log: Path) -> Callable[[str], list[dict[str, Any]]]:
    """Return the lines of the request log of one caller."""

    def lines(caller: str) -> list[dict[str, Any]]:
        entries = (json.loads(line) for line in request_log.read_text().splitlines())
        return [entry for entry in entries if caller in entry["caller"]]

    return lines
