"""The first pass: the shape of a catalog. What is sound goes on to the second pass although other parts are broken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from recovery_ops.catalog.kindspec import KindSpec
from recovery_ops.catalog.problems import Document, Place, Problem
from recovery_ops.catalog.quantities import WRITTEN
from recovery_ops.catalog.text import CatalogText, ComponentText, HeaderText
from recovery_ops.catalog.wording import problems_of

T = TypeVar("T", bound=BaseModel)

STAND_INS: dict[type[BaseModel], dict[str, Any]] = {
    HeaderText: {
        "system": "not-known",
        "home": "us-east-1",
        "regions": ["us-east-1", "us-west-2"],
        "rto": "1h",
        "traffic": {"name": "not-known.example", "front_doors": {}},
        "record": {"bucket": "not-known-{region}"},
        "points": {"bucket": "not-known-{region}"},
    },
    ComponentText: {"name": "not-known", "kind": "not-known", "tier": "development"},
}
"""Values that keep a broken part readable; the keys they stand in for are never sound, so no check looks at them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part(Generic[T]):
    """A validated mapping. ``sound`` are the keys whose values can be relied on (written or default)."""

    text: T
    sound: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftComponent(Part[ComponentText]):
    """One component of a draft. ``spec`` is ``None`` when its kind is unknown; ``settings`` are plain JSON values."""

    index: int
    spec: KindSpec | None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        """Return where the component stands in its file."""
        return ("components", self.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A catalog after the first pass. ``problems`` are those found so far."""

    document: Document
    header: Part[HeaderText]
    components: tuple[DraftComponent, ...]
    problems: tuple[Problem, ...]

    def names(self) -> set[str]:
        """Return every component name that is written, legal or not."""
        items = self.document.data.get("components")
        found = [item.get("name") for item in items if isinstance(item, dict)] if isinstance(items, list) else []
        return {name for name in found if isinstance(name, str)}

    def named(self) -> dict[str, DraftComponent]:
        """Return the components whose name can be relied on; the first one of a name wins."""
        found: dict[str, DraftComponent] = {}
        for component in self.components:
            if "name" in component.sound:
                found.setdefault(component.text.name, component)
        return found


def draft(document: Document, kinds: Mapping[str, KindSpec]) -> Draft:
    """Return ``document`` with its shape checked; needs a mapping at the top of the document."""
    header_data = {key: value for key, value in document.data.items() if key != "components"}
    header, errors = _part(HeaderText, header_data)
    problems = [*document.problems, *problems_of(errors, (), CatalogText, document)]
    items, problem = _items(document)
    components: list[DraftComponent] = []
    for index, item in enumerate(items):
        component, found = _component(document, index, item, kinds)
        components.append(component)
        problems += found
    problems += [problem] if problem else []
    return Draft(document=document, header=header, components=tuple(components), problems=tuple(problems))


def _items(document: Document) -> tuple[list[Any], Problem | None]:
    items, place = document.data.get("components"), ("components",)
    if isinstance(items, list) and items:
        return items, None
    missing = "is missing" if "components" not in document.data else "must be a list with at least one component"
    return [], document.at(place, missing)


def _component(
    document: Document, index: int, item: Any, kinds: Mapping[str, KindSpec]
) -> tuple[DraftComponent, list[Problem]]:
    place: Place = ("components", index)
    part, errors = _part(ComponentText, item)
    problems = problems_of(errors, place, ComponentText, document)
    spec = kinds.get(part.text.kind) if "kind" in part.sound else None
    settings: Mapping[str, Any] = {}
    if spec is not None and "settings" in part.sound:
        settings, errors = _settings(spec.settings_model, part.text.settings)
        problems += problems_of(errors, (*place, "settings"), spec.settings_model, document)
    return DraftComponent(text=part.text, sound=part.sound, index=index, spec=spec, settings=settings), problems


def _settings(model: type[BaseModel], data: Mapping[str, Any]) -> tuple[dict[str, Any], Sequence[ErrorDetails]]:
    try:
        return model.model_validate(data, context=WRITTEN).model_dump(mode="json"), ()
    except ValidationError as error:
        return {}, error.errors(include_url=False)


def _part(model: type[T], data: Any) -> tuple[Part[T], Sequence[ErrorDetails]]:
    """Validate ``data``; keys with an error are left out, or replaced by a stand-in, and are not sound."""
    every = frozenset(model.model_fields)
    try:
        return Part(text=model.model_validate(data, context=WRITTEN), sound=every), ()
    except ValidationError as error:
        errors = error.errors(include_url=False)
    broken = {str(item["loc"][0]) for item in errors if item["loc"]} if isinstance(data, dict) else every
    usable = {key: value for key, value in data.items() if key not in broken} if isinstance(data, dict) else {}
    text = model.model_validate(STAND_INS[model] | usable, context=WRITTEN)
    return Part(text=text, sound=every - broken), errors
