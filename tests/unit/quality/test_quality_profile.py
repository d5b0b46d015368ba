"""Profiles of frames: figures that survive JSON and do not depend on how a frame was read."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import pandas as pd
import pytest
from quality_builders import features

from recovery_ops.quality.plain import plain
from recovery_ops.quality.profile import FrameProfile, content_digest, profile_frame


def test_a_profile_holds_the_figures_of_its_frame():
    profile = profile_frame(features(), ["entity_id"], "updated_at")
    columns = {column.name: column for column in profile.columns}
    assert (profile.rows, profile.key, profile.key_unique) == (40, ("entity_id",), True)
    assert profile.newest_at == datetime(2026, 3, 1, 10, 39, tzinfo=UTC)
    assert columns["https"].mean == pytest.approx(features()["https"].mean())
    assert (columns["https"].minimum, columns["https"].maximum, columns["https"].nulls) == (0.0, 1.0, 0)
    assert columns["entity_id"].mean is None


def test_a_profile_survives_json():
    frame = features()
    frame.loc[3, "https"] = None
    profile = profile_frame(frame, ["entity_id"], "updated_at")
    assert FrameProfile.from_json(json.loads(json.dumps(profile.to_json(), allow_nan=False))) == profile


@pytest.mark.parametrize("rows", [0, 1])
def test_a_frame_with_hardly_a_row_has_a_profile(rows):
    profile = profile_frame(features().head(rows), ["entity_id"], "updated_at")
    assert profile.rows == rows
    assert FrameProfile.from_json(json.loads(json.dumps(profile.to_json(), allow_nan=False))) == profile


def test_a_key_that_is_there_twice_is_seen():
    doubled = pd.concat([features(), features().head(1)])
    assert not profile_frame(doubled, ["entity_id"]).key_unique
    assert profile_frame(doubled, ["entity_id", "https"]).key_unique is False


def test_numbers_as_a_table_gives_them_profile_like_numbers():
    decimals = features().assign(https=lambda f: [Decimal(str(value)) for value in f["https"]])
    assert profile_frame(decimals, ["entity_id"], "updated_at") == profile_frame(
        features(), ["entity_id"], "updated_at"
    )


@pytest.mark.parametrize("arguments", [(["absent"], None), ([], "absent")])
def test_a_column_that_is_not_there_is_refused(arguments):
    with pytest.raises(KeyError, match="absent"):
        profile_frame(features(), *arguments)


def test_a_timestamp_that_is_no_time_is_refused():
    with pytest.raises(ValueError, match="yesterday"):
        profile_frame(features().assign(updated_at="yesterday"), [], "updated_at")


def test_the_digest_does_not_depend_on_order_or_width():
    frame = features()
    shuffled = frame.sample(frac=1, random_state=2)[frame.columns[::-1]].astype({"version": "int32"})
    assert content_digest(shuffled) == content_digest(frame)


def test_the_digest_sees_every_cell_and_every_row():
    frame = features(6)
    seen = {content_digest(frame), content_digest(frame.head(5)), content_digest(pd.concat([frame, frame.head(1)]))}
    for column in frame.columns:
        for row in range(6):
            damaged = frame.copy()
            damaged.loc[row, column] = "other" if isinstance(frame.loc[row, column], str) else 77
            seen.add(content_digest(damaged))
    assert len(seen) == 3 + 6 * len(frame.columns)


def test_values_that_change_places_between_rows_change_the_digest():
    frame = features(6)
    swapped = frame.assign(entity_id=frame["entity_id"].to_numpy()[[1, 0, 2, 3, 4, 5]])
    assert content_digest(swapped) != content_digest(frame)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (pd.NaT, None),
        (pd.Timestamp("2026-01-01", tz="UTC"), "2026-01-01T00:00:00+00:00"),
        (pd.Series([1.5]).to_numpy(), [1.5]),
        (pd.Series([1]).iloc[0], 1),
        ({3, 1, 2}, [1, 2, 3]),
        (Decimal("1.5"), 1.5),
        ({"a": (1, None)}, {"a": [1, None]}),
        (pd.NA, None),
        (True, True),
    ],
)
def test_whatever_a_frame_holds_becomes_plain_json(value, expected):
    result = plain(value)
    json.dumps(result, allow_nan=False)
    assert result == expected


def test_the_two_zeros_are_one_value():
    assert content_digest(pd.DataFrame({"x": [-0.0]})) == content_digest(pd.DataFrame({"x": [0.0]}))


def test_importing_quality_imports_nothing_heavy():
    program = (
        "import importlib, pkgutil, sys; import recovery_ops.quality as quality; "
        "[importlib.import_module(f'{quality.__name__}.{m.name}') for m in pkgutil.iter_modules(quality.__path__)]; "
        "heavy = {'great_expectations', 'pandas', 'pyarrow', 'numpy', 'boto3', 'botocore', 'sklearn', 'airflow'}; "
        "sys.exit(', '.join(heavy & sys.modules.keys()) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
