"""Intrinsic functions: what ``Ref``, ``Fn::Sub`` and their kin become."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from recovery_ops.sandbox.cloudformation.template import TemplateError

Json = Any
NO_VALUE = object()
_VARIABLE = re.compile(r"\$\{(!?)([^}]*)\}")
_LOGIC = ("Fn::Equals", "Fn::Not", "Fn::And", "Fn::Or", "Condition")


class Resources(Protocol):
    """Where ``Ref`` and ``Fn::GetAtt`` of resources come from."""

    def ref(self, logical_id: str) -> Json:
        """Return what ``Ref`` gives."""

    def attribute(self, logical_id: str, name: str) -> Json:
        """Return what ``Fn::GetAtt`` gives."""


class Symbols:
    """Stand-ins for resources that do not exist yet, so that two templates can be compared before anything is made."""

    def ref(self, logical_id: str) -> Json:
        """Return a name for the reference."""
        return f"<{logical_id}>"

    def attribute(self, logical_id: str, name: str) -> Json:
        """Return a name for the attribute."""
        return f"<{logical_id}.{name}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What names mean: parameters and pseudo parameters, conditions, and resources."""

    names: Mapping[str, Json]
    conditions: Mapping[str, bool]
    resources: Resources
    zones: Callable[[str], list[str]]

    def resolve(self, value: Json) -> Json:
        """Return ``value`` with every function in it replaced by its result.

        Raises:
            TemplateError: A function is unknown, or its arguments do not fit.
        """
        resolved = self._resolve(value)
        return None if resolved is NO_VALUE else resolved

    def _resolve(self, value: Json) -> Json:
        if isinstance(value, list):
            return [item for item in map(self._resolve, value) if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if (call := function_of(value)) is not None:
            return self._call(*call)
        pairs = ((key, self._resolve(item)) for key, item in value.items())
        return {key: item for key, item in pairs if item is not NO_VALUE}

    def _call(self, name: str, argument: Json) -> Json:
        if name in _LOGIC:
            return evaluate({name: argument}, self.conditions, self.names)
        if name not in _FUNCTIONS:
            raise TemplateError(f"Template error: {name} is not modelled by the sandbox")
        try:
            return _FUNCTIONS[name](self, argument)
        except TemplateError:
            raise
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            raise TemplateError(f"Template error: arguments of {name} do not fit: {argument!r}") from error

    def ref(self, name: str) -> Json:
        """Return what ``{"Ref": name}`` means here."""
        if name == "AWS::NoValue":
            return NO_VALUE
        return self.names[name] if name in self.names else self.resources.ref(name)

    def lookup(self, name: str) -> str:
        """Return the text for ``${name}`` in ``Fn::Sub``: a reference, or an attribute as ``Resource.Name``."""
        found = self.resources.attribute(*name.split(".", 1)) if "." in name else self.ref(name)
        return text_of(found)


def function_of(value: Mapping[str, Json]) -> tuple[str, Json] | None:
    """Return (name, argument) when ``value`` is a call of an intrinsic function."""
    if len(value) != 1:
        return None
    name, argument = next(iter(value.items()))
    is_call = (name in ("Ref", "Condition") and isinstance(argument, str)) or str(name).startswith("Fn::")
    return (name, argument) if is_call else None


def variables(argument: Json) -> tuple[str, ...]:
    """Return the names that the argument of ``Fn::Sub`` refers to outside its own map."""
    text, own = (argument[0], argument[1]) if isinstance(argument, list) else (argument, {})
    names = [name.strip() for escape, name in _VARIABLE.findall(text) if not escape]
    return tuple(name for name in names if name not in own)


def text_of(value: Json) -> str:
    """Return ``value`` as a template shows it within text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def evaluate(value: Json, known: Mapping[str, bool], names: Mapping[str, Json]) -> bool:
    """Return the truth of a condition; ``known`` holds conditions already evaluated."""
    name, argument = _logic(value)
    if name == "Condition":
        if argument not in known:
            raise TemplateError(f"Template error: unresolved condition dependency {argument}")
        return known[argument]
    if name == "Fn::Equals":
        left, right = (text_of(_operand(item, names)) for item in argument)
        return left == right
    truths = [evaluate(item, known, names) for item in argument]
    return {"Fn::Not": lambda: not truths[0], "Fn::And": lambda: all(truths), "Fn::Or": lambda: any(truths)}[name]()


def _logic(value: Json) -> tuple[str, Json]:
    call = function_of(value) if isinstance(value, dict) else None
    if call is None or call[0] not in _LOGIC:
        raise TemplateError(f"Template error: {value!r} is no condition the sandbox models")
    return call


def _operand(value: Json, names: Mapping[str, Json]) -> Json:
    if isinstance(value, dict) and set(value) == {"Ref"} and value["Ref"] in names:
        return names[value["Ref"]]
    if isinstance(value, dict):
        raise TemplateError(f"Template error: conditions may refer to parameters only, not {value!r}")
    return value


def _sub(scope: Scope, argument: Json) -> Json:
    text, own = argument if isinstance(argument, list) else (argument, {})
    own = {name: text_of(scope.resolve(value)) for name, value in own.items()}

    def replace(match: "re.Match[str]") -> str:
        escape, name = match.groups()
        return f"${{{name}}}" if escape else own[name.strip()] if name.strip() in own else scope.lookup(name.strip())

    return _VARIABLE.sub(replace, text)


def _join(scope: Scope, argument: Json) -> Json:
    separator, items = argument
    items = scope.resolve(items)
    return separator.join(text_of(item) for item in (items if isinstance(items, list) else [items]))


def _select(scope: Scope, argument: Json) -> Json:
    index, items = int(scope.resolve(argument[0])), scope.resolve(argument[1])
    if isinstance(items, str):
        return f"{items}[{index}]"
    if not 0 <= index < len(items):
        raise TemplateError(f"Template error: Fn::Select cannot select nonexistent value at index {index}")
    return items[index]


def _split(scope: Scope, argument: Json) -> Json:
    separator, text = argument
    return str(scope.resolve(text)).split(separator)


def _if(scope: Scope, argument: Json) -> Json:
    name, yes, no = argument
    if name not in scope.conditions:
        raise TemplateError(f"Template error: unresolved condition dependency {name}")
    return scope._resolve(yes if scope.conditions[name] else no)


def _zones(scope: Scope, argument: Json) -> Sequence[str]:
    return scope.zones(str(scope.resolve(argument) or scope.names["AWS::Region"]))


def _attribute(scope: Scope, argument: Json) -> Json:
    logical_id, name = argument.split(".", 1) if isinstance(argument, str) else argument
    return scope.resources.attribute(logical_id, text_of(scope.resolve(name)))


_FUNCTIONS: dict[str, Callable[[Scope, Json], Json]] = {
    "Ref": Scope.ref,
    "Fn::GetAtt": _attribute,
    "Fn::Sub": _sub,
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::If": _if,
    "Fn::GetAZs": _zones,
}
