"""DynamoDB items as plain Python values."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from recovery_ops.aws.clients import client
from recovery_ops.aws.translate import aws_errors
from recovery_ops.errors import StepRejectedError


def scan(table: str, region: str, *, limit: int | None = None) -> list[dict[str, Any]]:
    """Return every item of ``table`` (or the first ``limit``), numbers as ``float``, strongly consistent in its region.

    Reads the whole table: the cost grows with its size.
    """
    rows: list[dict[str, Any]] = []
    page = {"PaginationConfig": {"MaxItems": limit}} if limit else {}
    with aws_errors(f"scan {table}", region=region):
        pages = client("dynamodb", region).get_paginator("scan")
        for answer in pages.paginate(TableName=table, ConsistentRead=True, **page):
            rows += [plain_item(item) for item in answer["Items"]]
    return rows


def keys(table: str, key: str, region: str, *, limit: int) -> list[str]:
    """Return the key of up to ``limit`` items, in no order."""
    return [str(row[key]) for row in scan(table, region, limit=limit)]


def looking_up(table: str, key: str, names: Sequence[str], region: str) -> Callable[[str], list[float]]:
    """Return a function that reads the attributes ``names`` of one item, in that order.

    It raises ``StepRejectedError`` when the item or one of its attributes is not there.
    """

    def lookup(entity: str) -> list[float]:
        with aws_errors(f"look up {entity} in {table}", region=region):
            answer = client("dynamodb", region).get_item(TableName=table, Key={key: {"S": entity}})
        row = plain_item(answer.get("Item", {}))
        if gone := [name for name in names if name not in row]:
            raise StepRejectedError(f"{table} in {region} has no {', '.join(gone)} for {entity}", region=region)
        return [float(row[name]) for name in names]

    return lookup


def plain_item(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item as DynamoDB sends it with plain values; numbers become ``float``."""
    return dict(_plain_pairs(item))


def _plain_pairs(item: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, typed in item.items():
        yield name, plain_value(typed)


def plain_value(typed: dict[str, Any]) -> Any:
    """Return one typed value (``{"N": "1"}``) as a plain one."""
    ((kind, value),) = typed.items()
    match kind:
        case "N":
            return float(value)
        case "NULL":
            return None
        case "M":
            return plain_item(value)
        case "L":
            return [plain_value(entry) for entry in value]
        case "NS":
            return sorted(float(entry) for entry in value)
        case "SS" | "BS":
            return sorted(value)
        case _:
            return value
