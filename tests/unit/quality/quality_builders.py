"""Archives, frames and predictors for the tests of quality."""

import gzip
import io
import tarfile
from collections.abc import Callable, Sequence

import pandas as pd


class FakeClock:
    """Time that moves only when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def taking(clock: FakeClock, seconds: Callable[[int], float]) -> Callable[[Sequence[Sequence[float]]], list[float]]:
    """Return a predictor whose n-th call (from 0) takes ``seconds(n)`` of ``clock``."""
    calls = [0]

    def predict(rows: Sequence[Sequence[float]]) -> list[float]:
        clock.now += seconds(calls[0])
        calls[0] += 1
        return [0.5] * len(rows)

    return predict


def tar_of(*members: tuple[tarfile.TarInfo, bytes], tail: bytes = b"") -> bytes:
    """Return a ``tar.gz`` of exactly these members, however hostile, followed by ``tail``."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return gzip.compress(raw.getvalue() + tail, mtime=0)


def file(name: str, content: bytes = b"\x08\x08") -> tuple[tarfile.TarInfo, bytes]:
    """Return a regular member."""
    return tarfile.TarInfo(name), content


def special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    """Return a member that is a link, a device or a pipe."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info, b""


def features(rows: int = 40) -> pd.DataFrame:
    """Return online features as they come out of a table."""
    times = pd.date_range("2026-03-01T10:00:00", periods=rows, freq="min", tz="UTC")
    return pd.DataFrame(
        {
            "entity_id": [f"page-{n:04d}" for n in range(rows)],
            "https": [(n % 3) / 2 for n in range(rows)],
            "popup_window": [(n % 5) / 4 for n in range(rows)],
            "version": [1 + n % 4 for n in range(rows)],
            "updated_at": [moment.isoformat() for moment in times],
        }
    )
