"""What a reconciling made to compare with is gone when its run is closed, or somebody is told."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import NoReturn

import pytest
from small_world import TARGET, ObedientKind, SmallWorld

from recovery_ops.errors import StepError, StepFailedError
from recovery_ops.execution import reconciling
from recovery_ops.execution.direct import carry_on
from recovery_ops.kinds import Parted, StepContext
from recovery_ops.model.events import EventType
from recovery_ops.model.plan import Mode

PARTED = Parted(lost_at=datetime(2026, 11, 26, tzinfo=UTC), moved_at=datetime(2026, 11, 26, 1, tzinfo=UTC))


@pytest.fixture
def away(world: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The components that were asked to put away what they made; the model's does not go."""
    asked: list[str] = []
    world.system = replace(world.system, home=TARGET)  # runs of this world lead there

    def put_away(kind: ObedientKind, _ctx: StepContext) -> None:
        asked.append(kind.component.name)
        if kind.component.name == "model":
            raise StepError("the table is still being made")

    monkeypatch.setattr(ObedientKind, "put_away", put_away)
    monkeypatch.setattr(reconciling, "parted_of", lambda _: PARTED)
    return asked


def test_a_reconciling_that_fails_is_cleaned_up_after_by_the_close(
    world: SmallWorld, away: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def compare(*_: object) -> NoReturn:
        raise StepFailedError("the tables cannot be compared")

    monkeypatch.setattr(ObedientKind, "reconcile", compare)
    ref = world.declare(mode=Mode.FAILBACK, graceful=True)
    carry_on(ref)
    assert away == ["store", "model", "notes"]
    (debt,) = (debt for debt in world.state(ref).debts if debt.debt == "clean-up")
    assert (debt.component, debt.why) == ("model", "the table is still being made")
    assert world.state(ref).note(EventType.RUN_CLOSED)


def test_a_reconciling_that_came_to_its_end_leaves_nothing_to_the_close(
    world: SmallWorld, away: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciling, "put_away", lambda *_: pytest.fail("nothing is left"))
    ref = world.declare(mode=Mode.FAILBACK, graceful=True)
    carry_on(ref)
    assert world.state(ref).steps["reconcile"].outputs == {"reconciled": []}
    assert away == []
