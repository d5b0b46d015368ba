"""Ending a run of the direct runner from the keyboard: at once, with exit code 4, and with how to carry it on."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import typer

from recovery_ops.model.runs import RunRef

INTERRUPTED = 4


@contextmanager
def resumable(ref: RunRef, command: str = "runs resume {system} {run}") -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the process inside the block: a run may be killed anywhere and resumed.

    Threads of steps are not waited for; what they have begun in AWS is found again. ``command`` is what resumes it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(_signal: int, _frame: FrameType | None) -> None:
        how = command.format(system=ref.system, run=ref.run_id)
        typer.echo(f"\ninterrupted; carry on with: recovery-ops {how}", err=True)
        os._exit(INTERRUPTED)

    before = {number: signal.signal(number, leave) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
