"""A tabletop typed into a real terminal, killed in its middle, and carried on by another process."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stage import AWAY, CATALOGS, LIMIT_S, Stage

from recovery_ops.drills.clearing import clear
from recovery_ops.execution.view import record_store
from recovery_ops.record.findings import known_findings

COMMAND = [sys.executable, "-c", "from recovery_ops.cli import main; main()", "drill", "run", "fraud-detection"]

STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Terminal:
    """What a person sees and types."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        fixed = ["--kind", "tabletop", "--out", str(folder), "--catalogs", str(CATALOGS), "--ci"]
        self.child = subprocess.Popen(
            [*COMMAND, *fixed, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env=os.environ | {"RECOVERY_OPS_CATALOGS": str(CATALOGS)},
        )  # fmt: skip
        os.close(theirs)
        os.set_blocking(self._ours, False)
        self.seen = ""

    def sees(self, wanted: str) -> re.Match[str]:
        """Wait for a text and forget what came up to it."""
        end = time.monotonic() + LIMIT_S
        while not (found := re.search(wanted, self.seen)):
            assert time.monotonic() < end, f"{wanted!r} did not appear in:\n{self.seen}"
            self._read()
        self.seen = self.seen[found.end() :]
        return found

    def types(self, line: str) -> None:
        os.write(self._ours, f"{line}\n".encode())

    def decides(self, role: str, person: str = "", number: int = 1) -> None:
        self.sees(f"Who decides for {role}")
        self.types(person)
        self.sees("decides")
        self.types(str(number))
        self.sees("Why")
        self.types("")

    def ended(self) -> int:
        end = time.monotonic() + LIMIT_S
        while self.child.poll() is None:
            assert time.monotonic() < end, f"it goes on:\n{self.seen}"
            self._read()
        return self.child.returncode

    def _read(self) -> None:
        try:
            self.seen = STYLE.sub("", self.seen + os.read(self._ours, 65_536).decode(errors="replace"))
        except BlockingIOError:
            time.sleep(0.02)
        except OSError:  # the other side is closed
            time.sleep(0.02)

    def leave(self) -> None:
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        os.close(self._ours)


@contextmanager
def terminal(folder: Path, *arguments: str) -> Iterator[Terminal]:
    made = Terminal(folder, *arguments)
    try:
        yield made
    finally:
        made.leave()


def test_killed_in_its_middle_it_goes_on_where_it_was_and_nothing_but_the_record_has_changed(
    stage: Stage, tmp_path: Path
) -> None:
    with terminal(tmp_path) as first:
        run_id = first.sees(r"tabletop (r-\d{8}-[0-9a-f]{6}) is open")[1]
        first.decides("sre-lead", "bob")
        first.sees("Do we fail over")
        first.decides("sre-lead")
        first.sees("Who decides for data-owner")
        first.child.send_signal(signal.SIGKILL)
        assert first.ended() == -signal.SIGKILL
    assert clear(stage.system, person="bob", reason="nothing of a tabletop is left behind") == []
    with terminal(tmp_path, "--resume", run_id) as second:
        second.decides("data-owner")
        second.decides("sre-lead")
        second.decides("sre-lead")
        second.sees("Who decides for data-owner")
        second.child.send_signal(signal.SIGINT)
        assert second.ended() == 4
        second.sees(f"--kind tabletop --resume {run_id}")
    with terminal(tmp_path, "--resume", run_id) as third:
        third.decides("data-owner", "dave")
        third.sees("What is to become better")
        third.types("Print the playbook")
        third.sees("Who mends it")
        third.types("bob")
        third.sees("In how many days")
        third.types("")
        third.sees("What is to become better")
        third.types("")
        assert third.ended() == 0, third.seen
        third.sees("2 of 2 roles were filled by people")
    assert stage.harm() == []
    assert (tmp_path / run_id / "report.html").exists()
    (finding,) = known_findings([record_store(stage.system, AWAY)], stage.system.name)
    assert (finding.subject, finding.owner) == ("Print the playbook", "bob")
