"""Attributes in answers, written as they are: their form on the wire is the one that moto holds them in.

moto looks for each of the ten types of an attribute under four spellings. A scan of 1600 items took a second with that.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from recovery_ops.sandbox import patching

ATTRIBUTE = "AttributeValue"


def patch() -> None:
    """Replace how moto writes attribute values, and maps of them, into JSON."""
    from moto.core.serialize import BaseJSONSerializer

    write_map = patching.original(BaseJSONSerializer, "_serialize_type_map")
    write_structure = patching.original(BaseJSONSerializer, "_serialize_type_structure")

    def serialize_type_map(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.value.name == ATTRIBUTE and all(isinstance(held, dict) for held in value.values()):
            written = {name: on_the_wire(held) for name, held in value.items()}
            self._default_serialize(serialized, written, shape, key)
        else:
            write_map(self, serialized, value, shape, key)

    def serialize_type_structure(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.name == ATTRIBUTE and isinstance(value, dict):
            self._default_serialize(serialized, on_the_wire(value), shape, key)
        else:
            write_structure(self, serialized, value, shape, key)

    patching.replace(BaseJSONSerializer, "_serialize_type_map", serialize_type_map)
    patching.replace(BaseJSONSerializer, "_serialize_type_structure", serialize_type_structure)


def on_the_wire(attribute: Mapping[str, Any]) -> dict[str, Any]:
    """Return an attribute value, which has its type for a key, as JSON has it; binary content in base64."""
    return {kind: _WRITERS[kind](held) for kind, held in attribute.items()}


def _binary(held: bytes) -> str:
    return base64.b64encode(held).decode()


def _as_is(held: Any) -> Any:
    return held


_WRITERS: Mapping[str, Callable[[Any], Any]] = {
    "S": str,
    "N": str,
    "BOOL": _as_is,
    "NULL": _as_is,
    "B": _binary,
    "SS": lambda held: [str(text) for text in held],
    "NS": lambda held: [str(number) for number in held],
    "BS": lambda held: [_binary(content) for content in held],
    "M": lambda held: {name: on_the_wire(inner) for name, inner in held.items()},
    "L": lambda held: [on_the_wire(inner) for inner in held],
}
