"""Which AWS the library of this process speaks to, for a while: demos and tests have worlds that end."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from recovery_ops.aws import clients, identity


@contextmanager
def speaking_to(environment: Mapping[str, str]) -> Iterator[None]:
    """Let this process have ``environment``, without settings of ours from outside; forget it and its clients after.

    Clients are kept by service and region: whoever leaves them behind lets the next world's caller speak to one that
    has ended.
    """
    saved = dict(os.environ)
    for name in [name for name in saved if name.startswith("RECOVERY_OPS_")]:
        del os.environ[name]
    os.environ |= environment
    _forget()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= saved
        _forget()


def _forget() -> None:
    clients.forget()
    identity.forget()
