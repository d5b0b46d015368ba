"""Resource policies of tables, enforced: what a fence on a table means.

moto stores them and lets every request through. Only ``Deny`` has an effect here, because every caller
of the sandbox is allowed everything to begin with. Conditions on the calling principal are
understood; a policy with any other is refused with 501 rather than half obeyed.
"""

import fnmatch
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from recovery_ops.sandbox.dynamodb import tables
from recovery_ops.sandbox.world import ACCOUNT

REPLICATION_ROLE = (
    f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/"
    "replication.dynamodb.amazonaws.com/AWSServiceRoleForDynamoDBReplication"
)
_REPLICATED_WRITES = ("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem")
_STRING_OPERATORS = ("StringEquals", "StringNotEquals", "StringLike", "StringNotLike")
_OPERATORS = _STRING_OPERATORS + tuple(name.replace("String", "Arn") for name in _STRING_OPERATORS)
_KEYS: dict[str, Callable[[str], str]] = {
    "aws:principalarn": lambda arn: arn,
    "aws:principalaccount": lambda _arn: ACCOUNT,
}

Statement = Mapping[str, Any]


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def _denials(region: str, name: str) -> Iterator[Statement]:
    """Yield the Deny statements of the table's policy."""
    arn = f"arn:aws:dynamodb:{region}:{ACCOUNT}:table/{name}"
    policy = tables.backend(region).resource_policies.get(arn)
    if policy is not None:
        yield from (s for s in _list(json.loads(policy.policy_doc).get("Statement", [])) if s.get("Effect") == "Deny")


def denies(region: str, name: str, action: str, caller_arn: str) -> bool:
    """Return whether the policy of table ``name`` denies ``action`` (as ``dynamodb:PutItem``) to ``caller_arn``."""
    return any(_hits(statement, action, caller_arn) for statement in _denials(region, name))


def stops_replication(region: str, name: str) -> bool:
    """Return whether the policy keeps DynamoDB's own replication role from writing to the table."""
    return any(denies(region, name, action, REPLICATION_ROLE) for action in _REPLICATED_WRITES)


def problem_of(document: str) -> str | None:
    """Return what in a policy the sandbox does not model, or ``None``.

    Raises:
        ValueError: The document is not JSON.
    """
    for statement in _list(json.loads(document).get("Statement", [])):
        for operator, wanted in statement.get("Condition", {}).items():
            unknown = [key for key in wanted if key.lower() not in _KEYS]
            if operator not in _OPERATORS or unknown:
                return f"condition {operator} {', '.join(unknown)}".strip()
        if set(statement) & {"NotAction", "NotPrincipal", "NotResource"}:
            return "NotAction, NotPrincipal or NotResource"
    return None


def _hits(statement: Statement, action: str, caller_arn: str) -> bool:
    actions = [str(a).lower() for a in _list(statement.get("Action", []))]
    return (
        any(fnmatch.fnmatchcase(action.lower(), pattern) for pattern in actions)
        and _is_principal(statement.get("Principal"), caller_arn)
        and all(_holds(op, wanted, caller_arn) for op, wanted in statement.get("Condition", {}).items())
    )


def _is_principal(principal: Any, caller_arn: str) -> bool:
    if principal == "*":
        return True
    named = _list(principal.get("AWS", [])) if isinstance(principal, Mapping) else []
    return any(name in ("*", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", caller_arn) for name in named)


def _holds(operator: str, wanted: Mapping[str, Any], caller_arn: str) -> bool:
    match = operator.replace("Not", "")
    exact = match == "StringEquals"
    return all(
        any(_same(_KEYS[key.lower()](caller_arn), str(value), exact=exact) for value in _list(values))
        is ("Not" not in operator)
        for key, values in wanted.items()
    )


def _same(actual: str, pattern: str, *, exact: bool) -> bool:
    return actual == pattern if exact else fnmatch.fnmatchcase(actual, pattern)
