"""A recovery survives the death of its process anywhere: some of the points of ``make torture``."""

import pytest
from ground import Ground
from matrix import Undisturbed, die_at, to_the_end
from points import AFTER, BEFORE, Point

DEATHS = [
    ("declare", Point("event run-declared", 1, BEFORE)),
    ("fence", Point("event debt-noted", 1, AFTER)),
    ("registry.rehydrate", Point("CreateModelPackage", 1, AFTER)),
    ("scoring.redeploy", Point("CreateModel", 1, AFTER)),
    ("scoring.redeploy", Point("UpdateEndpoint", 1, BEFORE)),
    ("scoring.redeploy", Point("UpdateEndpoint", 1, AFTER)),
    ("scoring.redeploy", Point("event capacity-decided", 1, BEFORE)),
    ("cutover", Point("event traffic-moved", 1, BEFORE)),
    ("cutover", Point("event traffic-observed", 1, BEFORE)),
    ("close", Point("event run-closed", 1, AFTER)),
]


@pytest.mark.parametrize(("step", "point"), DEATHS, ids=lambda value: str(value))
def test_a_step_whose_process_died_is_done_once(
    ground: Ground, known: dict[str, Undisturbed], step: str, point: Point
) -> None:
    assert point in known[step].points, f"{step} never comes by {point}; it does by {sorted(known[step].points)}"
    verdict = die_at(ground, known[step], step, point)
    assert verdict.ok, verdict.why


@pytest.mark.parametrize("step", ["features.rehydrate", "cutover"])
def test_a_run_whose_process_died_is_brought_to_the_same_end(
    ground: Ground, known: dict[str, Undisturbed], step: str
) -> None:
    verdict = to_the_end(ground, known, step)
    assert verdict.ok, verdict.why
