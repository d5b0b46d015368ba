"""A listener that starts the scheduler's fork server with the scheduler.

Airflow starts it with the first task, which then waits some 10 s for the heavy packages; here they are in memory by
then.
"""

import multiprocessing
from multiprocessing import forkserver

from airflow.listeners import hookimpl


@hookimpl  # type: ignore[untyped-decorator]
def on_starting(component: object) -> None:
    """Start the fork server when this process is a scheduler that uses one; other components set another method."""
    if type(component).__name__ == "Job" and multiprocessing.get_start_method(allow_none=True) == "forkserver":
        forkserver.ensure_running()
