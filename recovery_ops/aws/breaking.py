"""Breaking a region for one drill alone, so that its detection is on the clock and production stays up.

On AWS an inline policy denies the role of drills everything in that region; nobody else uses the role. Where a fault
endpoint is set (the sandbox has one) requests of this one run are reset instead.
"""

import json
from typing import Any

from recovery_ops.aws.clients import client
from recovery_ops.aws.translate import aws_errors, found
from recovery_ops.errors import RequestError, StepInterruptedError
from recovery_ops.model.settings import Settings

TIMEOUT_S = 10.0


def can_break(settings: Settings) -> bool:
    """Return whether this installation says how a region is broken for a drill."""
    return bool(settings.fault_url or settings.drill_role)


def break_region(region: str, run_id: str, settings: Settings) -> str:
    """Make ``region`` fail for the requests of one run, and return whom the fault hits. Safe to repeat.

    Raises:
        RequestError: The installation says neither a fault endpoint nor a role of drills.
        StepInterruptedError: It could not be set; nothing fails.
    """
    if settings.fault_url:
        fault = {"region": region, "mode": "reset", "callers": callers(run_id)}
        _post(f"{settings.fault_url}/fault", fault)
        return f"requests of {run_id}"
    if settings.drill_role:
        with aws_errors(f"deny role {settings.drill_role} {region}", region=region):
            client("iam", region).put_role_policy(
                RoleName=settings.drill_role,
                PolicyName=policy_name(run_id),
                PolicyDocument=json.dumps(deny_policy(region)),
            )
        return f"role {settings.drill_role}"
    raise RequestError(
        "a fault can be injected only where RECOVERY_OPS_DRILL_ROLE names the role of drills (or "
        "RECOVERY_OPS_FAULT_URL a fault endpoint); without a fault, detection is not on the clock"
    )


def mend_region(region: str, run_id: str, settings: Settings) -> None:
    """Take back what :func:`break_region` did. Safe to repeat, and when nothing was broken.

    Raises:
        StepInterruptedError: It could not be taken back; repeat.
    """
    if settings.fault_url:
        _post(f"{settings.fault_url}/heal", {"region": region, "callers": callers(run_id)})
    elif settings.drill_role:
        with aws_errors(f"allow role {settings.drill_role} {region} again", region=region):
            found(
                lambda: client("iam", region).delete_role_policy(
                    RoleName=settings.drill_role, PolicyName=policy_name(run_id)
                )
            )


def callers(run_id: str) -> str:
    """Return a regular expression that finds the user agents of one run."""
    return f"run/{run_id}( |$)"


def policy_name(run_id: str) -> str:
    """Return the name of the inline policy that breaks a region for one run."""
    return f"recovery-ops-drill-{run_id}"


def deny_policy(region: str) -> dict[str, Any]:
    """Return the policy that takes ``region`` away from a role, and nothing else."""
    statement = {
        "Sid": "RegionLostForDrills",
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:RequestedRegion": region}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _post(url: str, body: dict[str, Any]) -> None:
    import httpx

    try:
        answer = httpx.post(url, json=body, timeout=TIMEOUT_S)
    except httpx.HTTPError as error:
        raise StepInterruptedError(f"the fault endpoint {url} does not answer: {error!r}") from error
    if answer.status_code != 200:
        raise StepInterruptedError(f"the fault endpoint {url} answered {answer.status_code}: {answer.text[:200]}")
