"""Which account we are, asked of STS in a region that is alive: no call to the IAM control plane."""

import functools

from recovery_ops.aws.clients import client
from recovery_ops.aws.translate import aws_errors


def caller_arn(region: str) -> str:
    """Return the ARN that STS knows us by; asks STS in ``region`` once per process."""
    return _caller_arn(region)


@functools.cache
def _caller_arn(region: str) -> str:
    with aws_errors("ask who we are", region=region):
        return str(client("sts", region).get_caller_identity()["Arn"])


def account(region: str) -> str:
    """Return the twelve digits of our account; asks STS in ``region`` once per process."""
    return _caller_arn(region).split(":")[4]


def role_arn(name: str, region: str) -> str:
    """Return the ARN of the role ``name`` (a path is allowed, a full ARN is returned as it is); roles are global.

    Whether the role exists is not asked: IAM's control plane lives in one region and may be the one that is dead.
    """
    if name.startswith("arn:"):
        return name
    partition = _caller_arn(region).split(":")[1]
    return f"arn:{partition}:iam::{account(region)}:role/{name}"


def forget() -> None:
    """Let go of who we are; for whoever changes credentials or endpoint."""
    _caller_arn.cache_clear()
