"""Values of template parameters: given, previous or default, and whether they may be so."""

import re
from collections.abc import Mapping
from typing import Any

from recovery_ops.sandbox.cloudformation.template import Template, TemplateError

Json = Any
_LISTS = ("CommaDelimitedList", "List<Number>", "List<String>")
_SCALARS = re.compile(r"String|Number|AWS::(?!SSM::)[A-Za-z0-9]+(::[A-Za-z0-9]+)+")
_KEYS = frozenset(
    {"Type", "Default", "AllowedValues", "AllowedPattern", "MinLength", "MaxLength", "MinValue", "MaxValue"}
    | {"NoEcho", "Description", "ConstraintDescription"}
)


def values(template: Template, given: Mapping[str, str]) -> dict[str, str]:
    """Return the text of every parameter of ``template``.

    Raises:
        TemplateError: A parameter is unknown, has no value, or breaks one of its constraints.
    """
    unknown = sorted(set(given) - set(template.parameters))
    if unknown:
        raise TemplateError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    missing = [name for name, spec in template.parameters.items() if name not in given and "Default" not in spec]
    if missing:
        raise TemplateError(f"Parameters: [{', '.join(missing)}] must have values")
    return {name: _checked(name, spec, given.get(name)) for name, spec in template.parameters.items()}


def typed(template: Template, texts: Mapping[str, str]) -> dict[str, Json]:
    """Return what ``Ref`` gives for each parameter: text, or a list for list types."""
    return {name: _typed(template.parameters[name], text) for name, text in texts.items()}


def _typed(spec: Mapping[str, Json], text: str) -> Json:
    is_list = spec["Type"] in _LISTS or str(spec["Type"]).startswith("List<")
    return [part.strip() for part in text.split(",")] if is_list else text


def _checked(name: str, spec: Mapping[str, Json], given: str | None) -> str:
    check_declaration(name, spec)
    text = _text(spec["Default"]) if given is None else str(given)
    for part in _typed(spec, text) if isinstance(_typed(spec, text), list) else [text]:
        _check_value(name, spec, part)
    return text


def _text(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def check_declaration(name: str, spec: Mapping[str, Json]) -> None:
    """Raise TemplateError when a parameter is declared with a type or a constraint that is not known."""
    kind = str(spec.get("Type", ""))
    if kind not in _LISTS and not kind.startswith("List<AWS::") and not _SCALARS.fullmatch(kind):
        raise TemplateError(f"Template format error: Unrecognized parameter type: {kind or 'none'} of {name}")
    unknown = sorted(set(spec) - _KEYS)
    if unknown:
        raise TemplateError(f"Invalid template parameter property '{unknown[0]}' of {name}")


def _check_value(name: str, spec: Mapping[str, Json], text: str) -> None:
    if "AllowedValues" in spec and text not in [_text(value) for value in spec["AllowedValues"]]:
        raise TemplateError(f"Parameter '{name}' must be one of AllowedValues")
    if "AllowedPattern" in spec and not re.fullmatch(str(spec["AllowedPattern"]), text):
        raise TemplateError(f"Parameter '{name}' must match pattern {spec['AllowedPattern']}")
    if len(text) < int(spec.get("MinLength", 0)) or len(text) > int(spec.get("MaxLength", len(text))):
        raise TemplateError(f"Parameter '{name}' must contain a permitted number of characters")
    if spec["Type"] == "Number":
        _check_number(name, spec, text)


def _check_number(name: str, spec: Mapping[str, Json], text: str) -> None:
    try:
        number = float(text)
    except ValueError:
        raise TemplateError(f"Parameter '{name}' must be a number") from None
    if number < float(spec.get("MinValue", number)) or number > float(spec.get("MaxValue", number)):
        raise TemplateError(f"Parameter '{name}' must be within MinValue and MaxValue")
