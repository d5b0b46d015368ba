"""The tables of every region with what moto does not keep about them: status, history, replicas."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from recovery_ops.sandbox.dynamodb.history import History
from recovery_ops.sandbox.dynamodb.items import Item, key_text, read
from recovery_ops.sandbox.world import ACCOUNT

TableId = tuple[str, str]
"""Region and table name."""

MAX_TOMBSTONES = 100_000


@dataclass(kw_only=True)
class Tables:
    """Ours beside moto's backends. ``statuses`` holds only what is not ``ACTIVE``.

    ``groups`` maps a table name to the regions of its global table, ``replicas`` a (table name, region) that is being
    added or removed to its replica status. ``written`` is the time of the last write of a key, for last writer wins.
    """

    statuses: dict[TableId, str] = field(default_factory=dict)
    histories: dict[TableId, History] = field(default_factory=dict)
    groups: dict[str, set[str]] = field(default_factory=dict)
    replicas: dict[tuple[str, str], str] = field(default_factory=dict)
    written: dict[TableId, dict[str, float]] = field(default_factory=dict)
    last_stamp: float = 0.0

    def stamp(self) -> float:
        """Return the current time, later than every stamp before."""
        self.last_stamp = max(time.time(), self.last_stamp + 1e-6)
        return self.last_stamp

    def peers(self, region: str, name: str) -> set[str]:
        """Return the other regions that table ``name`` of ``region`` replicates with."""
        regions = self.groups.get(name, set())
        return regions - {region} if region in regions else set()

    def join(self, name: str, source: str, target: str) -> None:
        """Make ``target`` a member of the global table that ``source`` is in, or form one."""
        self.groups.setdefault(name, {source}).add(target)
        self.written[(target, name)] = dict(self.written.get((source, name), {}))

    def leave(self, name: str, region: str) -> None:
        """Take ``region`` out of the global table; one that has a single member left is a plain table again."""
        members = self.groups.get(name, set())
        members.discard(region)
        if len(members) < 2:
            self.groups.pop(name, None)
        self.replicas.pop((name, region), None)

    def forget(self, region: str, name: str) -> None:
        """Drop everything about a table that is gone."""
        self.leave(name, region)
        for kept in (self.statuses, self.histories, self.written):
            kept.pop((region, name), None)

    def note(self, region: str, table: Any, attributes: Item, item: Item | None, at: float) -> None:
        """Keep a committed change for point-in-time recovery and last writer wins."""
        key = key_text(table, attributes)
        if (history := self.histories.get((region, table.name))) is not None:
            history.record(max(at, self.stamp()), key, item)
        written = self.written.setdefault((region, table.name), {})
        written.pop(key, None)
        written[key] = at
        if len(written) > MAX_TOMBSTONES + len(table):
            self._drop_oldest_tombstone(table, written)

    def is_newer(self, region: str, table: Any, attributes: Item, at: float) -> bool:
        """Return whether a write of ``at`` beats the last one of the same key in ``region``."""
        return at > self.written.get((region, table.name), {}).get(key_text(table, attributes), 0.0)

    @staticmethod
    def _drop_oldest_tombstone(table: Any, written: dict[str, float]) -> None:
        import json

        for key in written:
            if read(table, json.loads(key)) is None:
                del written[key]
                return


def backend(region: str) -> Any:
    """Return moto's DynamoDB of ``region``."""
    from moto.dynamodb.models import dynamodb_backends

    return dynamodb_backends[ACCOUNT][region]


def find(region: str, name: str) -> Any | None:
    """Return moto's table, by name, or ``None``."""
    return backend(region).tables.get(name)


def region_of(table: Any) -> str:
    """Return the region of a moto table."""
    return str(table.table_arn.split(":")[3])


def copy_settings(source: Any, *, name: str, region: str) -> Any:
    """Return a new empty table shaped like ``source``: keys, indexes, billing, encryption; nothing else goes along."""
    import copy

    from moto.dynamodb.models.table import Table

    table = Table(
        name,
        account_id=ACCOUNT,
        region=region,
        schema=copy.deepcopy(source.schema),
        attr=copy.deepcopy(source.attr),
        throughput=copy.deepcopy(source.throughput),
        billing_mode=source.billing_mode,
    )
    table.indexes = copy.deepcopy(source.indexes)
    table.global_indexes = copy.deepcopy(source.global_indexes)
    if source.sse_specification and source.sse_specification.get("Enabled"):
        table.sse_specification = copy.deepcopy(source.sse_specification)
    return table


def fill(table: Any, rows: Iterable[Item]) -> None:
    """Store ``rows`` in a new table."""
    for row in rows:
        table.put_item(row)
