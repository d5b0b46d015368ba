"""Stacks as the API shows them."""

import json
import re
from collections.abc import Mapping
from typing import Any

from recovery_ops.sandbox.cloudformation import parameters
from recovery_ops.sandbox.cloudformation.stack import Event, Resource, Stack
from recovery_ops.sandbox.cloudformation.template import Template, TemplateError
from recovery_ops.sandbox.cloudformation.types import tag_list

Json = Any
_NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,127}|arn:[-a-zA-Z0-9:/._+]*")


def check_name(name: str) -> None:
    """Raise TemplateError when no stack can be called ``name``."""
    if not _NAME.fullmatch(name):
        raise TemplateError(
            f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: Member must "
            "satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*|arn:[-a-zA-Z0-9:/._+]*"
        )


def stack(found: Stack) -> dict[str, Json]:
    """Return a stack as DescribeStacks does."""
    shown = {
        **_times(found),
        "StackId": found.id,
        "StackName": found.name,
        "Description": found.bound.template.description or None,
        "Parameters": _parameters(found),
        "DisableRollback": found.on_failure == "DO_NOTHING",
        "StackStatus": found.status,
        "StackStatusReason": found.reason or None,
        "NotificationARNs": [],
        "Capabilities": found.capabilities,
        "Outputs": _outputs(found),
        "RoleARN": found.role_arn,
        "Tags": tag_list(found.bound.tags),
        "EnableTerminationProtection": found.protected,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }
    return _without_nothing(shown)


def summary(found: Stack) -> dict[str, Json]:
    """Return a stack as ListStacks does."""
    shown = {
        **_times(found),
        "StackId": found.id,
        "StackName": found.name,
        "TemplateDescription": found.bound.template.description or None,
        "StackStatus": found.status,
        "StackStatusReason": found.reason or None,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }
    return _without_nothing(shown)


def event(found: Stack, item: Event) -> dict[str, Json]:
    """Return one line of the history."""
    shown = {
        "StackId": found.id,
        "EventId": item.id,
        "StackName": found.name,
        "LogicalResourceId": item.logical_id,
        "PhysicalResourceId": item.physical_id,
        "ResourceType": item.type,
        "Timestamp": item.at,
        "ResourceStatus": item.status,
        "ResourceStatusReason": item.reason or None,
        "ResourceProperties": json.dumps(item.properties) if item.properties else None,
        "ClientRequestToken": found.token or None,
    }
    return _without_nothing(shown)


def resource(found: Stack, item: Resource) -> dict[str, Json]:
    """Return one resource, with the keys of both DescribeStackResources and ListStackResources."""
    shown = {
        "StackName": found.name,
        "StackId": found.id,
        "LogicalResourceId": item.logical_id,
        "PhysicalResourceId": item.physical_id or None,
        "ResourceType": item.type,
        "Timestamp": item.at,
        "LastUpdatedTimestamp": item.at,
        "ResourceStatus": item.status,
        "ResourceStatusReason": item.reason or None,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }
    return _without_nothing(shown)


def validated(template: Template) -> dict[str, Json]:
    """Return what ValidateTemplate does: parameters and description. Types are not checked by it, as on AWS."""
    return {
        "Description": template.description,
        "Parameters": [_declared(name, spec) for name, spec in template.parameters.items()],
        "Capabilities": _capabilities(template),
    }


def _declared(name: str, spec: Mapping[str, Json]) -> dict[str, Json]:
    parameters.check_declaration(name, spec)
    shown = {
        "ParameterKey": name,
        "DefaultValue": str(spec["Default"]) if "Default" in spec else None,
        "NoEcho": bool(spec.get("NoEcho", False)),
        "Description": spec.get("Description"),
    }
    return _without_nothing(shown)


def _capabilities(template: Template) -> list[str]:
    roles = [item for item in template.resources.values() if item["Type"] == "AWS::IAM::Role"]
    named = any("RoleName" in (role.get("Properties") or {}) for role in roles)
    return (["CAPABILITY_NAMED_IAM"] if named else ["CAPABILITY_IAM"]) if roles else []


def _times(found: Stack) -> dict[str, Json]:
    return {
        "CreationTime": found.created_at,
        "LastUpdatedTime": found.updated_at,
        "DeletionTime": found.deleted_at,
    }


def _parameters(found: Stack) -> list[dict[str, str]]:
    declared = found.bound.template.parameters
    shown = {name: "****" if declared[name].get("NoEcho") else text for name, text in found.bound.parameters.items()}
    return [{"ParameterKey": name, "ParameterValue": text} for name, text in shown.items()]


def _outputs(found: Stack) -> list[dict[str, Json]]:
    declared = found.bound.template.outputs
    return [
        _without_nothing(
            {"OutputKey": name, "OutputValue": text, "Description": declared.get(name, {}).get("Description")}
        )
        for name, text in found.outputs.items()
    ]


def _without_nothing(shown: dict[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in shown.items() if value is not None}
