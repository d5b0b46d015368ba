"""Global tables: every committed write travels to the other regions, the last writer wins.

One queue a direction, first in first out. It keeps what it holds while one of the two regions is down or the direction
is paused: the queue is what a region loss loses, and is delivered when both ends are back.
"""

import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from recovery_ops.sandbox import durations
from recovery_ops.sandbox.dynamodb import policies, tables
from recovery_ops.sandbox.dynamodb.items import Item, key_of, write
from recovery_ops.sandbox.dynamodb.tables import Tables
from recovery_ops.sandbox.jobs import JobBook
from recovery_ops.sandbox.world import World

RETRY_WALL_S = 0.1
"""Real seconds between two looks at a direction that cannot deliver."""

Direction = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One committed write on its way; ``at`` is when it was written (Unix seconds), ``item`` ``None`` a deletion."""

    table: str
    key: Item
    item: Item | None
    at: float
    due_at: float


class Replication:
    """The queues between the regions. Every method is called under the DynamoDB lock."""

    def __init__(self, world: World, state: Tables) -> None:
        self._world = world
        self._state = state
        self.jobs: JobBook
        self.queues: dict[Direction, deque[Change]] = {}
        self._armed: set[Direction] = set()

    def send(self, region: str, table: Any, attributes: Item, item: Item | None, at: float) -> None:
        """Queue a write that was committed in ``region`` for every other region of its global table."""
        due_at = time.time() + durations.seconds("dynamodb.replication.lag") * self._world.clock.factor
        change = Change(table=table.name, key=key_of(table, attributes), item=item, at=at, due_at=due_at)
        for target in self._state.peers(region, table.name):
            self.queues.setdefault((region, target), deque()).append(change)
            self._arm((region, target))

    def deliver(self, source: str, target: str) -> None:
        """Apply what is due from ``source`` to ``target``, in order, as far as both are reachable."""
        self._armed.discard((source, target))
        queue = self.queues.get((source, target), deque())
        while queue and queue[0].due_at <= time.time():
            if not self._reaches(source, target, queue[0].table):
                self._arm((source, target), RETRY_WALL_S)
                return
            self._apply(target, queue.popleft())
        self._arm((source, target))

    def pending(self) -> dict[str, float]:
        """Return how many writes are on their way and how long the oldest has been, in real seconds."""
        heads = [queue[0].at for queue in list(self.queues.values()) if queue]
        count = sum(len(queue) for queue in list(self.queues.values()))
        return {"pending": count, "oldest_age_s": max(0.0, time.time() - min(heads)) if heads else 0.0}

    def load(self, queues: dict[Direction, deque[Change]]) -> None:
        """Replace the queues and deliver on."""
        self.queues, self._armed = queues, set()
        for direction in queues:
            self._arm(direction)

    def _arm(self, direction: Direction, wall_s: float | None = None) -> None:
        queue = self.queues.get(direction)
        if not queue or direction in self._armed:
            return
        self._armed.add(direction)
        self.jobs.later_wall(
            max(0.0, queue[0].due_at - time.time()) if wall_s is None else wall_s, "deliver", *direction
        )

    def _reaches(self, source: str, target: str, name: str) -> bool:
        return (
            self._world.replicates(source, target)
            and not any(self._world.faults.is_down(region, "dynamodb") for region in (source, target))
            and not policies.stops_replication(target, name)
        )

    def _apply(self, target: str, change: Change) -> None:
        table = tables.find(target, change.table)
        if table is None or target not in self._state.groups.get(change.table, set()):
            return
        if self._state.is_newer(target, table, change.key, change.at):
            write(table, change.key, change.item)
            self._state.note(target, table, change.key, change.item, change.at)
