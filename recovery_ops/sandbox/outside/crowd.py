"""Start and end the processes of the people outside."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Person:
    """One process and its journal."""

    process: "subprocess.Popen[bytes]"
    journal: Path

    def leave(self) -> None:
        """End the process and wait for it."""
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def send_out(role: str, journal: Path, **options: object) -> Person:
    """Start a ``client`` or ``writer``; options are those of its command line."""
    command = [sys.executable, "-m", "recovery_ops.sandbox.outside", role, "--out", str(journal)]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    journal.unlink(missing_ok=True)
    quiet = subprocess.DEVNULL  # it may outlive us; a pipe of ours must not wait for it
    child = subprocess.Popen(  # noqa: S603 - our own module
        command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
    )
    return Person(child, journal)
