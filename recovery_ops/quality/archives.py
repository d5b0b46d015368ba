"""Model archives (``model.tar.gz``) looked at without unpacking anything to disk.

An archive from a recovery point is as trusted as the bucket it lay in: it is read as a stream, within limits, and
refused when a member could write outside its folder or run code while it is loaded.
"""

import gzip
import hashlib
import tarfile
import zlib
from dataclasses import dataclass, field
from io import BytesIO, RawIOBase
from pathlib import PurePosixPath

from recovery_ops.errors import PointDamagedError
from recovery_ops.model.checks import Check, CheckOutcome, Gate, all_passed
from recovery_ops.quality.probes import describe, verdict

MODEL_FILES = ("model.onnx", "model.json")
"""What the serving container loads; exactly one of them must lie at the top of the archive."""

_PICKLE_SUFFIXES = frozenset(
    {".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle", ".pt", ".pth", ".npy", ".npz", ".sav"}
)
_PICKLE_PROTOCOLS = range(2, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveLimits:
    """The largest archive that is looked at, in bytes; ``unpacked`` is all that the gzip stream expands to."""

    packed: int = 256 * 1024 * 1024
    unpacked: int = 1024 * 1024 * 1024
    members: int = 1000
    name_length: int = 200


@dataclass(slots=True)
class _Contents:
    """What was found so far; ``problems`` are reasons to refuse the archive."""

    names: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class _LimitError(Exception):
    """The archive is larger than we are willing to read."""


class _Bounded(RawIOBase):
    """A readable stream that refuses to give more than ``limit`` bytes."""

    def __init__(self, source: gzip.GzipFile, limit: int) -> None:
        self._source = source
        self._left = limit
        self._limit = limit

    def readable(self) -> bool:
        """Return ``True``."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes; raises :class:`_LimitError` past the limit."""
        chunk = self._source.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(chunk)
        if self._left < 0:
            raise _LimitError(f"it unpacks to more than {self._limit} bytes")
        return chunk


def archive_checks(
    data: bytes, *, component: str, label: str, sha256: str | None = None, limits: ArchiveLimits | None = None
) -> list[Check]:
    """Judge the bytes of a ``model.tar.gz``: the hash, then whether it is safe to hand to a serving container.

    ``label`` says which archive it is, ``sha256`` is what the recovery point recorded (64 hex digits). Nothing is
    written anywhere and no member is loaded. A bad archive is a ``fail``; one beyond ``limits`` is an ``error``,
    because it was not judged.
    """
    limits = limits or ArchiveLimits()
    checks = [] if sha256 is None else [_hash_check(data, component, label, sha256)]
    return [*checks, _safety_check(data, component, label, limits)]


def require_safe_archive(
    data: bytes, *, component: str, label: str, sha256: str | None = None, limits: ArchiveLimits | None = None
) -> None:
    """Do nothing when :func:`archive_checks` all pass.

    Raises:
        PointDamagedError: a check did not pass; the message holds every reason. Facts: ``component``, ``checks``.
    """
    checks = archive_checks(data, component=component, label=label, sha256=sha256, limits=limits)
    if all_passed(checks):
        return
    reasons = "; ".join(check.detail for check in checks if check.outcome is not CheckOutcome.PASS)
    raise PointDamagedError(
        f"{component}: {label} cannot be used: {reasons}",
        component=component,
        checks=[check.to_json() for check in checks],
    )


def _hash_check(data: bytes, component: str, label: str, sha256: str) -> Check:
    observed = hashlib.sha256(data).hexdigest()
    passed = observed == sha256.lower()
    return Check(
        component=component,
        gate=Gate.INTEGRITY,
        name=f"{label}: SHA-256",
        expected=sha256,
        observed=observed,
        outcome=verdict(passed),
        detail="" if passed else f"the SHA-256 is {observed[:12]}… instead of {sha256[:12]}…",
    )


def _safety_check(data: bytes, component: str, label: str, limits: ArchiveLimits) -> Check:
    outcome, detail, names = CheckOutcome.PASS, "", []
    try:
        contents = _inspect(data, limits)
    except _LimitError as error:
        outcome, detail = CheckOutcome.ERROR, f"not judged: {error}"
    except (tarfile.TarError, OSError, EOFError, zlib.error, ValueError) as error:
        outcome, detail = CheckOutcome.FAIL, f"it cannot be read: {describe(error)}"
    else:
        names = contents.files
        if contents.problems:
            outcome, detail = CheckOutcome.FAIL, "; ".join(contents.problems[:10])
    return Check(
        component=component,
        gate=Gate.INTEGRITY,
        name=f"{label}: safe model archive",
        expected={"one_of": list(MODEL_FILES)},
        observed={"bytes": len(data), "files": names[:20]},
        outcome=outcome,
        unit="bytes",
        detail=detail,
    )


def _inspect(data: bytes, limits: ArchiveLimits) -> _Contents:
    if len(data) > limits.packed:
        raise _LimitError(f"it has {len(data)} bytes, more than {limits.packed}")
    contents = _Contents()
    with gzip.GzipFile(fileobj=BytesIO(data)) as unpacked:
        stream = _Bounded(unpacked, limits.unpacked)
        with tarfile.open(fileobj=stream, mode="r|", errorlevel=2) as archive:
            for member in archive:
                if len(contents.names) >= limits.members:
                    raise _LimitError(f"it has more than {limits.members} members")
                _look_at(archive, member, contents, limits)
        _drain(stream, contents)
    models = [name for name in contents.files if name in MODEL_FILES]
    if len(models) != 1:
        found = " and ".join(models) or "neither"
        contents.problems.append(f"exactly one of {' and '.join(MODEL_FILES)} must lie at the top; found {found}")
    return contents


def _drain(stream: _Bounded, contents: _Contents) -> None:
    """Read to the end of the stream, so that its own checksum is verified and nothing hides behind the last member."""
    hidden = False
    while chunk := stream.read(65536):
        hidden = hidden or any(chunk)
    if hidden:
        contents.problems.append("there is data behind the end of the archive")


def _look_at(archive: tarfile.TarFile, member: tarfile.TarInfo, contents: _Contents, limits: ArchiveLimits) -> None:
    name = str(PurePosixPath(member.name))
    problem = _name_problem(member.name, limits) or _type_problem(member)
    if not problem and name in contents.names:
        problem = f"{_shown(name)} occurs twice"
    contents.names.append(name)
    if not problem and member.isfile():
        contents.files.append(name)
        problem = _content_problem(archive, member)
    if problem:
        contents.problems.append(problem)


def _shown(name: str) -> str:
    return repr(name if len(name) <= 80 else f"{name[:80]}…")


def _name_problem(name: str, limits: ArchiveLimits) -> str:
    if not name or len(name) > limits.name_length or not name.isprintable():
        return f"the name {_shown(name)} is empty, unprintable or longer than {limits.name_length} characters"
    if name.startswith(("/", "\\")) or ":" in name or "\\" in name:
        return f"{_shown(name)} is an absolute path or not a POSIX one"
    if ".." in PurePosixPath(name).parts:
        return f"{_shown(name)} leaves the folder of the model"
    return ""


def _type_problem(member: tarfile.TarInfo) -> str:
    if member.issym() or member.islnk():
        return f"{_shown(member.name)} is a link"
    if member.issparse() or not (member.isreg() or member.isdir()):
        return f"{_shown(member.name)} is neither a file nor a folder"
    return ""


def _content_problem(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    if PurePosixPath(member.name).suffix.lower() in _PICKLE_SUFFIXES:
        return f"{_shown(member.name)} would be loaded with pickle, which runs code"
    stream = archive.extractfile(member)
    head = stream.read(4096) if stream else b""
    if _looks_pickled(head):
        return f"{_shown(member.name)} holds a pickle, which runs code when it is loaded"
    if str(PurePosixPath(member.name)) in MODEL_FILES and not head:
        return f"{_shown(member.name)} is empty"
    return ""


def _looks_pickled(head: bytes) -> bool:
    """Return whether ``head`` begins as a pickle of protocol 2 to 5, or as a zip file (as of PyTorch)."""
    return head[:4] == b"PK\x03\x04" or (len(head) > 1 and head[0] == 0x80 and head[1] in _PICKLE_PROTOCOLS)
