"""The parent of the local Airflow: imports Airflow once, forks every service from that, and ends them with itself.

A service that dies is forked again after everything that it started was ended, as a service manager does on a server:
what a recovery loses with it is the time until Airflow finds the tasks that died with it.

``python -m recovery_ops.airflow.keeper SPEC`` where SPEC is a JSON file ``{folder, services, parent_pid}``. Importing
Airflow costs seconds of processor time; four services and the migration share it here. It stays single-threaded, so
that it may fork. When the process ``parent_pid`` is gone, or on SIGTERM, every service is ended.

Only the standard library is imported at the top: the fork server of the scheduler imports this module again.
"""

import contextlib
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

FOR_MIGRATION = ("airflow.__main__", "airflow.cli.cli_parser", "airflow.utils.db", "airflow.cli.commands.db_command")
FOR_SERVICES = (
    "airflow.cli.commands.scheduler_command",
    "airflow.cli.commands.triggerer_command",
    "airflow.cli.commands.dag_processor_command",
    "airflow.cli.commands.api_server_command",
    "airflow.executors.local_executor",
    "airflow.dag_processing.processor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.api_fastapi.core_api.routes.public",
    "airflow.api_fastapi.core_api.routes.ui",
    "airflow.api_fastapi.execution_api.routes",
)
"""What several services import anyway. One that a later Airflow does not have is left to the service itself."""

ENDING = (signal.SIGTERM, signal.SIGINT)
WATCH_S = 0.5
GRACE_S = 4.0
AGAIN_S = (0.5, 1.0, 2.0, 5.0, 15.0)
"""How long a dead service is left alone before it is started again, the last for every further death."""


def main(spec_file: Path) -> int:
    """Migrate the database, start the services and stay until told to end; return the exit code."""
    spec = json.loads(spec_file.read_text())
    keeper = Keeper(Path(spec["folder"]), spec["services"], spec["parent_pid"])
    keeper.start()
    return keeper.stay()


class Keeper:
    """Services of one folder: ``services`` maps a name to Airflow's command line without ``airflow``."""

    def __init__(self, folder: Path, services: Mapping[str, Sequence[str]], parent_pid: int | None) -> None:
        self.folder, self.services, self.parent_pid = folder, services, parent_pid
        self.pids: dict[str, int] = {}
        self.started: dict[str, int] = {}
        self.deaths: dict[str, int] = {}
        self.due: dict[str, float] = {}
        self.ending = False
        for number in ENDING:
            signal.signal(number, self._end)

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self.ending = True

    def start(self) -> None:
        """Fork the migration as soon as it can run, import the rest meanwhile, then fork the services.

        Raises:
            SystemExit: The migration failed; its log is in the folder.
        """
        _import(FOR_MIGRATION)
        for name in ("migrate", *self.services):
            (self.folder / f"{name}.log").unlink(missing_ok=True)
        migration = fork(self.folder / "migrate.log", ["db", "migrate"])
        _import(FOR_SERVICES)
        _, status = os.waitpid(migration, 0)
        if status:
            raise SystemExit("airflow db migrate failed")
        if self.ending:
            return
        for name, words in self.services.items():
            self.pids[name] = fork(self.folder / f"{name}.log", list(words))
        self.started |= self.pids
        _write(self.folder / "services.json", self.started)

    def stay(self) -> int:
        """Wait for the end, a signal or the death of the parent; revive who dies meanwhile. Returns 0."""
        while not self.ending and not self._orphaned():
            time.sleep(WATCH_S)
            self._reap()
            self._revive()
        self._stop()
        return 0

    def _orphaned(self) -> bool:
        return self.parent_pid is not None and not _exists(self.parent_pid)

    def _reap(self) -> None:
        from recovery_ops.airflow.processes import end_session

        for name, pid in list(self.pids.items()):
            if os.waitpid(pid, os.WNOHANG) != (0, 0):
                end_session(pid)
                del self.pids[name]
                deaths = self.deaths[name] = self.deaths.get(name, 0) + 1
                self.due[name] = time.monotonic() + AGAIN_S[min(deaths, len(AGAIN_S)) - 1]

    def _revive(self) -> None:
        for name in [name for name, due in self.due.items() if due <= time.monotonic() and not self.ending]:
            del self.due[name]
            self.pids[name] = self.started[name] = fork(self.folder / f"{name}.log", list(self.services[name]))
            _write(self.folder / "services.json", self.started)

    def _stop(self) -> None:
        for pid in self.pids.values():
            _signal(pid, signal.SIGTERM)
        end = time.monotonic() + GRACE_S
        while self.pids and time.monotonic() < end:
            time.sleep(0.05)
            self._reap()
        if self._orphaned():
            _end_for_the_parent(self.folder, self.started)


def fork(log: Path, words: list[str]) -> int:
    """Run ``airflow WORDS`` in a fork of this process, in a session of its own; return its process id.

    A signal that comes before the fork has let go of the keeper's handlers waits until it has.
    """
    held = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    pid = os.fork()
    if pid == 0:
        _become(log, words)
    signal.pthread_sigmask(signal.SIG_SETMASK, held)
    return pid


def _become(log: Path, words: list[str]) -> NoReturn:
    code = 1
    try:
        for number in ENDING:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        os.setsid()
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for stream in (1, 2):
            os.dup2(out, stream)
        sys.argv = ["airflow", *words]
        code = _exit_code(importlib.import_module("airflow.__main__").main)
    finally:
        _flush()
        os._exit(code)


def _exit_code(run: Callable[[], Any]) -> int:
    try:
        run()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - the edge of a forked process: nothing above would print it
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


def _import(modules: Sequence[str]) -> None:
    for name in modules:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)


def _write(path: Path, facts: Mapping[str, Any]) -> None:
    made = path.with_suffix(".new")
    made.write_text(json.dumps(facts))
    made.replace(path)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _end_for_the_parent(folder: Path, pids: Mapping[str, int]) -> None:
    """Do what the parent cannot do any more: end what the services left behind, and the database."""
    from recovery_ops.airflow.processes import end_all
    from recovery_ops.record.embedded import stop_embedded

    end_all(pids)
    stop_embedded(folder / "postgres")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
