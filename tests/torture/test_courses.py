"""The way home and the way back survive deaths too: some of the points of ``make torture``."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from courses import Course, failback, taken_back
from ground import Ground
from matrix import Undisturbed, die_at, rehearse
from points import AFTER, Point


def rehearsed(course: Course, *only: str, until: str) -> tuple[Ground, dict[str, Undisturbed]]:
    """Return the ground of a run that goes no further than ``until``, and what it leaves."""
    steps = course.ground.steps
    ground = replace(course.ground, steps=steps[: steps.index(until) + 1])
    return ground, rehearse(ground, only)


@pytest.mark.usefixtures("known")  # the failover has come to its end
@pytest.mark.parametrize(
    ("course", "step", "calls"),
    [
        (failback, "reconcile", ("RestoreTableToPointInTime", "event reconciled", "DeleteTable")),
        (taken_back, "rollback", ("DeleteBucketPolicy", "DeleteObject", "event run-rolled-back")),
    ],
    ids=["failback", "rollback"],
)
def test_a_step_whose_process_died_is_done_once(
    ground: Ground, course: Callable[[Ground], Course], step: str, calls: tuple[str, ...]
) -> None:
    there, known = rehearsed(course(ground), step, until=step)
    for call in calls:
        verdict = die_at(there, known[step], step, Point(call, 1, AFTER))
        assert verdict.ok, verdict.why
