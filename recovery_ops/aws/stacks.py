"""CloudFormation stacks: one look, create, update, delete, and why one failed."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recovery_ops.aws.clients import client
from recovery_ops.aws.translate import already_done, aws_errors, found

SETTLED = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "IMPORT_COMPLETE"})
"""The last operation succeeded; clean-up only removes what an update has replaced."""
STANDING = SETTLED | {"UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"}
"""Every resource is there, though the last change may have been taken back."""
UPDATABLE = STANDING - {"UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"} | {"UPDATE_FAILED"}
MASKED = "****"
"""What AWS shows instead of the value of a parameter with ``NoEcho``."""
LARGEST_TEMPLATE_BYTES = 51_200
"""Largest template that fits into a request; a larger one has to lie in S3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A stack as it was when we looked. ``parameters`` lacks masked ones, whose names are in ``masked``."""

    stack_id: str
    name: str
    status: str
    reason: str
    changed_at: str
    parameters: Mapping[str, str]
    masked: tuple[str, ...]
    outputs: Mapping[str, str]
    tags: Mapping[str, str]

    @property
    def busy(self) -> bool:
        """Return whether an operation is under way that can still change what stands."""
        return self.status.endswith("_IN_PROGRESS") and self.status not in SETTLED


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a stack shall be. ``kept`` are parameters whose value stays as it is in an update.

    ``role_arn`` is the role that CloudFormation acts with, ``None`` for our own rights.
    """

    name: str
    template: str
    parameters: Mapping[str, str]
    kept: tuple[str, ...]
    capabilities: Sequence[str]
    tags: Mapping[str, str]
    run_id: str
    role_arn: str | None


def look(name: str, region: str) -> Stack | None:
    """Return the stack called ``name`` (or with that id), or ``None`` when there is none or it was deleted."""
    cloudformation = client("cloudformation", region)
    with aws_errors(f"look at stack {name}", region=region):
        answer = found(lambda: cloudformation.describe_stacks(StackName=name))
    seen = answer["Stacks"][0] if answer and answer["Stacks"] else None
    return None if seen is None or seen["StackStatus"] == "DELETE_COMPLETE" else _stack(seen)


def _stack(seen: Mapping[str, Any]) -> Stack:
    values = {item["ParameterKey"]: item.get("ParameterValue", "") for item in seen.get("Parameters", [])}
    return Stack(
        stack_id=seen["StackId"],
        name=seen["StackName"],
        status=seen["StackStatus"],
        reason=seen.get("StackStatusReason", ""),
        changed_at=str(seen.get("LastUpdatedTime") or seen["CreationTime"]),
        parameters={name: value for name, value in values.items() if value != MASKED},
        masked=tuple(name for name, value in values.items() if value == MASKED),
        outputs={item["OutputKey"]: item.get("OutputValue", "") for item in seen.get("Outputs", [])},
        tags={item["Key"]: item["Value"] for item in seen.get("Tags", [])},
    )


def template_of(name: str, region: str) -> str:
    """Return the template of a stack as text; a JSON template as canonical JSON."""
    with aws_errors(f"read the template of stack {name}", region=region):
        body = client("cloudformation", region).get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
    return body if isinstance(body, str) else json.dumps(body, sort_keys=True)


def same_template(one: str, other: str) -> bool:
    """Return whether two templates say the same; comments, layout and the order of keys do not count, as in AWS."""
    return _canonical(one) == _canonical(other)


def types_in(template: str) -> set[str]:
    """Return the resource types of a template; raises ``yaml.YAMLError`` for a text that is none."""
    import yaml

    sections = _entries(yaml.compose(template, Loader=yaml.SafeLoader))
    resources = _entries(sections.get("Resources")).values()
    return {str(kind.value) for item in resources if (kind := _entries(item).get("Type")) is not None}


def _entries(node: Any) -> dict[str, Any]:
    return {key.value: value for key, value in node.value} if node is not None else {}


def fingerprint(template: str) -> str:
    """Return the SHA-256 (64 hex digits) of a template, equal for templates that say the same."""
    return hashlib.sha256(_canonical(template).encode()).hexdigest()


