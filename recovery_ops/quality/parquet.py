"""Parquet bytes from a bucket, read within limits: a damaged file is a check, never a crash."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recovery_ops.model.checks import Check, CheckOutcome, Gate
from recovery_ops.quality.probes import describe

if TYPE_CHECKING:
    import pandas as pd

_MAGIC = b"PAR1"
_BATCH_ROWS = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class ParquetLimits:
    """The largest file that is read: bytes of the file, rows, columns, and bytes in memory once it is decoded."""

    size: int = 256 * 1024 * 1024
    rows: int = 5_000_000
    columns: int = 1000
    memory: int = 2 * 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ParquetReading:
    """The ``check``, the ``frame`` when it passed, and the ``fingerprint`` of the schema when that could be read."""

    check: Check
    frame: "pd.DataFrame | None" = None
    fingerprint: str = ""


class _LimitError(Exception):
    """The file is larger than we are willing to read."""


def read_parquet(
    data: bytes,
    *,
    component: str,
    label: str,
    fingerprint: str | None = None,
    limits: ParquetLimits | None = None,
) -> ParquetReading:
    """Read the bytes of one Parquet file; page checksums are verified where the file has them.

    ``fingerprint`` is the schema's at protect time (:func:`schema_fingerprint`); another one is a ``fail``, and so is a
    file that cannot be read. A file beyond ``limits`` is an ``error``, because it was not judged. Nothing is raised
    for what is in the bytes.
    """
    limits = limits or ParquetLimits()
    frame, found, outcome, detail = None, "", CheckOutcome.PASS, ""
    try:
        table = _read(data, limits)
        found = schema_fingerprint(table.schema)
        frame = table.to_pandas(ignore_metadata=True)
    except _LimitError as error:
        outcome, detail = CheckOutcome.ERROR, f"not judged: {error}"
    except Exception as error:  # noqa: BLE001 - the edge to a decoder of bytes that may be hostile
        outcome, detail = CheckOutcome.FAIL, f"it cannot be read as Parquet: {describe(error)}"
    if frame is not None and fingerprint not in (None, found):
        outcome, detail = CheckOutcome.FAIL, "the columns or their types are not those of the recovery point"
    check = Check(
        component=component,
        gate=Gate.INTEGRITY,
        name=f"{label}: readable Parquet",
        expected={"schema": fingerprint},
        observed={"bytes": len(data), "rows": None if frame is None else len(frame), "schema": found or None},
        outcome=outcome,
        unit="bytes",
        detail=detail,
    )
    passed = outcome is CheckOutcome.PASS
    return ParquetReading(check=check, frame=frame if passed else None, fingerprint=found)


def schema_fingerprint(schema: Any) -> str:
    """Return the SHA-256 (64 hex digits) of names, types and nullability of an Arrow ``schema``, in order.

    Metadata does not count: it names the program that wrote the file.
    """
    lines = [f"{column.name!r}\t{column.type}\t{column.nullable}" for column in schema]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _read(data: bytes, limits: ParquetLimits) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if len(data) > limits.size:
        raise _LimitError(f"it has {len(data)} bytes, more than {limits.size}")
    if len(data) < 12 or data[:4] != _MAGIC or data[-4:] != _MAGIC:
        raise ValueError(f"{len(data)} bytes without the marks of a whole Parquet file")
    source = pq.ParquetFile(
        pa.BufferReader(data),
        page_checksum_verification=True,
        thrift_string_size_limit=16 * 1024 * 1024,
        thrift_container_size_limit=1_000_000,
    )
    about = source.metadata
    _require_modest(about, limits)
    table = pa.Table.from_batches(list(_batches(source, limits)), schema=source.schema_arrow)
    if table.num_rows != about.num_rows:
        raise ValueError(f"{table.num_rows} rows instead of the {about.num_rows} it says")
    table.validate(full=True)
    return table


def _require_modest(about: Any, limits: ParquetLimits) -> None:
    if about.num_rows > limits.rows or about.num_columns > limits.columns:
        allowed = f"{limits.rows} and {limits.columns} are allowed"
        raise _LimitError(f"it says {about.num_rows} rows and {about.num_columns} columns; {allowed}")
    if sum(_group_sizes(about)) > limits.memory:
        raise _LimitError(f"it says {sum(_group_sizes(about))} bytes uncompressed; {limits.memory} are allowed")


def _group_sizes(about: Any) -> list[int]:
    return [about.row_group(index).total_byte_size for index in range(about.num_row_groups)]


def _batches(source: Any, limits: ParquetLimits) -> Iterator[Any]:
    """Yield batches so small that one of them stays within the limit, whatever a dictionary page expands to.

    A row is never larger than its uncompressed row group, which holds each of its values at least once.
    """
    largest = max(_group_sizes(source.metadata), default=0)
    rows = max(1, min(_BATCH_ROWS, limits.memory // max(1, largest)))
    used = 0
    for batch in source.iter_batches(batch_size=rows, use_threads=False):
        used += batch.nbytes
        if used > limits.memory:
            raise _LimitError(f"it needs more than {limits.memory} bytes in memory")
        yield batch
