"""A template with its parameters bound: conditions decided, dependencies known, references checked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from recovery_ops.sandbox.cloudformation import parameters
from recovery_ops.sandbox.cloudformation.intrinsics import Resources, Scope, Symbols, evaluate, function_of, variables
from recovery_ops.sandbox.cloudformation.template import Template, TemplateError

Json = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One resource as the template wants it; ``properties`` still hold functions."""

    logical_id: str
    type: str
    properties: dict[str, Json]
    needs: tuple[str, ...]
    deletion_policy: str
    replace_policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a stack lives: what its pseudo parameters say."""

    account: str
    region: str
    stack_name: str
    stack_id: str
    zones: tuple[str, ...]

    def names(self) -> dict[str, Json]:
        """Return the pseudo parameters."""
        return {
            "AWS::AccountId": self.account,
            "AWS::NotificationARNs": [],
            "AWS::Partition": "aws",
            "AWS::Region": self.region,
            "AWS::StackId": self.stack_id,
            "AWS::StackName": self.stack_name,
            "AWS::URLSuffix": "amazonaws.com",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a stack is to become. Picklable: it holds text and plain values only."""

    template: Template
    place: Place
    parameters: dict[str, str]
    tags: dict[str, str]
    conditions: dict[str, bool]
    definitions: dict[str, Definition]
    outputs: dict[str, dict[str, Json]]

    def scope(self, resources: Resources) -> Scope:
        """Return what names mean, with ``resources`` behind ``Ref`` and ``Fn::GetAtt``."""
        return _scope(self.template, self.place, self.parameters, self.conditions, resources)

    def normal_form(self) -> Json:
        """Return a value that is equal for two bindings exactly when an update has nothing to do."""
        scope = self.scope(Symbols())
        kept = {name: self.template.resources[name] for name in self.definitions}
        return [scope.resolve(_without_condition(kept)), scope.resolve(self.outputs), self.tags]


def bind(template: Template, place: Place, given: Mapping[str, str], tags: Mapping[str, str]) -> Bound:
    """Bind ``template`` to parameter values.

    Raises:
        TemplateError: A parameter is wrong, a reference leads nowhere, or resources depend on each other in a circle.
    """
    texts = parameters.values(template, given)
    conditions = _conditions(template, place, texts)
    definitions = _definitions(template, conditions)
    outputs = {k: v for k, v in template.outputs.items() if conditions.get(v.get("Condition", ""), True)}
    bound = Bound(
        template=template,
        place=place,
        parameters=texts,
        tags=dict(tags),
        conditions=conditions,
        definitions=definitions,
        outputs=outputs,
    )
    _check_references(bound)
    bound.normal_form()
    return bound


def moved(bound: Bound, place: Place) -> Bound:
    """Return ``bound`` for the stack at ``place``."""
    return replace(bound, place=place)


def _scope(
    template: Template,
    place: Place,
    texts: Mapping[str, str],
    conditions: Mapping[str, bool],
    resources: Resources,
) -> Scope:
    names = {**place.names(), **parameters.typed(template, texts)}
    zones = {place.region: list(place.zones)}
    return Scope(names=names, conditions=conditions, resources=resources, zones=lambda region: zones.get(region, []))


def _conditions(template: Template, place: Place, texts: Mapping[str, str]) -> dict[str, bool]:
    names = {**place.names(), **parameters.typed(template, texts)}
    graph = {name: set(_mentions(value, "Condition")) for name, value in template.conditions.items()}
    known: dict[str, bool] = {}
    for name in _ordered(graph, "conditions"):
        if name not in template.conditions:
            raise TemplateError(f"Template format error: Unresolved condition dependency {name}")
        known[name] = evaluate(template.conditions[name], known, names)
    return known


def _ordered(graph: Mapping[str, set[str]], what: str) -> tuple[str, ...]:
    try:
        return tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise TemplateError(f"Circular dependency between {what}: [{', '.join(error.args[1][1:])}]") from None


