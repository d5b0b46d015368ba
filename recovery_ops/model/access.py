"""What somebody may do on what, as IAM policies say it."""

from collections.abc import Mapping
from dataclasses import dataclass

PASS_ROLE = "iam:PassRole"  # noqa: S105 - an action


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """IAM actions and what they act on.

    A resource is ``<service>:<resource>``, for example ``dynamodb:table/fraud-features``, in which ``*`` stands for
    anything; policies put the regions of a system in. ``passed_to`` is the service that is handed a role, for
    ``iam:PassRole`` alone.
    """

    actions: frozenset[str]
    resources: tuple[str, ...]
    passed_to: str = ""


PASSED_TO_S3: Mapping[str, tuple[str, ...]] = {"s3.amazonaws.com": ("iam:role/*",)}
"""What who replicates buckets hands over: the role that replicates them in the other direction, whichever it is."""


def role_resource(role: str) -> str:
    """Return the resource that a role is, given by name (a path is allowed) or ARN."""
    return role if role.startswith("arn:") else f"iam:role/{role}"


def of_sagemaker(*resources: str) -> tuple[str, ...]:
    """Return resources of SageMaker, also as its ARNs write them: in lower case, whatever the name is."""
    return tuple(
        dict.fromkeys(text for item in resources for text in (f"sagemaker:{item}", f"sagemaker:{item.lower()}"))
    )