def _canonical(template: str) -> str:
    import yaml

    text = template.strip()
    try:
        return repr(_shape(yaml.compose(text, Loader=yaml.SafeLoader)))
    except yaml.YAMLError:
        return text


def _shape(node: Any) -> tuple[Any, ...]:
    """Return what a YAML (or JSON) node says, without comments, layout and the order of keys."""
    if node is None:
        return ()
    if isinstance(node.value, str):
        return node.tag, node.value
    parts = [tuple(map(_shape, item)) if isinstance(item, tuple) else _shape(item) for item in node.value]
    return node.tag, *(sorted(parts, key=repr) if node.tag.endswith(":map") else parts)


def create(order: Order, region: str) -> str | None:
    """Start to create a stack and return its id; ``None`` means that one of that name exists already."""
    cloudformation, wanted = client("cloudformation", region), _request(order, ())
    with aws_errors(f"create stack {order.name}", region=region), already_done("AlreadyExistsException"):
        answer = cloudformation.create_stack(**wanted, Tags=_tags(order.tags), ClientRequestToken=_token(order, "none"))
        return str(answer["StackId"])
    return None


def update(order: Order, seen: Stack, region: str) -> bool:
    """Start to update ``seen`` and return whether there is something to wait for; its other tags are kept."""
    kept = {name: value for name, value in seen.tags.items() if not name.startswith("aws:")}
    nothing = already_done("ValidationError", containing="No updates are to be performed")
    with aws_errors(f"update stack {order.name}", region=region), nothing:
        client("cloudformation", region).update_stack(
            **_request(order, order.kept),
            Tags=_tags({**kept, **order.tags}),
            ClientRequestToken=_token(order, f"{seen.stack_id} {seen.changed_at}"),
        )
        return True
    return False


def _request(order: Order, kept: Sequence[str]) -> dict[str, Any]:
    given = [{"ParameterKey": name, "ParameterValue": value} for name, value in sorted(order.parameters.items())]
    previous = [{"ParameterKey": name, "UsePreviousValue": True} for name in kept if name not in order.parameters]
    return {
        "StackName": order.name,
        "TemplateBody": order.template,
        "Parameters": given + previous,
        "Capabilities": list(order.capabilities),
        **_acting_as(order.role_arn),
    }


def _acting_as(role_arn: str | None) -> dict[str, str]:
    return {"RoleARN": role_arn} if role_arn else {}


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": name, "Value": value} for name, value in sorted(tags.items())]


def _token(order: Order, before: str) -> str:
    """Return a token that is the same when one attempt is repeated, and another one once the stack has changed."""
    facts = [order.name, order.template, sorted(order.parameters.items()), before]
    return f"{order.run_id}-{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]}"


def delete(name: str, region: str, role_arn: str | None = None) -> bool:
    """Start to delete a stack, with the rights of a role if there is one; ``False`` when there is no stack."""
    seen = look(name, region)
    if seen is None:
        return False
    with aws_errors(f"delete stack {name}", region=region):
        client("cloudformation", region).delete_stack(StackName=seen.stack_id, **_acting_as(role_arn))
    return True


def first_failure(stack: Stack, region: str) -> str:
    """Return the first failed resource of the newest operation with AWS's reason, or the status of the stack."""
    failed = ""
    with aws_errors(f"read the events of stack {stack.name}", region=region):
        for event in _newest_operation(stack, region):
            if event["ResourceStatus"].endswith("_FAILED") and event.get("PhysicalResourceId") != stack.stack_id:
                reason = event.get("ResourceStatusReason", "no reason given")
                failed = f"{event['LogicalResourceId']} ({event['ResourceType']}) {event['ResourceStatus']}: {reason}"
    return failed or f"{stack.status}: {stack.reason or 'no reason given'}"


def _newest_operation(stack: Stack, region: str) -> Iterator[Mapping[str, Any]]:
    """Yield events, newest first, down to the one that began the operation."""
    pages = client("cloudformation", region).get_paginator("describe_stack_events").paginate(StackName=stack.stack_id)
    for page in pages:
        for event in page["StackEvents"]:
            yield event
            begins = event["ResourceStatus"] in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "IMPORT_IN_PROGRESS")
            if begins and event.get("PhysicalResourceId") == stack.stack_id:
                return
