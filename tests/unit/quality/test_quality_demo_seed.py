"""What the demo is made of: one split for ever, the same model bytes every time, and a model worth serving."""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pandas as pd
import pytest

from recovery_ops.model.checks import CheckOutcome, all_passed
from recovery_ops.quality.archives import archive_checks
from recovery_ops.quality.golden import golden_check, quality_check
from recovery_ops.quality.parquet import read_parquet
from recovery_ops.sandbox.seed.data import FEATURES, LABEL, load_phishing, split
from recovery_ops.sandbox.seed.model import train

GOLDEN = Path(__file__).parents[3] / "dags" / "fraud-detection" / "golden.parquet"


@pytest.fixture(scope="module")
def phishing():
    return split(load_phishing())


@pytest.fixture(scope="module")
def archives(phishing):
    return {version: train(phishing[0], version) for version in ("v1", "v2")}


def served(archive):
    """Predict as the serving container does."""
    import numpy as np
    import onnxruntime

    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        session = onnxruntime.InferenceSession(files.extractfile("model.onnx").read())
    name = session.get_inputs()[0].name
    return lambda rows: np.asarray(session.run(None, {name: np.asarray(rows, "float32")})[-1])[:, -1].tolist()


def test_the_split_is_the_same_whatever_else_changes(phishing):
    kept, golden = phishing
    assert (len(kept), len(golden)) == (1050, 200)
    assert list(golden.index[:8]) == [1, 9, 24, 27, 43, 44, 51, 60]
    assert not set(kept.index) & set(golden.index)


def test_the_golden_file_is_the_held_out_rows(phishing):
    reading = read_parquet(GOLDEN.read_bytes(), component="scoring", label="golden")
    assert reading.check.outcome is CheckOutcome.PASS
    pd.testing.assert_frame_equal(reading.frame, phishing[1].reset_index(drop=True))


def test_models_are_safe_archives(archives):
    for version, archive in archives.items():
        assert all_passed(archive_checks(archive, component="registry", label=version))


@pytest.mark.parametrize("seed", ["1", "3"])
def test_models_have_the_same_bytes_in_every_process(archives, seed):
    program = (
        "import hashlib; from recovery_ops.sandbox.seed import data, model; "
        "print(hashlib.sha256(model.train(data.split(data.load_phishing())[0], 'v2')).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": seed},
    )
    assert hashlib.sha256(archives["v2"]).hexdigest() == done.stdout.strip()


def test_the_new_model_is_good_and_better_than_the_old_one(phishing, archives):
    golden = phishing[1]
    rows, labels = golden[list(FEATURES)].to_numpy().tolist(), golden[LABEL].tolist()
    checks = {v: quality_check("s", served(data), rows, labels, minimum=0.95) for v, data in archives.items()}
    assert all_passed(checks.values())
    assert checks["v2"].observed["auc"] > checks["v1"].observed["auc"]


def test_golden_predictions_tell_the_two_models_apart(phishing, archives):
    rows = phishing[1][list(FEATURES)].to_numpy().tolist()
    expected = served(archives["v2"])(rows)
    assert golden_check("s", served(archives["v2"]), rows, expected, 1e-6).outcome is CheckOutcome.PASS
    swapped = golden_check("s", served(archives["v1"]), rows, expected, 1e-6)
    assert swapped.outcome is CheckOutcome.FAIL
    assert swapped.observed["rows_beyond_tolerance"] > 150


def test_an_unknown_version_is_refused(phishing):
    with pytest.raises(KeyError, match="v3"):
        train(phishing[0], "v3")


def test_reading_the_data_does_not_import_river():
    program = (
        "import sys; from recovery_ops.sandbox.seed.data import load_phishing; "
        "load_phishing(); sys.exit('river' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=120, check=False).returncode == 0
