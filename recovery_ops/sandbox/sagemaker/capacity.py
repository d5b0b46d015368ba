"""Instances there are to be had, and instances the account may have: counted over the endpoints that live."""

from collections import Counter
from collections.abc import Iterable

from recovery_ops.sandbox.world import Capacity, World

DEFAULT_QUOTA = 20
"""Instances of one type for endpoints in one region, unless set: AWS's own defaults vary by type and account."""

NO_CAPACITY = (
    "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. Please retry using a "
    "different ML instance type or after some time."
)


def quota(world: World, region: str, instance_type: str) -> int:
    """Return the quota ``<type> for endpoint usage`` of ``region``."""
    wanted = world.capacity.get((region, instance_type), Capacity()).quota
    return DEFAULT_QUOTA if wanted is None else wanted


def check_quota(world: World, region: str, used: Counter[str], wanted: Counter[str]) -> None:
    """Refuse ``wanted`` more instances when a quota does not allow them; AWS does so at once.

    Raises:
        Exception: SageMaker's ``ResourceLimitExceeded``.
    """
    for instance_type, count in wanted.items():
        limit = quota(world, region, instance_type)
        if used[instance_type] + count > limit:
            raise _exceeded(instance_type, limit, used[instance_type], count)


def _exceeded(instance_type: str, limit: int, used: int, count: int) -> Exception:
    from moto.sagemaker.exceptions import SagemakerClientError

    message = (
        f"The account-level service limit '{instance_type} for endpoint usage' is {limit} Instances, with current "
        f"utilization of {used} Instances and a request delta of {count} Instances. Please use AWS Service Quotas to "
        "request an increase for this quota. If AWS Service Quotas is not available, contact AWS support to request "
        "an increase for this quota."
    )
    error: Exception = SagemakerClientError("ResourceLimitExceeded", message)
    return error


def is_available(world: World, region: str, used: Counter[str], wanted: Counter[str]) -> bool:
    """Return whether ``wanted`` more instances are to be had beside those ``used``; unlimited unless set."""
    limits = {kind: world.capacity.get((region, kind), Capacity()).available for kind in wanted}
    return all(limit is None or used[kind] + wanted[kind] <= limit for kind, limit in limits.items())


def total(counts: Iterable[Counter[str]]) -> Counter[str]:
    """Return the sum of ``counts``."""
    added: Counter[str] = Counter()
    for count in counts:
        added.update(count)
    return added
