"""JSON Schema of catalog files, for editors."""

from collections.abc import Mapping
from typing import Any

from recovery_ops.catalog.kindspec import KindSpec
from recovery_ops.catalog.text import CatalogText

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(kinds: Mapping[str, KindSpec]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a catalog, with the settings of every kind in ``kinds``."""
    schema = CatalogText.model_json_schema()
    component = schema["$defs"]["ComponentText"]
    component["properties"]["kind"] |= {"enum": sorted(kinds)}
    component["allOf"] = [_settings_of(name) for name in sorted(kinds)]
    for name, spec in kinds.items():
        schema["$defs"] |= _definitions(name, spec)
    return {"$schema": DIALECT, "title": "recovery-ops catalog"} | {
        key: value for key, value in schema.items() if key != "title"
    }


def _settings_of(name: str) -> dict[str, Any]:
    return {
        "if": {"properties": {"kind": {"const": name}}},
        "then": {"properties": {"settings": {"$ref": f"#/$defs/{name}"}}},
    }


def _definitions(name: str, spec: KindSpec) -> dict[str, Any]:
    """Return the settings schema as ``<kind>`` and what it refers to as ``<kind>.<model>``."""
    schema = spec.settings_model.model_json_schema(ref_template=f"#/$defs/{name}.{{model}}")
    inner = schema.pop("$defs", {})
    return {name: schema} | {f"{name}.{model}": value for model, value in inner.items()}
