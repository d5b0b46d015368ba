"""A listener that saves tasks from waiting: the fork server starts with the scheduler, and the end of a task wakes it.

Airflow starts the fork server with the first task, which then waits some 10 s for the heavy packages; here they are in
memory by then.
"""

import multiprocessing
from multiprocessing import forkserver
from typing import Any

from airflow.listeners import hookimpl

from recovery_ops.airflow.bell import ring

_starting: list[Any] = []
"""The scheduler of this process, as Airflow's listeners are told of it."""


@hookimpl  # type: ignore[untyped-decorator]
def on_starting(component: object) -> None:
    """Start the fork server when this process is a scheduler that uses one; other components set another method."""
    if type(component).__name__ == "Job" and multiprocessing.get_start_method(allow_none=True) == "forkserver":
        _starting[:] = [component]
        forkserver.ensure_running()


@hookimpl  # type: ignore[untyped-decorator]
def on_task_instance_success() -> None:
    """Wake the scheduler from the task's process; the success is in Airflow's database by now."""
    ring()


def say_alive() -> None:
    """Note a sign of life of the scheduler that starts in this process; it gives none before it has workers.

    They wait for the fork server, which takes as long as its imports: on a busy machine longer than the time after
    which a scheduler counts as dead. It would find itself dead at its first looks, and kill the first tasks it started.
    """
    from airflow.sdk import timezone
    from airflow.utils.session import create_session  # tasks import this module too, and have no database

    for job in _starting:
        job.latest_heartbeat = timezone.utcnow()
        with create_session() as session:
            session.merge(job)
