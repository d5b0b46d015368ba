"""Airflow's LocalExecutor without its two delays: workers that are made one by one, and a scheduler that oversleeps.

With the start method ``forkserver`` Airflow makes one worker per loop of the scheduler, when a task waits for it: the
first tasks that a recovery starts side by side begin one after the other. And the scheduler sleeps a fixed time between
two looks (``scheduler_idle_sleep_time``), half of which is added to every hop on average. Here all workers exist before
the first task, and the end of a task wakes the scheduler: well ended ones ring (:mod:`recovery_ops.airflow.bell`), the
others are heard when their process is gone.
"""

from multiprocessing import connection

from airflow.executors.local_executor import LocalExecutor

from recovery_ops.airflow.bell import Bell

LONGEST_SLEEP_S = 0.1
"""What nobody rings for, a new DAG run for example, waits this long at most."""


class PromptExecutor(LocalExecutor):
    """Runs tasks on this machine. Sleeps for the scheduler, whose own ``scheduler_idle_sleep_time`` has to be 0."""

    longest_sleep_s = LONGEST_SLEEP_S

    def start(self) -> None:
        """Listen for tasks that end, and make every worker."""
        super().start()
        self.bell = Bell()
        while len(self.workers) < self.parallelism:
            self._spawn_worker()

    def heartbeat(self) -> None:
        """Do what Airflow does; when that was nothing, wait until a task ends."""
        given = bool(self.queued_tasks or self.queued_callbacks)
        super().heartbeat()
        if not given and not self.event_buffer and not self.bell.rung():
            connection.wait([self.bell.fileno(), self.result_queue._reader], timeout=self.longest_sleep_s)
            self.bell.rung()
            self.sync()

    def end(self) -> None:
        """Wait for the tasks that run, and stop listening."""
        super().end()
        self.bell.close()
