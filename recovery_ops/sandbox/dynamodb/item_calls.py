"""Item operations: refused when the table or its policy says so, noted after they are committed."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

from recovery_ops.sandbox import patching
from recovery_ops.sandbox.dynamodb import items, policies
from recovery_ops.sandbox.dynamodb.lifecycle import refuse
from recovery_ops.sandbox.dynamodb.parts import parts
from recovery_ops.sandbox.resource_policies import caller_of

Touched = Iterator[tuple[str, str, items.Item]]
"""Table name, action without prefix, and attributes that contain the key."""

_UNMODELLED = (
    "execute_statement",
    "batch_execute_statement",
    "execute_transaction",
    "export_table_to_point_in_time",
)


def _put(body: Any) -> Touched:
    yield body["TableName"], "PutItem", body["Item"]


def _update(body: Any) -> Touched:
    yield body["TableName"], "UpdateItem", body["Key"]


def _delete(body: Any) -> Touched:
    yield body["TableName"], "DeleteItem", body["Key"]


def _batch(body: Any) -> Touched:
    for name, requests in body["RequestItems"].items():
        for request in requests:
            put = request.get("PutRequest")
            yield name, "BatchWriteItem", put["Item"] if put else request["DeleteRequest"]["Key"]


def _transact(body: Any) -> Touched:
    for entry in body["TransactItems"]:
        for verb, operation in entry.items():
            action = "ConditionCheckItem" if verb == "ConditionCheck" else f"{verb}Item"
            yield operation["TableName"], action, operation.get("Item") or operation["Key"]


_WRITES = {
    "put_item": _put,
    "update_item": _update,
    "delete_item": _delete,
    "batch_write_item": _batch,
    "transact_write_items": _transact,
}


def _one(action: str) -> Callable[[Any], Iterator[tuple[str, str]]]:
    def names(body: Any) -> Iterator[tuple[str, str]]:
        yield body["TableName"], action

    return names


def _many(body: Any) -> Iterator[tuple[str, str]]:
    for name in body["RequestItems"]:
        yield name, "BatchGetItem"


def _transact_get(body: Any) -> Iterator[tuple[str, str]]:
    for entry in body["TransactItems"]:
        yield entry["Get"]["TableName"], "GetItem"


_READS = {
    "get_item": _one("GetItem"),
    "query": _one("Query"),
    "scan": _one("Scan"),
    "batch_get_item": _many,
    "transact_get_items": _transact_get,
}


def patch() -> None:
    """Wrap every item operation of moto."""
    from moto.dynamodb.responses import DynamoHandler

    for name, keys in _WRITES.items():
        patching.replace(DynamoHandler, name, _writing(patching.original(DynamoHandler, name), keys))
    for name, tables_of in _READS.items():
        patching.replace(DynamoHandler, name, _reading(patching.original(DynamoHandler, name), tables_of))
    for name in _UNMODELLED:
        patching.replace(DynamoHandler, name, _unmodelled(name))


def _writing(original: Any, keys: Callable[[Any], Touched]) -> Any:
    @functools.wraps(original)
    def wrapper(self: Any) -> Any:
        touched = [
            (table, attributes, _before(table, attributes))
            for name, action, attributes in keys(self.body)
            if (table := _usable(self, name, action)) is not None and action != "ConditionCheckItem"
        ]
        result = None
        try:
            result = original(self)
        finally:
            # A batch that fails half way has written its first half; the others leave no trace.
            if result is not None or "RequestItems" in self.body:
                for table, attributes, before in touched:
                    current = self.dynamodb_backend.get_table(table.name)
                    parts().commit(self.region, current, attributes, before)
        return result

    return wrapper


def _before(table: Any, attributes: items.Item) -> items.Item | None:
    with contextlib.suppress(KeyError):  # without a full key moto refuses the request itself
        return items.read(table, attributes)
    return None


def _reading(original: Any, tables_of: Callable[[Any], Iterator[tuple[str, str]]]) -> Any:
    @functools.wraps(original)
    def wrapper(self: Any) -> Any:
        for name, action in tables_of(self.body):
            _usable(self, name, action)
        return original(self)

    return wrapper


def _unmodelled(name: str) -> Any:
    def refused(_self: Any) -> Any:
        raise NotImplementedError(f"dynamodb {name} is not modelled by the sandbox")

    return refused


def _usable(handler: Any, name: str, action: str) -> Any | None:
    """Return the table when it may be used now; ``None`` when there is none, which moto then reports itself."""
    table = handler.dynamodb_backend.tables.get(name.split("/")[-1])
    if table is None:
        return None
    if parts().state.statuses.get((handler.region, table.name)) in ("CREATING", "DELETING"):
        raise refuse("ResourceNotFoundException", "Requested resource not found")
    caller = caller_of(handler.access_key, handler.region)
    if policies.denies(handler.region, table.name, f"dynamodb:{action}", caller):
        raise refuse(
            "AccessDeniedException",
            f"User: {caller} is not authorized to perform: dynamodb:{action} on resource: {table.table_arn} "
            "with an explicit deny in a resource-based policy",
        )
    return table
