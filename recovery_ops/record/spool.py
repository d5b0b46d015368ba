"""The local spool: where the events of a run wait, durably, while the store of the record takes no writes.

::

    <spool>/<bucket>/<system>/<run id>/waiting/<number>.json     one event with its key, and why it is here
    <spool>/<bucket>/<system>/<run id>/damaged/<number>.json     could not be read back; kept for people
    <spool>/<bucket>/<system>/<run id>/refused                   its age tells when the store last refused

A file is written under another name, synced, and only then given its own: there is never half an event. Numbers follow
the order of arrival, so that what an anchor names lies before the anchor.
"""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from recovery_ops.errors import RecordError

RETRY_AFTER_S = 5.0
"""How long a store that refused is left alone before the next append tries it again, wall seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """An event that waits: the key and bytes it must have in the store, and what the store said."""

    number: int
    key: str
    body: bytes
    reason: str


class Spool:
    """What waits for one run on this machine; safe for threads and processes.

    Nothing is created before the first event arrives.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self.waiting_folder = folder / "waiting"
        self.damaged_folder = folder / "damaged"
        self._refused = folder / "refused"
        self._clock = clock

    def waits(self) -> bool:
        """Return whether any event is here; costs one look into a folder."""
        try:
            with os.scandir(self.waiting_folder) as found:
                return any(entry.name.endswith(".json") for entry in found)
        except OSError:
            return False

    def entries(self) -> list[Spooled]:
        """Return what waits, in the order of arrival; a file that cannot be read has neither key nor body."""
        found = (self._read(path) for path in self._files())
        return [entry for entry in found if entry is not None]

    def add(self, key: str, body: bytes, reason: str) -> bool:
        """Keep an event until the store takes it; return ``False`` when another one waits under ``key`` already.

        Raises:
            RecordError: This machine cannot keep it either; nothing was written.
        """
        try:
            with self._alone("lock", block=True):
                held = {entry.key: entry.body for entry in self.entries()}
                if key in held:
                    return held[key] == body
                last = max((_number(path) for path in self._files()), default=0)
                self._write(self.waiting_folder / f"{last + 1:06d}.json", key, body, reason)
        except OSError as error:
            why = f"{reason}; {error.strerror or error}"
            raise RecordError(f"neither the store nor the spool in {self.folder} took {key}: {why}") from error
        return True

    def remove(self, entries: Sequence[Spooled]) -> None:
        """Forget what stands in the store now, the first event last: as long as it is here, so is its gap."""
        for entry in reversed(entries):
            (self.waiting_folder / f"{entry.number:06d}.json").unlink(missing_ok=True)
        _sync_folder(self.waiting_folder)

    def set_aside(self, number: int) -> None:
        """Move an event that is no event to the damaged ones."""
        self.damaged_folder.mkdir(mode=0o700, exist_ok=True)
        name = f"{number:06d}.json"
        (self.waiting_folder / name).rename(self.damaged_folder / f"{int(self._clock() * 1000)}-{name}")

    def damaged(self) -> list[str]:
        """Return the names of the files that were set aside."""
        return sorted(path.name for path in self.damaged_folder.glob("*.json"))

    def refuse(self) -> None:
        """Note that the store refused just now; best effort."""
        try:
            self.folder.mkdir(parents=True, mode=0o700, exist_ok=True)
            self._refused.touch(mode=0o600)
            os.utime(self._refused, (self._clock(), self._clock()))
        except OSError:
            return

    def rests(self) -> bool:
        """Return whether the store refused so recently that asking again now would only cost time."""
        try:
            return self._clock() - self._refused.stat().st_mtime < RETRY_AFTER_S
        except OSError:
            return False

    @contextmanager
    def merging(self) -> Iterator[bool]:
        """Be the only one on this machine who merges, inside the block; gives ``False`` when somebody else is."""
        with self._alone("merging", block=False) as alone:
            yield alone

    def _files(self) -> list[Path]:
        return sorted(self.waiting_folder.glob("[0-9]*.json"))

    def _read(self, path: Path) -> Spooled | None:
        try:
            facts = json.loads(path.read_bytes())
            return Spooled(
                number=_number(path),
                key=str(facts["key"]),
                body=str(facts["event"]).encode(),
                reason=str(facts["reason"]),
            )
        except FileNotFoundError:  # merged by somebody else since the folder was read
            return None
        except (ValueError, KeyError, TypeError):
            return Spooled(number=_number(path), key="", body=b"", reason="")

    def _write(self, path: Path, key: str, body: bytes, reason: str) -> None:
        path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        text = json.dumps({"key": key, "event": body.decode(), "reason": reason}).encode()
        half = path.with_suffix(".half")
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        half.rename(path)
        for folder in (path.parent, self.folder, self.folder.parent):
            _sync_folder(folder)

    @contextmanager
    def _alone(self, name: str, *, block: bool) -> Iterator[bool]:
        self.folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        descriptor = os.open(self.folder / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if block else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            yield False
            return
        try:
            yield True
        finally:
            os.close(descriptor)


def spool_of(root: Path, bucket: str, system: str, run_id: str) -> Spool:
    """Return the spool of one run below ``root``; the parts are names that keys of the record allow."""
    return Spool(root / bucket / system / run_id)


def runs_in(root: Path, bucket: str, system: str) -> list[Path]:
    """Return the folders of runs of ``system`` for which something waits below ``root``."""
    return sorted(folder for folder in (root / bucket / system).glob("*") if Spool(folder).waits())


def _number(path: Path) -> int:
    return int(path.stem)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
