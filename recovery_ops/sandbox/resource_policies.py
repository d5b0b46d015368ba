"""Policies of tables and buckets, as far as they deny: what a fence means.

moto stores them and lets every request through, or obeys them for everybody. Only ``Deny`` has an effect here,
because every caller of the sandbox is allowed everything to begin with. Conditions on the calling principal are
understood; a policy with any other is refused with 501 rather than half obeyed.
"""

import fnmatch
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from recovery_ops.sandbox.world import ACCOUNT

_STRING_OPERATORS = ("StringEquals", "StringNotEquals", "StringLike", "StringNotLike")
_OPERATORS = _STRING_OPERATORS + tuple(name.replace("String", "Arn") for name in _STRING_OPERATORS)
_KEYS: dict[str, Callable[[str], str]] = {
    "aws:principalarn": lambda arn: _role_behind(arn),
    "aws:principalaccount": lambda _arn: ACCOUNT,
}

Statement = Mapping[str, Any]


def caller_of(access_key: str, region: str) -> str:
    """Return the ARN that STS knows the holder of an access key by."""
    from moto.sts.models import sts_backends

    return str(sts_backends[ACCOUNT]["aws"].get_caller_identity(access_key, region)[1])


def denials(document: str | bytes) -> Iterator[Statement]:
    """Yield the Deny statements of a policy."""
    yield from (s for s in listed(json.loads(document).get("Statement", [])) if s.get("Effect") == "Deny")


def denies(document: str | bytes, action: str, caller_arn: str, resource: str) -> bool:
    """Return whether the policy denies ``action`` (as ``s3:PutObject``) on the ARN ``resource`` to ``caller_arn``."""
    return any(_hits(statement, action, caller_arn, resource) for statement in denials(document))


def problem_of(document: str) -> str | None:
    """Return what in a policy the sandbox does not model, or ``None``.

    Raises:
        ValueError: The document is not JSON.
    """
    for statement in listed(json.loads(document).get("Statement", [])):
        for operator, wanted in statement.get("Condition", {}).items():
            unknown = [key for key in wanted if key.lower() not in _KEYS]
            if operator not in _OPERATORS or unknown:
                return f"condition {operator} {', '.join(unknown)}".strip()
        if set(statement) & {"NotAction", "NotPrincipal", "NotResource"}:
            return "NotAction, NotPrincipal or NotResource"
    return None


def _hits(statement: Statement, action: str, caller_arn: str, resource: str) -> bool:
    actions = [str(a).lower() for a in listed(statement.get("Action", []))]
    return (
        any(fnmatch.fnmatchcase(action.lower(), pattern) for pattern in actions)
        and any(fnmatch.fnmatchcase(resource, str(pattern)) for pattern in listed(statement.get("Resource", "*")))
        and _is_principal(statement.get("Principal"), caller_arn)
        and all(_holds(op, wanted, caller_arn) for op, wanted in statement.get("Condition", {}).items())
    )


def _is_principal(principal: Any, caller_arn: str) -> bool:
    if principal == "*":
        return True
    named = listed(principal.get("AWS", [])) if isinstance(principal, Mapping) else []
    ours = ("*", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", caller_arn, _role_behind(caller_arn))
    return any(name in ours for name in named)


def _holds(operator: str, wanted: Mapping[str, Any], caller_arn: str) -> bool:
    match = operator.replace("Not", "")
    exact = match == "StringEquals"
    return all(
        any(_same(_KEYS[key.lower()](caller_arn), str(value), exact=exact) for value in listed(values))
        is ("Not" not in operator)
        for key, values in wanted.items()
    )


def _same(actual: str, pattern: str, *, exact: bool) -> bool:
    return actual == pattern if exact else fnmatch.fnmatchcase(actual, pattern)


def _role_behind(arn: str) -> str:
    """Return the role of an assumed-role session, which is its principal, or ``arn``."""
    from moto.iam.models import iam_backends

    kind, _, rest = arn.split(":", 5)[5].partition("/") if arn.startswith("arn:") else ("", "", "")
    roles = iam_backends[ACCOUNT]["aws"].roles.values() if kind == "assumed-role" else ()
    return next((str(role.arn) for role in roles if role.name == rest.partition("/")[0]), arn)


def listed(value: Any) -> list[Any]:
    """Return what a policy states, once or as a list, as a list."""
    return list(value) if isinstance(value, list) else [value]
