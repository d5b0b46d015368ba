"""Every AWS call that the library makes in a test: seen, and cut off where a test wants a crash."""

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import recovery_ops.aws.clients as clients
from recovery_ops.aws import actions
from recovery_ops.aws.calls import is_read


class CrashError(BaseException):
    """The process died here. Not an ``Exception``: no handler of ours may see it."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: boto3's service name, operation, region, the IAM actions it needs, and the bucket it names, if any."""

    service: str
    operation: str
    region: str
    actions: frozenset[str]
    bucket: str = ""

    @property
    def mutates(self) -> bool:
        return not is_read(self.operation)


@dataclass(slots=True, eq=False)
class Tap:
    """What was called. With ``crash_after`` the process dies when the answer of that mutation (from 1) arrives."""

    calls: list[Call] = field(default_factory=list)
    crash_after: int | None = None

    @property
    def mutations(self) -> list[Call]:
        return [call for call in self.calls if call.mutates]

    def before(self, model: Any, params: dict[str, Any], region: str) -> None:
        service = model.service_model.service_name
        needed = actions.needed(service, model.name, params)
        self.calls.append(Call(service, model.name, region, needed, str(params.get("Bucket", ""))))

    def after(self, model: Any) -> None:
        if self.crash_after is not None and not is_read(model.name) and len(self.mutations) >= self.crash_after:
            raise CrashError(f"died after {model.name}")


_active: list[Tap] = []
_make = clients._client.__wrapped__


@functools.cache
def _tapped_client(_endpoint: str, _timeout_s: float, service: str, region: str, suspect: bool, impatient: bool) -> Any:
    made = _make(service, region, suspect, impatient)
    events = made.meta.events
    events.register("provide-client-params.*.*", functools.partial(_before, region=region))
    events.register("after-call.*.*", _after)
    return made


def _before(params: dict[str, Any], model: Any, region: str, **_: Any) -> None:
    for tap in _active:
        tap.before(model, params, region)


def _after(model: Any, **_: Any) -> None:
    for tap in _active:
        tap.after(model)


def _client(service: str, region: str, suspect: bool, impatient: bool) -> Any:
    return _tapped_client(os.environ["AWS_ENDPOINT_URL"], clients.READ_TIMEOUT_S, service, region, suspect, impatient)


@contextmanager
def tapped(crash_after: int | None = None) -> Iterator[Tap]:
    """See every call of the library inside the block; taps may lie in one another."""
    tap = Tap(crash_after=crash_after)
    before, clients._client = clients._client, _client
    _active.append(tap)
    try:
        yield tap
    finally:
        _active.remove(tap)
        clients._client = before
