"""Who is calling AWS: every request carries the run and the step, and no step calls the region it is leaving.

The caller is a context variable, so that clients are created once per process and shared by all steps.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from recovery_ops import __version__
from recovery_ops.errors import ImpairedRegionError

READS = (
    "Describe",
    "List",
    "Get",
    "Head",
    "BatchGet",
    "Query",
    "Scan",
    "Invoke",
    "Lookup",
    "Validate",
    "Search",
    "Simulate",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """On whose behalf requests are sent.

    ``forbidden_region`` may not be called at all. ``before_mutation`` runs before every call that is not a read, with
    the name of the operation; it raises when this process has lost its claim. An ``impatient`` caller asks once,
    whatever it calls: a sweep must not wait for a region that hangs.
    """

    run_id: str
    step: str
    forbidden_region: str | None = None
    before_mutation: Callable[[str], None] | None = None
    impatient: bool = False

    @property
    def user_agent(self) -> str:
        """Return what CloudTrail and the sandbox's request log show."""
        return f"recovery-ops/{__version__} run/{self.run_id} step/{self.step}"


NOBODY = Caller(run_id="none", step="none")
_caller: ContextVar[Caller] = ContextVar("recovery_ops_caller", default=NOBODY)


@contextmanager
def calling_as(caller: Caller) -> Iterator[None]:
    """Send every AWS request inside the block as ``caller``. Threads need it again."""
    token = _caller.set(caller)
    try:
        yield
    finally:
        _caller.reset(token)


@contextmanager
def unguarded() -> Iterator[None]:
    """Drop the claim re-check inside the block: facts are recorded even by a process that has lost its claim."""
    with calling_as(replace(_caller.get(), before_mutation=None)):
        yield


def current_caller() -> Caller:
    """Return on whose behalf this context calls AWS."""
    return _caller.get()


def is_read(operation: str) -> bool:
    """Return whether an AWS operation name only looks."""
    return operation.startswith(READS)


def check_allowed(operation: str, region: str, params: Mapping[str, Any]) -> None:
    """Refuse a call to the region we are leaving, and re-check the claim before a mutation.

    Raises:
        ImpairedRegionError: The call, or a bucket it names, is in the forbidden region; nothing was sent.
        ClaimLostError: Another run holds the claim; nothing was sent.
    """
    caller = _caller.get()
    forbidden = caller.forbidden_region
    if forbidden is not None and (region == forbidden or _names_region(params, forbidden)):
        message = f"{caller.step}: {operation} would call {forbidden}, the region this run is leaving; it was not sent"
        raise ImpairedRegionError(message, step=caller.step, region=forbidden, operation=operation)
    check_again(operation)


def check_again(operation: str) -> None:
    """Re-check the claim before a mutation.

    Raises:
        ClaimLostError: Another run holds the claim; nothing was sent.
    """
    caller = _caller.get()
    if caller.before_mutation is not None and not is_read(operation):
        caller.before_mutation(operation)


def _names_region(params: Mapping[str, Any], region: str) -> bool:
    source = params.get("CopySource")
    buckets = [params.get("Bucket"), source.get("Bucket") if isinstance(source, Mapping) else source]
    return any(isinstance(bucket, str) and region in bucket for bucket in buckets)
