"""Whether a principal may call IAM actions, by IAM's own policy simulator. Nothing is called that would be simulated.

The simulator knows identity policies, permission boundaries and, for the account's own principals, service control
policies; it does not know resource policies that are not handed to it. What it allows can still be refused there.
"""

from collections.abc import Iterable, Mapping

from recovery_ops.aws.clients import client
from recovery_ops.aws.identity import caller_arn
from recovery_ops.aws.translate import aws_errors, found

AT_ONCE = 100
"""Actions per question: what keeps an answer below the size that IAM pages at."""


def principal_of(region: str) -> str:
    """Return the ARN that IAM knows our caller by: the role behind an assumed-role session, else the caller's own."""
    arn = caller_arn(region)
    parts = arn.split(":", 5)
    kind, _, rest = parts[5].partition("/")
    if kind != "assumed-role":
        return arn
    return ":".join([*parts[:2], "iam", "", parts[4], f"role/{rest.partition('/')[0]}"])


def denied(
    actions: Iterable[str], principal: str, region: str, resource: str = "*", context: Mapping[str, str] | None = None
) -> list[str]:
    """Return those of ``actions`` that ``principal`` may not call, sorted.

    Args:
        actions: IAM actions.
        principal: ARN of a role or user.
        region: Where IAM is asked.
        resource: ARN that the calls would act on; ``*`` is what only policies for all resources allow.
        context: Condition keys that the calls would have, with their values; a condition on any other is not met.

    Raises:
        StepRejectedError: IAM does not know the principal, or we may not ask.
        StepInterruptedError: IAM did not answer.
    """
    wanted = sorted(set(actions))
    refused: list[str] = []
    entries = [
        {"ContextKeyName": key, "ContextKeyType": "string", "ContextKeyValues": [value]}
        for key, value in (context or {}).items()
    ]
    asked = {"PolicySourceArn": principal, "ResourceArns": [resource], "ContextEntries": entries}
    with aws_errors(f"simulate the policies of {principal}", region=region):
        pages = client("iam", region).get_paginator("simulate_principal_policy")
        for start in range(0, len(wanted), AT_ONCE):
            names = wanted[start : start + AT_ONCE]
            for page in pages.paginate(ActionNames=names, **asked):
                results = page["EvaluationResults"]
                refused += [item["EvalActionName"] for item in results if item["EvalDecision"] != "allowed"]
    return sorted(refused)


def role_exists(arn: str, region: str) -> bool:
    """Return whether the role exists. IAM's reads may be asked in any region; its control plane is in one."""
    name = arn.rpartition("/")[2]
    with aws_errors(f"look at role {name}", region=region):
        return found(lambda: client("iam", region).get_role(RoleName=name)) is not None
