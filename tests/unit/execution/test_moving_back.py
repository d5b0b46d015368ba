"""What is provisional is taken back: switches, fences and claims about who serves."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from small_world import HOME, TARGET, ObedientKind, SmallWorld

from recovery_ops.execution import direct, moving
from recovery_ops.kinds import StepContext
from recovery_ops.model.checks import Check, CheckOutcome, Gate
from recovery_ops.model.events import EventType
from recovery_ops.model.runs import RunRef
from recovery_ops.record.state import RunState


@pytest.fixture
def graceful(world: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> SmallWorld:
    """Both regions answer, and fences can be told apart by region."""
    world.alive = {HOME, TARGET}

    def unfence(kind: ObedientKind, ctx: StepContext) -> Iterable[str]:
        kind.script.calls.append(f"{kind.component.name}.unfence {ctx.source_region}")
        yield f"writers of {kind.component.name} again"

    monkeypatch.setattr(ObedientKind, "unfence", unfence)
    return world


def drifted(monkeypatch: pytest.MonkeyPatch, outcome: CheckOutcome) -> None:
    """Let the model say of itself, while it is on trial, that its predictions are ``outcome``."""

    def watch(kind: ObedientKind, _ctx: StepContext) -> Iterable[Check]:
        name = kind.component.name
        yield Check(component=name, gate=Gate.GOLDEN, name="same", expected=1, observed=2, outcome=outcome)

    monkeypatch.setattr(ObedientKind, "watch", watch)


def run(world: SmallWorld, ref: RunRef) -> RunState:
    direct.carry_on(ref)
    return world.state(ref)


def closed(state: RunState) -> tuple[str | None, str | None]:
    return state.outcome, state.serving_region


def test_quality_that_drifts_in_the_soak_sends_traffic_and_writers_back(
    graceful: SmallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    drifted(monkeypatch, CheckOutcome.FAIL)
    state = run(graceful, graceful.declare(graceful=True))
    assert closed(state) == ("rolled-back", HOME)
    assert graceful.serving == HOME
    assert "model: golden-predictions same: fail" in str(state.note(EventType.SOAK_ENDED)[-1].facts["reason"])
    opened = [note.facts["region"] for note in state.note(EventType.UNFENCED)]
    assert set(opened) == {HOME}
    assert f"store.unfence {HOME}" in graceful.script.calls


def test_a_model_that_is_still_right_is_committed(graceful: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    drifted(monkeypatch, CheckOutcome.PASS)
    state = run(graceful, graceful.declare(graceful=True))
    assert closed(state) == ("committed", TARGET)
    assert state.note(EventType.UNFENCED) == ()


def test_a_soak_that_fails_with_the_old_side_dead_is_an_honest_stop(
    world: SmallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    drifted(monkeypatch, CheckOutcome.FAIL)
    state = run(world, world.declare())
    assert closed(state) == ("failed", TARGET)
    assert world.serving == TARGET
    assert "not committed" in str(state.note(EventType.RUN_CLOSED)[-1].facts["detail"])


def test_a_switch_that_takes_no_effect_is_put_back(graceful: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(moving.aws_traffic, "withdraw_primary", lambda *_: written.append("withdrawn") or "withdrawn")
    monkeypatch.setattr(moving.aws_traffic, "readmit_primary", lambda *_: written.append("readmitted") or "readmitted")
    monkeypatch.setattr(moving, "EFFECTIVE_LIMIT_MODELLED_S", 0.0)
    monkeypatch.setattr(moving, "EFFECTIVE_LIMIT_AT_LEAST_S", 0.2)
    state = run(graceful, graceful.declare(graceful=True))
    assert closed(state) == ("rolled-back", HOME)
    assert written[0] == "withdrawn"
    assert written[-1] == "readmitted"


def test_a_move_that_stops_before_traffic_lets_writers_in_again(graceful: SmallWorld) -> None:
    graceful.script.outcomes["model"] = CheckOutcome.FAIL
    graceful.system = replace(graceful.system, approval=replace(graceful.system.approval, timeout_s=1))
    state = run(graceful, graceful.declare(graceful=True))
    assert closed(state) == ("failed", HOME)
    assert {note.facts["component"] for note in state.note(EventType.UNFENCED)} == {"store", "model", "notes"}
    assert state.note(EventType.TRAFFIC_MOVED) == ()
