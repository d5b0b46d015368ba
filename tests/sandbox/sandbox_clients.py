"""Clients of the sandbox, its regions, and waiting for what comes true."""

import itertools
import time
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config

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
