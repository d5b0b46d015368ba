"""Every resource type the engine knows, by its name in templates."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from recovery_ops.sandbox.cloudformation import types_apigateway, types_ec2, types_other
from recovery_ops.sandbox.cloudformation.binding import Bound, references
from recovery_ops.sandbox.cloudformation.template import TemplateError
from recovery_ops.sandbox.cloudformation.types import ResourceType

TYPES: Mapping[str, ResourceType] = MappingProxyType(
    {kind.name: kind for kind in (*types_ec2.TYPES, *types_apigateway.TYPES, *types_other.TYPES)}
)


def check(bound: Bound) -> None:
    """Raise TemplateError when a resource has a type, or a reference an attribute, that is not known."""
    unknown = sorted({item.type for item in bound.definitions.values()} - set(TYPES))
    if unknown:
        raise TemplateError(f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]")
    for block in [*(item.properties for item in bound.definitions.values()), bound.outputs]:
        _check_attributes(bound, references(block, bound.conditions))


def _check_attributes(bound: Bound, found: Iterable[tuple[str, str | None]]) -> None:
    for name, attribute in found:
        definition = bound.definitions.get(name)
        if attribute and definition and attribute not in TYPES[definition.type].attributes:
            raise TemplateError(
                f"Template error: resource {name} does not support attribute type {attribute} in Fn::GetAtt"
            )


def needs_capability(bound: Bound) -> str | None:
    """Return the capability that the caller must acknowledge for roles, if any."""
    roles = [item for item in bound.definitions.values() if item.type == "AWS::IAM::Role"]
    if not roles:
        return None
    return "CAPABILITY_NAMED_IAM" if any("RoleName" in role.properties for role in roles) else "CAPABILITY_IAM"