def _definitions(template: Template, conditions: Mapping[str, bool]) -> dict[str, Definition]:
    kept = {name: item for name, item in template.resources.items() if _wanted(name, item, conditions)}
    needs = {name: _needs(item, conditions, set(kept)) for name, item in kept.items()}
    order = _ordered({name: set(found) for name, found in needs.items()}, "resources")
    return {name: _definition(name, kept[name], needs[name]) for name in order}


def _wanted(name: str, item: Mapping[str, Json], conditions: Mapping[str, bool]) -> bool:
    condition = item.get("Condition")
    if condition is not None and condition not in conditions:
        raise TemplateError(f"Template format error: Unresolved condition {condition} of resource {name}")
    return condition is None or conditions[condition]


def _definition(name: str, item: Mapping[str, Json], needs: tuple[str, ...]) -> Definition:
    return Definition(
        logical_id=name,
        type=item["Type"],
        properties=item.get("Properties") or {},
        needs=needs,
        deletion_policy=item.get("DeletionPolicy", "Delete"),
        replace_policy=item.get("UpdateReplacePolicy", "Delete"),
    )


def _needs(item: Mapping[str, Json], conditions: Mapping[str, bool], known: set[str]) -> tuple[str, ...]:
    explicit = item.get("DependsOn") or []
    names = [explicit] if isinstance(explicit, str) else list(explicit)
    names += [name for name, _ in references(item.get("Properties"), conditions)]
    return tuple(sorted({name for name in names if name in known}))


def references(value: Json, conditions: Mapping[str, bool]) -> Iterator[tuple[str, str | None]]:
    """Yield (name, attribute or None) for every reference in ``value``, along the branches of ``Fn::If`` taken."""
    if isinstance(value, list):
        for item in value:
            yield from references(item, conditions)
    elif isinstance(value, dict):
        call = function_of(value)
        yield from _called(*call, conditions) if call else references(list(value.values()), conditions)


def _called(name: str, argument: Json, conditions: Mapping[str, bool]) -> Iterator[tuple[str, str | None]]:
    if name == "Ref":
        yield argument, None
    elif name == "Fn::GetAtt":
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        yield parts[0], parts[1] if isinstance(parts[1], str) else None
    elif name == "Fn::Sub":
        yield from (_variable(item) for item in variables(argument))
        yield from references(argument[1] if isinstance(argument, list) else None, conditions)
    elif name == "Fn::If" and argument[0] in conditions:
        yield from references(argument[1] if conditions[argument[0]] else argument[2], conditions)
    else:
        yield from references(argument, conditions)


def _variable(name: str) -> tuple[str, str | None]:
    logical_id, dot, attribute = name.partition(".")
    return (logical_id, attribute) if dot else (name, None)


def _check_references(bound: Bound) -> None:
    known = {*bound.definitions, *bound.place.names(), *bound.template.parameters, "AWS::NoValue"}
    blocks = [(item, "Resources") for item in _resource_texts(bound)] + [(bound.outputs, "Outputs")]
    for block, where in blocks:
        missing = sorted({name for name, _ in references(block, bound.conditions)} - known)
        if missing:
            raise TemplateError(
                f"Template format error: Unresolved resource dependencies [{', '.join(missing)}] "
                f"in the {where} block of the template"
            )
    for name, item in bound.template.resources.items():
        unknown = sorted(set(_listed(item.get("DependsOn"))) - set(bound.template.resources))
        if unknown:
            raise TemplateError(f"Template format error: Unresolved resource dependencies {unknown} of {name}")


def _resource_texts(bound: Bound) -> list[Json]:
    return [definition.properties for definition in bound.definitions.values()]


def _listed(value: Json) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def _mentions(value: Json, function: str) -> Iterator[str]:
    if isinstance(value, dict):
        call = function_of(value)
        if call and call[0] == function:
            yield call[1]
        for item in value.values():
            yield from _mentions(item, function)
    elif isinstance(value, list):
        for item in value:
            yield from _mentions(item, function)


def _without_condition(kept: Mapping[str, Mapping[str, Json]]) -> Json:
    return {name: {key: value for key, value in item.items() if key != "Condition"} for name, item in kept.items()}
