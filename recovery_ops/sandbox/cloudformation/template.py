"""Template text to checked structure: JSON or YAML with short-form tags, every complaint as CloudFormation words it."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

Json = Any

MAX_BODY_BYTES = 51_200
_SECTIONS = frozenset(
    {"AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Conditions", "Resources", "Outputs"}
)
_RESOURCE_KEYS = frozenset(
    {"Type", "Properties", "DependsOn", "Condition", "DeletionPolicy", "UpdateReplacePolicy", "Metadata"}
)
_RETAIN = ("Delete", "Retain", "RetainExceptOnCreate")
_LOGICAL_ID = re.compile(r"[A-Za-z0-9]+")


class TemplateError(ValueError):
    """The request is refused with a ValidationError; nothing was created."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A well-formed template. The values of its sections still hold intrinsic functions, in their long form."""

    body: str
    description: str
    parameters: dict[str, dict[str, Json]]
    conditions: dict[str, Json]
    resources: dict[str, dict[str, Json]]
    outputs: dict[str, dict[str, Json]]
    metadata: Json = field(default=None)


def parse(body: str) -> Template:
    """Read ``body``.

    Raises:
        TemplateError: It is not well-formed, or uses a section or resource attribute that is not modelled here.
    """
    if len(body.encode()) > MAX_BODY_BYTES:
        raise TemplateError(
            f"1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have "
            f"length less than or equal to {MAX_BODY_BYTES}"
        )
    text = _load(body)
    if not isinstance(text, dict):
        raise TemplateError("Template format error: unsupported structure.")
    _refuse_unknown(text)
    return Template(
        body=body,
        description=str(text.get("Description", "")),
        parameters=_section(text, "Parameters"),
        conditions=_section(text, "Conditions"),
        resources={name: _resource(name, value) for name, value in _resources(text).items()},
        outputs={name: _output(name, value) for name, value in _section(text, "Outputs").items()},
        metadata=text.get("Metadata"),
    )


def _load(body: str) -> Json:
    try:
        return json.loads(body) if body.lstrip().startswith("{") else yaml.load(body, Loader=_Loader)  # noqa: S506
    except json.JSONDecodeError as error:
        where = f"(line {error.lineno}, column {error.colno})"
        raise TemplateError(f"Template format error: JSON not well-formed. {where}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise TemplateError(f"Template format error: YAML not well-formed.{where}") from error


def _refuse_unknown(text: dict[str, Json]) -> None:
    unknown = sorted(set(text) - _SECTIONS)
    if unknown:
        raise TemplateError(f"Invalid template property or properties {unknown} (or not modelled by the sandbox)")


def _section(text: dict[str, Json], name: str) -> dict[str, Json]:
    value = text.get(name) or {}
    if not isinstance(value, dict):
        raise TemplateError(f"Template format error: [/{name}] 'null' values or lists are not allowed in templates")
    return value


def _resources(text: dict[str, Json]) -> dict[str, Json]:
    resources = _section(text, "Resources")
    if not resources:
        raise TemplateError("Template format error: At least one Resources member must be defined.")
    bad = [name for name in resources if not _LOGICAL_ID.fullmatch(str(name))]
    if bad:
        raise TemplateError(f"Template format error: Resource name {bad[0]} is non alphanumeric.")
    return resources


def _resource(name: str, value: Json) -> dict[str, Json]:
    if not isinstance(value, dict) or not isinstance(value.get("Type"), str):
        raise TemplateError(
            f"Template format error: [/Resources/{name}] Every Resources object must contain a Type member."
        )
    unknown = sorted(set(value) - _RESOURCE_KEYS)
    if unknown:
        raise TemplateError(
            f"Invalid template resource property {unknown[0]!r} of {name} (or not modelled by the sandbox)"
        )
    for key in ("DeletionPolicy", "UpdateReplacePolicy"):
        if value.get(key, "Delete") not in _RETAIN:
            raise TemplateError(f"Template error: {key} {value[key]!r} of resource {name} is not modelled here")
    return value


def _output(name: str, value: Json) -> dict[str, Json]:
    if not isinstance(value, dict) or "Value" not in value:
        raise TemplateError(f"Template format error: Output {name} must contain a Value member.")
    if "Export" in value:
        raise TemplateError(f"Template error: Export of output {name} is not modelled by the sandbox")
    return value


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's tags; dates stay text, as ``2010-09-09`` and policy versions must."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _tagged(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Json:
    value = _plain(loader, node)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


def _plain(loader: yaml.SafeLoader, node: yaml.Node) -> Json:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.ScalarNode)
    return loader.construct_scalar(node)


_Loader.add_multi_constructor("!", _tagged)
