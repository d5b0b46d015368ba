"""A listener that saves tasks from waiting: the fork server starts with the scheduler, and the end of a task wakes it.

Airflow starts the fork server with the first task, which then waits some 10 s for the heavy packages; here they are in
memory by then.
"""

import multiprocessing
from multiprocessing import forkserver

from airflow.listeners import hookimpl

from recovery_ops.airflow.bell import ring


@hookimpl  # type: ignore[untyped-decorator]
def on_starting(component: object) -> None:
    """Start the fork server when this process is a scheduler that uses one; other components set another method."""
    if type(component).__name__ == "Job" and multiprocessing.get_start_method(allow_none=True) == "forkserver":
        forkserver.ensure_running()


@hookimpl  # type: ignore[untyped-decorator]
def on_task_instance_success() -> None:
    """Wake the scheduler from the task's process; the success is in Airflow's database by now."""
    ring()
