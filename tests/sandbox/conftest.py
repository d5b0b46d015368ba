"""One sandbox for the whole session; tests keep apart by the names they take."""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from recovery_ops.sandbox.control import Control
from recovery_ops.sandbox.process import RunningSandbox, running_sandbox

HOME, RECOVERY, THIRD = "us-east-1", "us-west-2", "eu-west-1"
_numbers = itertools.count(1)


class Aws:
    """Clients of the sandbox, and the few moves that many tests make."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def client(self, service: str, region: str = HOME, *, caller: str = "recovery-ops-test/1", **options: Any) -> Any:
        settings = {"retries": {"total_max_attempts": 1}, "read_timeout": 10, **options}
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.base_url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(user_agent_extra=caller, **settings),
        )

    def bucket(self, region: str = HOME, *, versioned: bool = True, lock: bool = False) -> str:
        """A new bucket in ``region``."""
        name, s3 = f"test-{region}-{next(_numbers)}", self.client("s3", region)
        place = {} if region == HOME else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock, **place)
        if versioned:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name


def eventually(holds: Callable[[], Any], *, within_s: float = 10.0) -> Any:
    """Return the first true value of ``holds``; fail when there is none in time."""
    deadline = time.monotonic() + within_s
    while not (value := holds()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)
    return value


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
