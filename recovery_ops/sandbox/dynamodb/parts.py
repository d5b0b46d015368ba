"""The parts of the DynamoDB overlay, wired for one world."""

from collections.abc import Callable
from typing import Any

from recovery_ops.sandbox.dynamodb import items
from recovery_ops.sandbox.dynamodb.lifecycle import Lifecycle
from recovery_ops.sandbox.dynamodb.replication import Replication
from recovery_ops.sandbox.dynamodb.tables import Tables
from recovery_ops.sandbox.jobs import JobBook
from recovery_ops.sandbox.world import World


class Parts:
    """The parts of the overlay for one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.state = Tables()
        self.replication = Replication(world, self.state)
        self.lifecycle = Lifecycle(world, self.state)
        handlers: dict[str, Callable[..., None]] = {"deliver": self.replication.deliver, **self.lifecycle.handlers()}
        self.jobs = JobBook(world, "dynamodb", handlers)
        self.replication.jobs = self.lifecycle.jobs = self.jobs

    def commit(self, region: str, table: Any, attributes: items.Item, before: items.Item | None) -> None:
        """Take note of what the key in ``attributes`` holds now, and send it to the other regions."""
        after = items.read(table, attributes)
        if before is None and after is None:
            return
        at = self.state.stamp()
        self.state.note(region, table, attributes, after, at)
        self.replication.send(region, table, attributes, after, at)


_installed: dict[str, Parts] = {}


def use(new: Parts) -> None:
    """Make ``new`` the parts that patched moto works with."""
    _installed["dynamodb"] = new


def parts() -> Parts:
    """Return the parts of the installed overlay."""
    return _installed["dynamodb"]
