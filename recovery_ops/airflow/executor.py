"""Airflow's LocalExecutor without what delays a recovery: late workers, an oversleeping scheduler, crowded starts.

With the start method ``forkserver`` Airflow makes one worker per loop of the scheduler, when a task waits for it. Here
all workers exist before the first task.

The scheduler sleeps a fixed time between two looks (``scheduler_idle_sleep_time``), half of which is added to every hop
on average. Here the end of a task wakes it: well ended ones ring (:mod:`recovery_ops.airflow.bell`), the others are
heard when their process is gone.

A task costs processor time before it does anything. When more start at once than there are processors, they all begin
late; here the most urgent one begins first and the others as fast as the processors can start them.
"""

import os
import time
from multiprocessing import connection

from airflow.executors.local_executor import LocalExecutor

from recovery_ops.airflow.bell import Bell
from recovery_ops.airflow.warming import say_alive

LONGEST_SLEEP_S = 0.1
"""What nobody rings for, a new DAG run for example, waits this long at most."""
START_S = 0.2 / (os.cpu_count() or 1)
"""Between two starts: a task takes some 0.2 s of one processor, with what api-server and scheduler do for it."""


class PromptExecutor(LocalExecutor):
    """Runs tasks on this machine. Sleeps for the scheduler, whose own ``scheduler_idle_sleep_time`` has to be 0."""

    longest_sleep_s = LONGEST_SLEEP_S
    _next_start = 0.0

    def start(self) -> None:
        """Listen for tasks that end, make every worker, and only then have the scheduler seen alive."""
        super().start()
        self.bell = Bell()
        while len(self.workers) < self.parallelism:
            self._spawn_worker()
        say_alive()

    def trigger_tasks(self, open_slots: int) -> None:
        """Start the most urgent task, when the one before had its time to start."""
        if self._waiting and open_slots > 0 and self._pause_s <= 0:
            self._next_start = time.monotonic() + START_S
            super().trigger_tasks(1)

    def heartbeat(self) -> None:
        """Do what Airflow does; when that was nothing, wait until a task ends or the next one may start."""
        waiting = self._waiting
        super().heartbeat()
        if waiting == self._waiting and not self.event_buffer and not self.bell.rung():
            soon = waiting and self._pause_s > 0
            limit_s = min(self._pause_s, self.longest_sleep_s) if soon else self.longest_sleep_s
            connection.wait([self.bell.fileno(), self.result_queue._reader], timeout=max(limit_s, 0.0))
            self.bell.rung()
            self.sync()

    def end(self) -> None:
        """Wait for the tasks that run, and stop listening."""
        super().end()
        self.bell.close()

    @property
    def _waiting(self) -> int:
        return len(self.queued_tasks) + len(self.queued_callbacks)

    @property
    def _pause_s(self) -> float:
        return self._next_start - time.monotonic()
