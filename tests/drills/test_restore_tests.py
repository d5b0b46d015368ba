"""Restore tests: a point is proven by coming back from it, and a damaged one turns readiness red."""

import pytest
from stage import AWAY, Stage

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.drills.restoring import restore_test
from recovery_ops.errors import NoRecoveryPointError
from recovery_ops.protection.restore_tests import RestoreTests
from recovery_ops.protection.shelf import Shelf
from recovery_ops.readiness.points import usable_point

LOOKING = Caller(run_id="test", step="look")


def test_a_sound_point_passes_and_the_result_stands_with_it(stage: Stage) -> None:
    test = restore_test(stage.system, person="alice", component="config")
    assert (test.passed, test.why, test.checks > 0) == (True, "", True)
    with calling_as(LOOKING):
        assert RestoreTests(system=stage.system).of(test.point_id, AWAY) == [test]
        assert usable_point(stage.system, AWAY).point is not None
    assert stage.harm() == []


def test_a_damaged_point_fails_its_test_and_readiness_says_so(stage: Stage) -> None:
    with calling_as(LOOKING):
        shelf = Shelf(system=stage.system)
        (point_id,) = shelf.ids(AWAY)
        damaged = next(iter(shelf.read(point_id, AWAY).captures["training-data"].objects))
    stage.sandbox.control.damage(
        "s3-version", bucket=damaged.bucket_in(AWAY), key=damaged.key, version_id=damaged.version_id
    )
    test = restore_test(stage.system, person="alice", component="training-data")
    assert not test.passed
    assert damaged.key in test.why
    with calling_as(LOOKING):
        found = usable_point(stage.system, AWAY)
        assert [result.passed for result in RestoreTests(system=stage.system).of(point_id, AWAY)] == [False]
    assert found.point is None


def test_without_a_point_nothing_is_tested(stage: Stage) -> None:
    with pytest.raises(NoRecoveryPointError, match="no recovery point nothing"):
        restore_test(stage.system, person="alice", component="config", point_id="nothing")
