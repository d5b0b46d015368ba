"""IAM and STS: roles, and a refusal to become a role that does not exist.

Policies never stop a call. They are evaluated where IAM is asked to simulate them, for roles, with conditions on
equal strings.
"""

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.iam.responses import IamResponse
from moto.sts.exceptions import STSClientError
from moto.sts.models import AssumedRole, STSBackend

from recovery_ops.sandbox import iam_policies, patching
from recovery_ops.sandbox.world import ACCOUNT, World

MODELLED = {
    "iam": frozenset(
        {"CreateRole", "GetRole", "ListRoles", "UpdateRole", "UpdateAssumeRolePolicy", "DeleteRole"}
        | {"PutRolePolicy", "GetRolePolicy", "ListRolePolicies", "DeleteRolePolicy"}
        | {"AttachRolePolicy", "DetachRolePolicy", "ListAttachedRolePolicies"}
        | {"CreatePolicy", "GetPolicy", "GetPolicyVersion", "ListPolicies", "DeletePolicy"}
        | {"TagRole", "UntagRole", "ListRoleTags", "SimulatePrincipalPolicy"}
    ),
    "sts": frozenset({"GetCallerIdentity", "AssumeRole"}),
}


def install(world: World) -> None:
    """Check the role of AssumeRole; let policies be simulated."""
    del world
    original = patching.original(STSBackend, "assume_role")
    patching.replace(STSBackend, "assume_role", _assume_role(original))
    patching.add(IamResponse, "simulate_principal_policy", _simulate_principal_policy)


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


def _simulate_principal_policy(self: Any) -> ActionResult:
    unknown = [name for name in ("PolicyInputList", "ResourcePolicy") if self._get_param(name)]
    if unknown:
        raise NotImplementedError(f"the sandbox simulates without {', '.join(unknown)}")
    arn = str(self._get_param("PolicySourceArn"))
    role = next((role for role in self.backend.roles.values() if role.arn == arn), None)
    if role is None:
        raise NotFoundException(f"The principal {arn} cannot be found.")
    attached = [policy.default_version.document for policy in role.managed_policies.values()]
    documents = [*role.policies.values(), *attached]
    resources = self._get_param("ResourceArns") or ["*"]
    context = {
        entry["ContextKeyName"]: entry["ContextKeyValues"][0] for entry in self._get_param("ContextEntries") or []
    }
    results = [
        {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": iam_policies.decide(documents, action, resource, context),
            "MatchedStatements": [],
            "MissingContextValues": [],
        }
        for action in self._get_param("ActionNames")
        for resource in resources
    ]
    return ActionResult({"EvaluationResults": results, "IsTruncated": False})
