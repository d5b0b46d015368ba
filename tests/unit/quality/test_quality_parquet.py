"""Parquet bytes: whole files are read, damaged ones are reported, and neither takes more than it is allowed."""

import io

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quality_builders import features

from recovery_ops.model.checks import CheckOutcome, Gate
from recovery_ops.quality.parquet import ParquetLimits, read_parquet, schema_fingerprint


def written(frame, **options):
    data = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), data, **options)
    return data.getvalue()


GOOD = written(features(), write_page_checksum=True)


def read(data, **facts):
    return read_parquet(data, component="features", label="offline", **facts)


def test_a_whole_file_is_read_and_its_schema_fingerprinted():
    reading = read(GOOD)
    assert (reading.check.gate, reading.check.outcome) == (Gate.INTEGRITY, CheckOutcome.PASS)
    pd.testing.assert_frame_equal(reading.frame, features())
    assert reading.check.observed == {"bytes": len(GOOD), "rows": 40, "schema": reading.fingerprint}
    assert read(GOOD, fingerprint=reading.fingerprint).check.outcome is CheckOutcome.PASS


def test_the_fingerprint_knows_names_types_and_order_but_not_the_writer():
    schema = pa.schema([("a", pa.int64()), ("b", pa.string())])
    same = schema.with_metadata({"written by": "somebody"})
    assert schema_fingerprint(same) == schema_fingerprint(schema)
    others = [
        pa.schema([("b", pa.string()), ("a", pa.int64())]),
        pa.schema([("a", pa.int32()), ("b", pa.string())]),
        pa.schema([("a", pa.int64()), ("c", pa.string())]),
        pa.schema([pa.field("a", pa.int64(), nullable=False), ("b", pa.string())]),
    ]
    assert schema_fingerprint(schema) not in {schema_fingerprint(other) for other in others}


def test_another_schema_than_recorded_fails_and_gives_no_frame():
    reading = read(written(features().astype({"version": "float64"})), fingerprint=read(GOOD).fingerprint)
    assert reading.check.outcome is CheckOutcome.FAIL
    assert reading.frame is None
    assert "not those of the recovery point" in reading.check.detail


@pytest.mark.parametrize(
    "data", [b"", b"PAR1", b"PAR1PAR1PAR1", b"entity_id,https\n", GOOD[:-1], GOOD[: len(GOOD) // 2], GOOD[100:]]
)
def test_what_is_no_whole_file_fails_with_a_reason(data):
    reading = read(data)
    assert reading.check.outcome is CheckOutcome.FAIL
    assert "cannot be read as Parquet" in reading.check.detail
    assert reading.frame is None


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_no_damage_crashes_the_reader(data):
    damaged = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 5))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    reading = read(bytes(damaged))
    assert (reading.frame is not None) == (reading.check.outcome is CheckOutcome.PASS)


def test_a_flipped_bit_in_a_value_is_seen_where_pages_have_checksums():
    data = written(pd.DataFrame({"x": [float(n) for n in range(500)]}), write_page_checksum=True, compression="none")
    position = data.index(b"\x00\x00\x00\x00\x00\x00\x24\x40")  # 10.0
    damaged = bytearray(data)
    damaged[position + 6] ^= 1
    assert read(bytes(damaged)).check.outcome is CheckOutcome.FAIL


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (ParquetLimits(size=100), "more than 100"),
        (ParquetLimits(rows=39), "40 rows"),
        (ParquetLimits(columns=4), "5 columns"),
        (ParquetLimits(memory=500), "uncompressed; 500 are allowed"),
    ],
)
def test_a_file_beyond_the_limits_is_not_judged_and_that_is_an_error(limits, why):
    reading = read(GOOD, limits=limits)
    assert reading.check.outcome is CheckOutcome.ERROR
    assert why in reading.check.detail
    assert reading.frame is None


def test_a_small_file_that_unpacks_to_much_memory_is_stopped():
    values = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), pa.array(["x" * 10_000]))
    data = io.BytesIO()
    pq.write_table(pa.table({"s": values}), data, compression="zstd", store_schema=False)
    assert len(data.getvalue()) < 10_000
    reading = read(data.getvalue(), limits=ParquetLimits(memory=20_000_000))
    assert reading.check.outcome is CheckOutcome.ERROR
    assert "bytes in memory" in reading.check.detail
