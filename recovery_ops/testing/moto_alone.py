"""moto in this process, whatever sandbox other tests of it speak to."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from recovery_ops.aws.worlds import speaking_to

KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


@contextmanager
def moto_alone() -> Iterator[None]:
    """Let every client of this process, the library's too, speak to an empty moto in it."""
    from moto import mock_aws

    with speaking_to(KEYS), mock_aws():
        for name in [name for name in os.environ if name.startswith("AWS_") and name not in KEYS]:
            del os.environ[name]
        yield
