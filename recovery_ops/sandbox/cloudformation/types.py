"""What a type of resource must be able to do, and which types there are."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from recovery_ops.sandbox.world import World

Json = Any


class ResourceError(Exception):
    """A resource could not be created, updated or deleted; the text becomes the reason in the stack's events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One resource and where it goes: what its template wants, what was there ``before``, and the tags of the stack."""

    world: World
    account: str
    region: str
    stack_name: str
    logical_id: str
    tags: Mapping[str, str]
    wanted: Mapping[str, Json]
    before: Mapping[str, Json] = field(default_factory=dict)
    physical_id: str = ""

    @property
    def all_tags(self) -> dict[str, str]:
        """The tags of the resource: those of the stack, those CloudFormation adds, and its own."""
        return {**self.tags, **own_tags(self.wanted)}

    def generated_name(self, limit: int = 255) -> str:
        """Return a name for a resource that the template does not name."""
        from moto.moto_api._internal import mock_random

        suffix = mock_random.get_random_hex(12)
        return f"{self.stack_name}-{self.logical_id}"[: limit - 13] + f"-{suffix}"


class ResourceType(ABC):
    """One type. Everything it does not list is refused, so that no property is dropped in silence."""

    name: ClassVar[str]
    service: ClassVar[str]
    required: ClassVar[frozenset[str]] = frozenset()
    properties: ClassVar[frozenset[str]]
    replaces: ClassVar[frozenset[str]] = frozenset()
    attributes: ClassVar[frozenset[str]] = frozenset()

    def check(self, properties: Mapping[str, Json]) -> None:
        """Raise ResourceError when ``properties`` lack something, or hold something that is not modelled."""
        missing = sorted(self.required - set(properties))
        if missing:
            raise ResourceError(f"Properties validation failed: required key [{missing[0]}] not found ({self.name})")
        unknown = sorted(set(properties) - self.properties)
        if unknown:
            raise ResourceError(
                f"Encountered unsupported property {unknown[0]} ({self.name}): unknown, or not modelled by the sandbox"
            )

    def needs_replacement(self, old: Mapping[str, Json], new: Mapping[str, Json]) -> bool:
        """Return whether a change of these properties makes a new resource instead of changing the old one."""
        return any(old.get(name) != new.get(name) for name in self.replaces)

    @abstractmethod
    def create(self, site: Site) -> str:
        """Create the resource and return its physical id."""

    def settle(self, site: Site) -> None:
        """Complete what ``create`` began; a failure here leaves a resource that the stack knows and will delete."""
        self.check(site.wanted)

    def update(self, site: Site) -> None:
        """Change the resource in place, from ``before`` to ``wanted``."""
        raise ResourceError(f"{site.logical_id}: type {self.name} cannot be changed in place here")

    @abstractmethod
    def delete(self, site: Site) -> None:
        """Delete the resource; nothing happens when it is gone already."""

    def values(self, site: Site) -> dict[str, Json]:
        """Return what ``Fn::GetAtt`` gives, by attribute."""
        return dict.fromkeys(self.attributes, site.physical_id)


class Changeable(ResourceType):
    """A type whose creation ends with what an update from nothing does."""

    def settle(self, site: Site) -> None:
        """Set everything that can be changed."""
        self.update(site)


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return ``tags`` as AWS lists them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def own_tags(properties: Mapping[str, Json]) -> dict[str, str]:
    """Return the tags a template gives a resource: a list of keys and values, or a map (AWS::SSM::Parameter)."""
    tags = properties.get("Tags") or {}
    return dict(tags) if isinstance(tags, dict) else {tag["Key"]: str(tag["Value"]) for tag in tags}
