"""The shape of a data frame at protect time: what the manifest of a recovery point keeps of it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from recovery_ops.quality.plain import plain

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """One column. The statistics are ``None`` where a column is not numeric or has no values to compute them from.

    ``std`` is the standard deviation of a sample (n - 1).
    """

    name: str
    dtype: str
    nulls: int
    mean: float | None = None
    std: float | None = None
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameProfile:
    """A frame in figures.

    ``key`` are the columns that identify a row, ``key_unique`` whether they did. ``newest_at`` (aware, UTC) is the
    latest time in the column ``timestamp``. ``schema`` is a SHA-256 of column names and types, ``digest`` one of all
    values, whatever the order of rows and columns.
    """

    rows: int
    columns: tuple[ColumnProfile, ...]
    key: tuple[str, ...]
    key_unique: bool
    timestamp: str | None
    newest_at: datetime | None
    schema: str
    digest: str

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; times as ISO 8601 in UTC."""
        return {name: plain(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "FrameProfile":
        """Rebuild a profile from :meth:`to_json`."""
        newest = value["newest_at"]
        return cls(
            **{
                **value,
                "columns": tuple(ColumnProfile(**column) for column in value["columns"]),
                "key": tuple(value["key"]),
                "newest_at": datetime.fromisoformat(newest) if newest else None,
            }
        )


def profile_frame(frame: "pd.DataFrame", key: Sequence[str] = (), timestamp: str | None = None) -> FrameProfile:
    """Return the figures of ``frame``; ``key`` identifies a row, ``timestamp`` says when it was written.

    Columns of ``Decimal`` (as DynamoDB gives them) count as numbers; a timestamp may be text in ISO 8601 and counts as
    UTC where it names no zone.

    Raises:
        KeyError: ``key`` or ``timestamp`` names a column that is not there.
        ValueError: the timestamp column holds something that is not a time.
    """
    frame = prepared(frame, timestamp)
    return FrameProfile(
        rows=len(frame),
        columns=tuple(_column(frame, str(name)) for name in frame.columns),
        key=tuple(key),
        key_unique=not (key and bool(frame.duplicated(list(key)).any())),
        timestamp=timestamp,
        newest_at=_newest(frame, timestamp),
        schema=frame_schema(frame),
        digest=content_digest(frame),
    )


def prepared(frame: "pd.DataFrame", timestamp: str | None = None) -> "pd.DataFrame":
    """Return ``frame`` with ``Decimal`` columns as float64 and the ``timestamp`` column as UTC times in microseconds.

    Raises:
        KeyError: there is no column ``timestamp``.
        ValueError: the timestamp column holds something that is not a time.
    """
    import pandas as pd

    changed: dict[str, Any] = {}
    for name in frame.columns:
        if name == timestamp:
            changed[name] = pd.to_datetime(frame[name], utc=True, format=_format(frame[name])).dt.as_unit("us")
        elif frame[name].dtype == object and _is_decimal(frame[name]):
            changed[name] = frame[name].astype("float64")
    if timestamp is not None and timestamp not in frame.columns:
        raise KeyError(timestamp)
    return frame.assign(**changed)


def _format(column: "pd.Series[Any]") -> str | None:
    return None if str(column.dtype).startswith("datetime64") else "ISO8601"


def _is_decimal(column: "pd.Series[Any]") -> bool:
    values = column.dropna()
    return len(values) > 0 and all(isinstance(value, Decimal) for value in values)


def _column(frame: "pd.DataFrame", name: str) -> ColumnProfile:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    column = frame[name]
    facts: dict[str, float | None] = {}
    if is_numeric_dtype(column) and not is_bool_dtype(column):
        figures = {"mean": column.mean(), "std": column.std(), "minimum": column.min(), "maximum": column.max()}
        facts = {what: plain(float(value)) for what, value in figures.items()}
    return ColumnProfile(name=name, dtype=str(column.dtype), nulls=int(column.isna().sum()), **facts)


def _newest(frame: "pd.DataFrame", timestamp: str | None) -> datetime | None:
    import pandas as pd

    if timestamp is None or frame[timestamp].isna().all():
        return None
    newest: datetime = pd.Timestamp(frame[timestamp].max()).to_pydatetime()
    return newest.astimezone(UTC)


def frame_schema(frame: "pd.DataFrame") -> str:
    """Return the SHA-256 (64 hex digits) of the column names and types of ``frame``, whatever their order."""
    lines = sorted(f"{name!r}\t{dtype}" for name, dtype in frame.dtypes.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def content_digest(frame: "pd.DataFrame") -> str:
    """Return a SHA-256 (64 hex digits) of all values of ``frame``, whatever the order of its rows and columns.

    Whole numbers and floats of the same value count as equal, whichever width they have, and so do times of the same
    instant in other zones; a time written as text counts as text unless :func:`prepared` turned it into one. It finds
    accidents and careless edits; against forgery there are the checksums of objects.
    """
    import pandas as pd

    names = sorted(frame.columns, key=str)
    canonical = pd.DataFrame({str(name): _canonical(frame[name]) for name in names})
    hashes = pd.util.hash_pandas_object(canonical, index=False).sort_values().to_numpy("uint64")
    head = f"{len(frame)}\t{names}".encode()
    return hashlib.sha256(head + hashes.astype("<u8").tobytes()).hexdigest()


def _canonical(column: "pd.Series[Any]") -> "pd.Series[Any]":
    import pandas as pd
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    if is_numeric_dtype(column) and not is_bool_dtype(column):
        return column.astype("float64") + 0.0  # -0.0 becomes 0.0
    if str(column.dtype).startswith("datetime64"):
        return pd.to_datetime(column, utc=True).dt.as_unit("us")
    return column.map(repr).where(column.notna(), "").astype("str")
