"""IAM's policy evaluation as far as the simulator of the sandbox goes: effect, actions, resources and equal strings."""

import fnmatch
import json
from collections.abc import Iterable, Mapping
from typing import Any

ALLOWED, EXPLICIT, IMPLICIT = "allowed", "explicitDeny", "implicitDeny"


def decide(documents: Iterable[str], action: str, resource: str, context: Mapping[str, str] | None = None) -> str:
    """Return IAM's decision on ``action`` and ``resource`` under identity policies: a deny wins, silence is a deny.

    ``context`` has the condition keys of the request.

    Raises:
        NotImplementedError: A statement that matters has a condition that is not evaluated.
    """
    effects = {
        str(statement["Effect"])
        for document in documents
        for statement in _listed(json.loads(document).get("Statement", []))
        if _applies(statement, action, resource, context or {})
    }
    if "Deny" in effects:
        return EXPLICIT
    return ALLOWED if "Allow" in effects else IMPLICIT


def _applies(statement: dict[str, Any], action: str, resource: str, context: Mapping[str, str]) -> bool:
    if not (_names(statement, "Action", action.lower()) and _names(statement, "Resource", resource)):
        return False
    condition = statement.get("Condition", {})
    if other := sorted(set(condition) - {"StringEquals"}):
        raise NotImplementedError(f"the sandbox does not evaluate conditions of IAM policies with {', '.join(other)}")
    given = {key.lower(): value for key, value in context.items()}
    equal = condition.get("StringEquals", {}).items()
    return all(given.get(key.lower()) in _listed(values) for key, values in equal)


def _names(statement: dict[str, Any], key: str, wanted: str) -> bool:
    """Return whether ``Action`` or ``Resource``, or its ``Not`` form, covers ``wanted``; actions ignore case."""
    if f"Not{key}" in statement:
        return not _fits(statement[f"Not{key}"], wanted, fold=key == "Action")
    return _fits(statement.get(key, []), wanted, fold=key == "Action")


def _fits(patterns: Any, wanted: str, *, fold: bool) -> bool:
    known = (pattern.lower() if fold else pattern for pattern in _listed(patterns))
    return any(fnmatch.fnmatchcase(wanted, pattern.replace("[", "[[]")) for pattern in known)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]
