"""Work that AWS does later, kept as data: it survives a snapshot, which a bare callback of the clock does not."""

import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from recovery_ops.sandbox import locks
from recovery_ops.sandbox.world import World


@dataclass(frozen=True, slots=True)
class Job:
    """Call handler ``name`` with ``args`` at ``due_at`` (wall clock, Unix seconds)."""

    due_at: float
    name: str
    args: tuple[Any, ...]


class JobBook:
    """Jobs of one service; each handler runs once, in the clock's thread, under that service's lock.

    ``args`` have to be picklable. Handlers must not block.
    """

    def __init__(self, world: World, service: str, handlers: Mapping[str, Callable[..., None]]) -> None:
        self._world = world
        self._service = service
        self._handlers = handlers
        self._jobs: dict[int, Job] = {}
        self._ids = itertools.count()

    def later(self, modelled_s: float, name: str, *args: Any) -> None:
        """Run handler ``name`` in ``modelled_s`` AWS seconds."""
        self.later_wall(modelled_s * self._world.clock.factor, name, *args)

    def later_wall(self, wall_s: float, name: str, *args: Any) -> None:
        """Run handler ``name`` in ``wall_s`` real seconds."""
        job_id = next(self._ids)
        self._jobs[job_id] = Job(time.time() + wall_s, name, args)
        epoch = self._world.epoch
        self._world.clock.later_wall(wall_s, lambda: self._run(job_id, epoch))

    def has(self, name: str) -> bool:
        """Return whether a job of handler ``name`` is open."""
        return any(job.name == name for job in list(self._jobs.values()))

    def dump(self) -> list[tuple[float, str, tuple[Any, ...]]]:
        """Return what is still to be done as (real seconds left, handler, arguments)."""
        now = time.time()
        return [(max(0.0, job.due_at - now), job.name, job.args) for job in list(self._jobs.values())]

    def load(self, jobs: list[tuple[float, str, tuple[Any, ...]]]) -> None:
        """Replace every open job by ``jobs``, as returned by :meth:`dump`."""
        self._jobs.clear()
        for wall_s, name, args in jobs:
            self.later_wall(wall_s, name, *args)

    def _run(self, job_id: int, epoch: int) -> None:
        with locks.of(self._service):
            if epoch != self._world.epoch:  # the state that this job belonged to was replaced by a snapshot
                return
            if (job := self._jobs.pop(job_id, None)) is not None:
                self._handlers[job.name](*job.args)
