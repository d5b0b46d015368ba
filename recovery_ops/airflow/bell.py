"""The bell that wakes a sleeping scheduler: a socket in Airflow's home, rung by every task that ends well.

A ring is a hint and may be lost: the scheduler looks by itself soon anyway.
"""

import contextlib
import os
import socket
from pathlib import Path


def ring() -> None:
    """Wake the scheduler of this installation, if it listens."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ringer:
        ringer.setblocking(False)
        ringer.sendto(b"!", str(_place()))


class Bell:
    """What the scheduler listens to; one that nobody can ring when the name of the home is too long for a socket."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        _place().unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._socket.bind(str(_place()))

    def fileno(self) -> int:
        """Return what can be waited for."""
        return self._socket.fileno()

    def rung(self) -> bool:
        """Take every ring that came; return whether one did."""
        rung = False
        with contextlib.suppress(BlockingIOError):
            while self._socket.recv(1):
                rung = True
        return rung

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
        _place().unlink(missing_ok=True)


def _place() -> Path:
    return Path(os.environ["AIRFLOW_HOME"]) / "scheduler.bell"
