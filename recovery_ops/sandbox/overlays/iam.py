"""IAM and STS: roles, and a refusal to become a role that does not exist. Policies are stored and not evaluated."""

from collections.abc import Callable
from typing import Any

from moto.iam.models import iam_backends
from moto.sts.exceptions import STSClientError
from moto.sts.models import AssumedRole, STSBackend

from recovery_ops.sandbox import patching
from recovery_ops.sandbox.world import ACCOUNT, World

MODELLED = {
    "iam": frozenset(
        {"CreateRole", "GetRole", "ListRoles", "UpdateRole", "UpdateAssumeRolePolicy", "DeleteRole"}
        | {"PutRolePolicy", "GetRolePolicy", "ListRolePolicies", "DeleteRolePolicy"}
        | {"AttachRolePolicy", "DetachRolePolicy", "ListAttachedRolePolicies"}
        | {"CreatePolicy", "GetPolicy", "GetPolicyVersion", "ListPolicies", "DeletePolicy"}
        | {"TagRole", "UntagRole", "ListRoleTags"}
    ),
    "sts": frozenset({"GetCallerIdentity", "AssumeRole"}),
}


def install(world: World) -> None:
    """Check the role of AssumeRole."""
    del world
    original = patching.original(STSBackend, "assume_role")
    patching.replace(STSBackend, "assume_role", _assume_role(original))


def inventory(_: World) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return every role."""
    roles = list(iam_backends[ACCOUNT]["aws"].roles.values())
    found = [{"type": "AWS::IAM::Role", "id": role.name, "tags": _tags(role.tags)} for role in roles]
    return {"global": {"iam": found}} if found else {}


def _tags(tags: list[dict[str, str]] | None) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags or []}


def _assume_role(original: Callable[..., AssumedRole]) -> Callable[..., AssumedRole]:
    def assume_role(self: STSBackend, **options: Any) -> AssumedRole:
        arn = str(options["role_arn"])
        known = {role.arn for role in iam_backends[self.account_id]["aws"].roles.values()}
        if arn.split(":")[4:5] == [self.account_id] and arn not in known:
            raise STSClientError(
                "AccessDenied", f"User is not authorized to perform: sts:AssumeRole on resource: {arn}"
            )
        return original(self, **options)

    return assume_role
