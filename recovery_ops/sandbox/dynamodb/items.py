"""Items of moto tables as plain DynamoDB JSON, and their keys as strings that can be compared and pickled."""

import copy
import json
from typing import Any

Item = dict[str, Any]
"""Attributes in DynamoDB JSON, as ``{"entity_id": {"S": "e1"}}``."""


def key_of(table: Any, attributes: Item) -> Item:
    """Return the key attributes of ``attributes``."""
    return {name: attributes[name] for name in table.table_key_attrs}


def key_text(table: Any, attributes: Item) -> str:
    """Return the key of ``attributes`` as one string, equal for equal keys."""
    return json.dumps(key_of(table, attributes), sort_keys=True, default=repr)


def _typed_key(table: Any, attributes: Item) -> tuple[Any, Any]:
    from moto.dynamodb.models.dynamo_type import DynamoType

    range_name = table.range_key_attr
    return DynamoType(attributes[table.hash_key_attr]), DynamoType(attributes[range_name]) if range_name else None


def read(table: Any, attributes: Item) -> Item | None:
    """Return a copy of the item with the key in ``attributes``, or ``None``."""
    item = table.get_item(*_typed_key(table, attributes))
    return copy.deepcopy(item.to_json()["Attributes"]) if item else None


def write(table: Any, key: Item, item: Item | None) -> None:
    """Store ``item``, or delete what ``key`` names when it is ``None``."""
    if item is None:
        table.delete_item(*_typed_key(table, key))
    else:
        table.put_item(copy.deepcopy(item))


def all_items(table: Any) -> dict[str, Item]:
    """Return a copy of every item by its key text."""
    rows = (copy.deepcopy(item.to_json()["Attributes"]) for item in table.all_items())
    return {key_text(table, row): row for row in rows}


def typed(value: Any) -> Item:
    """Return ``value`` in DynamoDB JSON; what already is DynamoDB JSON stays as it is."""
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in _TYPES:
        return value
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | float):
        return {"N": repr(value)}
    if value is None:
        return {"NULL": True}
    if isinstance(value, str):
        return {"S": value}
    raise ValueError(f"cannot tell the DynamoDB type of {value!r}; give it as DynamoDB JSON")


_TYPES = frozenset({"S", "N", "B", "SS", "NS", "BS", "M", "L", "NULL", "BOOL"})
