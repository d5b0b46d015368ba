"""The golden set of a model: rows, labels and the predictions that a living endpoint gave for them."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from recovery_ops.aws.objects import read, sha256
from recovery_ops.errors import PointDamagedError
from recovery_ops.model.points import ObjectVersion
from recovery_ops.quality.parquet import ParquetLimits, read_parquet

LIMITS = ParquetLimits(size=32 * 1024 * 1024, rows=100_000, memory=256 * 1024 * 1024)
"""The largest file of golden inputs; each of them is asked of an endpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenSet:
    """Golden inputs. ``columns`` are the features in the order of the model; ``labels`` are 0 or 1.

    ``predictions`` is empty until they were made.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]
    labels: tuple[int, ...]
    predictions: tuple[float, ...] = ()

    def with_predictions(self, predictions: Sequence[float]) -> "GoldenSet":
        """Return the set with the predictions that a recovered model must repeat."""
        return replace(self, predictions=tuple(predictions))

    def to_bytes(self) -> bytes:
        """Return canonical JSON: the same set gives the same bytes."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), allow_nan=False).encode()

    @classmethod
    def from_bytes(cls, body: bytes) -> "GoldenSet":
        """Rebuild a set from :meth:`to_bytes`.

        Raises:
            PointDamagedError: The bytes hold something else.
        """
        try:
            value: dict[str, Any] = json.loads(body)
            return cls(
                columns=tuple(value["columns"]),
                rows=tuple(tuple(float(cell) for cell in row) for row in value["rows"]),
                labels=tuple(int(label) for label in value["labels"]),
                predictions=tuple(float(score) for score in value["predictions"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise PointDamagedError(f"the golden set of the recovery point cannot be read: {error!r}") from error

    @classmethod
    def of_point(cls, kept: ObjectVersion, region: str) -> "GoldenSet":
        """Read the set that a recovery point keeps, as it lies in ``region``.

        Raises:
            PointDamagedError: It is not what was kept.
        """
        body = read(kept.bucket_in(region), kept.key, region)
        if sha256(body) != kept.sha256:
            raise PointDamagedError(f"{kept.key} of the recovery point was altered in {region}", region=region)
        return cls.from_bytes(body)

    @classmethod
    def of_file(cls, path: Path, label: str | None = None) -> "GoldenSet":
        """Read golden inputs from a Parquet file beside the catalog, as :meth:`from_parquet`.

        Raises:
            PointDamagedError: The file is not there, or holds no golden inputs: nothing can be captured with it.
        """
        try:
            return cls.from_parquet(path.read_bytes(), label)
        except (OSError, ValueError) as error:
            raise PointDamagedError(f"the golden inputs {path} cannot be used: {error}") from error

    @classmethod
    def from_parquet(cls, body: bytes, label: str | None = None) -> "GoldenSet":
        """Read golden inputs: every column is a feature, in order, but the label (the last one unless named).

        Raises:
            ValueError: There are no rows, no such label, or a cell that is no number.
        """
        reading = read_parquet(body, component="", label="golden inputs", limits=LIMITS)
        if reading.frame is None:
            raise ValueError(reading.check.detail)
        names = [str(name) for name in reading.frame.columns]
        chosen = label or (names[-1] if names else "")
        if names.count(chosen) != 1 or len(set(names)) != len(names) or not len(reading.frame):
            raise ValueError(f"golden inputs need rows, columns of different names and a label {chosen!r}; not {names}")
        columns = tuple(name for name in names if name != chosen)
        cells = [reading.frame[name].tolist() for name in columns]
        rows = tuple(tuple(float(cell) for cell in row) for row in zip(*cells, strict=True))
        return cls(columns=columns, rows=rows, labels=tuple(int(item) for item in reading.frame[chosen].tolist()))
