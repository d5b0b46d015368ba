"""Promises of where the record of a run lies: its store, its copies, its spool."""

from dataclasses import replace
from pathlib import Path

import pytest

from recovery_ops.execution.systems import load_system
from recovery_ops.execution.view import copy_regions, mirrors_of, open_log
from recovery_ops.model.runs import RunRef
from recovery_ops.model.system import System

EAST, WEST, EUROPE = "us-east-1", "us-west-2", "eu-west-1"
REF = RunRef(
    system="fraud-detection", run_id="r-20261123-abcdef", recovery_region=WEST, impaired_region=EAST,
    record_bucket="recovery-ops-record-us-west-2",
)  # fmt: skip


@pytest.fixture(scope="module")
def system() -> System:
    return load_system("fraud-detection", Path(__file__).parents[3] / "dags")


def test_a_third_region_gets_a_copy_and_the_impaired_one_is_never_called(system: System) -> None:
    three = replace(system, regions=(EAST, WEST, EUROPE))
    assert copy_regions(three, WEST, EAST) == (EUROPE,)
    assert [(store.region, store.bucket) for store in open_log(REF, three).mirrors] == [
        (EUROPE, three.record_bucket.format(region=EUROPE))
    ]


def test_of_two_regions_none_is_left_for_a_copy(system: System) -> None:
    assert mirrors_of(REF, system) == ()


def test_the_spool_of_a_run_lies_under_its_bucket_system_and_id(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOVERY_OPS_SPOOL", str(tmp_path))
    spool = open_log(REF).spool
    assert spool is not None
    assert spool.folder == tmp_path / REF.record_bucket / REF.system / REF.run_id
