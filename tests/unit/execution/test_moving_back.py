"""What is provisional is taken back: switches, fences and claims about who serves."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, NoReturn

import pytest
from small_world import HOME, TARGET, ObedientKind, SmallWorld

from recovery_ops.errors import StepInterruptedError
from recovery_ops.execution import controls, direct, moving, steps, system_steps
from recovery_ops.execution.view import RunView
from recovery_ops.kinds import StepContext
from recovery_ops.model.checks import Check, CheckOutcome, Gate
from recovery_ops.model.events import Event, EventType
from recovery_ops.model.runs import RunRef
from recovery_ops.model.system import Traffic
from recovery_ops.record.log import EventWriter
from recovery_ops.record.state import RunState, StepStatus


@pytest.fixture
def graceful(world: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> SmallWorld:
    """Both regions answer, and fences can be told apart by region."""
    world.alive = {HOME, TARGET}

    def unfence(kind: ObedientKind, ctx: StepContext) -> Iterable[str]:
        kind.script.calls.append(f"{kind.component.name}.unfence {ctx.source_region}")
        yield f"writers of {kind.component.name} again"

    monkeypatch.setattr(ObedientKind, "unfence", unfence)
    return world


COMPONENTS = {"store", "model", "notes"}


class DeathError(BaseException):
    """The process is gone: nothing of ours may catch it."""


def dies(*_: object) -> NoReturn:
    raise DeathError


def dies_at(event: EventType, append: Callable[..., Event], *, number: int = 1) -> Callable[..., Event]:
    """Return ``append`` of a process that dies before it has written the ``number``-th event of that type."""
    left = number

    def until_then(writer: EventWriter, event_type: EventType, *facts: Any, **more: Any) -> Event:
        nonlocal left
        left -= event_type is event
        return append(writer, event_type, *facts, **more) if left else dies()

    return until_then


def opened(state: RunState) -> dict[object, set[object]]:
    """Return by region the components whose writers were let in."""
    found: dict[object, set[object]] = {}
    for note in state.note(EventType.UNFENCED):
        found.setdefault(note.facts["region"], set()).add(note.facts["component"])
    return found


def answers_are_lost(world: SmallWorld) -> RunRef:
    """The switch is written every time, and nobody ever hears that it was."""

    def written(_traffic: Traffic, region: str, _reason: bytes) -> str:
        world.serving = region
        raise StepInterruptedError("no answer")

    world.monkeypatch.setattr(moving.aws_traffic, "withdraw_primary", written)
    return world.declare()


def dies_and_is_cancelled(world: SmallWorld) -> RunRef:
    """The process dies when the switch is written, then a person cancels the run."""

    def written(_traffic: Traffic, region: str, _reason: bytes) -> str:
        world.serving = region
        raise DeathError

    ref = world.declare()
    with world.monkeypatch.context() as patch:
        patch.setattr(moving.aws_traffic, "withdraw_primary", written)
        for step in ("fence", "store.rehydrate", "store.verify", "model.rehydrate", "model.verify", "approve"):
            steps.run_step(ref, step)
        with pytest.raises(DeathError):
            steps.run_step(ref, "cutover")
    controls.cancel(ref, person="bob", reason="the region is back")
    return ref


UNTOLD = pytest.mark.parametrize("harmed", [answers_are_lost, dies_and_is_cancelled])
"""Ways in which the switch is written and no event says so."""


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
    assert list(opened(state)) == [TARGET, HOME]
    assert f"store.unfence {HOME}" in graceful.script.calls


def test_a_model_that_is_still_right_is_committed(graceful: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    drifted(monkeypatch, CheckOutcome.PASS)
    state = run(graceful, graceful.declare(graceful=True))
    assert closed(state) == ("committed", TARGET)
    assert opened(state) == {TARGET: COMPONENTS}


def test_a_region_that_an_earlier_run_fenced_is_open_before_traffic_moves_there(graceful: SmallWorld) -> None:
    ref = graceful.declare(graceful=True)
    controls.skip(ref, "fence", person="bob", reason="done by hand")
    state = run(graceful, ref)
    assert closed(state) == ("committed", TARGET)
    assert opened(state) == {TARGET: COMPONENTS}
    assert max(note.at for note in state.note(EventType.UNFENCED)) < state.note(EventType.TRAFFIC_MOVED)[0].at


def test_fences_that_nobody_recorded_are_taken_back_by_the_close(graceful: SmallWorld) -> None:
    """The process dies when its fences stand and before it has said so; then the run is cancelled."""
    ref = graceful.declare(graceful=True)
    with graceful.monkeypatch.context() as patch:
        patch.setattr(EventWriter, "append", dies_at(EventType.FENCED, EventWriter.append))
        with pytest.raises(DeathError):
            steps.run_step(ref, "fence")
    controls.cancel(ref, person="bob", reason="the region is back")
    state = run(graceful, ref)
    assert (closed(state), state.note(EventType.FENCED)) == (("abandoned", HOME), ())
    assert opened(state) == {HOME: COMPONENTS}


def test_a_close_that_died_while_it_let_writers_in_lets_the_others_in_too(graceful: SmallWorld) -> None:
    ref = graceful.declare(graceful=True)
    steps.run_step(ref, "fence")
    controls.cancel(ref, person="bob", reason="the region is back")
    with graceful.monkeypatch.context() as patch:
        patch.setattr(EventWriter, "append", dies_at(EventType.UNFENCED, EventWriter.append, number=2))
        with pytest.raises(DeathError):
            direct.carry_on(ref)
    assert len(graceful.state(ref).note(EventType.UNFENCED)) == 1
    graceful.script.calls.clear()
    state = run(graceful, ref)
    assert opened(state) == {HOME: COMPONENTS}
    assert {f"{name}.unfence {HOME}" for name in COMPONENTS} <= set(graceful.script.calls)


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


@UNTOLD
def test_a_move_that_nobody_heard_of_is_taken_back(
    graceful: SmallWorld, harmed: Callable[[SmallWorld], RunRef]
) -> None:
    state = run(graceful, harmed(graceful))
    assert state.note(EventType.TRAFFIC_MOVED) == ()
    assert closed(state) == ("rolled-back", HOME)
    assert graceful.serving == HOME
    assert opened(state) == {TARGET: COMPONENTS, HOME: COMPONENTS}
    assert max(note.at for note in state.note(EventType.UNFENCED)) < state.note(EventType.RUN_ROLLED_BACK)[0].at


@UNTOLD
def test_a_move_that_nobody_heard_of_and_nobody_can_take_back_lets_no_writer_in(
    world: SmallWorld, harmed: Callable[[SmallWorld], RunRef]
) -> None:
    state = run(world, harmed(world))
    assert world.serving == TARGET
    assert closed(state) == ("failed", TARGET)
    detail = str(state.note(EventType.RUN_CLOSED)[-1].facts["detail"])
    assert detail.startswith(f"traffic may have been moved to {TARGET}")
    assert detail.endswith("a person has to decide")
    assert "not answered" in str(state.note(EventType.RUN_ROLLED_BACK)[-1].facts["why"])
    assert HOME not in opened(state)


def test_a_way_back_whose_process_died_is_gone_to_its_end(
    graceful: SmallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    drifted(monkeypatch, CheckOutcome.FAIL)
    ref, anchor = graceful.declare(graceful=True), system_steps._anchor

    def die(view: RunView, writer: EventWriter) -> None:
        if writer.name.startswith("rollback#"):
            raise DeathError
        anchor(view, writer)

    with monkeypatch.context() as patch:
        patch.setattr(system_steps, "_anchor", die)
        with pytest.raises(DeathError):
            direct.carry_on(ref)
    state = run(graceful, ref)
    assert closed(state) == ("rolled-back", HOME)
    assert state.steps["rollback"].status is StepStatus.SUCCEEDED


@pytest.mark.parametrize(("allowed_s", "ended"), [(0.005, ("rolled-back", HOME)), (0.01, ("committed", TARGET))])
def test_clients_that_wait_too_long_are_sent_back(
    graceful: SmallWorld, monkeypatch: pytest.MonkeyPatch, allowed_s: float, ended: tuple[str, str]
) -> None:
    """Every probe takes 10 ms; the longest of what the components allow counts."""
    allowed = {"store": allowed_s / 2, "model": allowed_s, "notes": 60.0}
    monkeypatch.setattr(ObedientKind, "answers_within_s", property(lambda kind: allowed[kind.component.name]))
    state = run(graceful, graceful.declare(graceful=True))
    assert closed(state) == ended
    soak = state.note(EventType.SOAK_ENDED)[-1].facts
    assert (soak["p95_ms"], soak["max_p95_ms"]) == (10.0, allowed_s * 1000)
    assert ("p95 of the answers outside was 10.0 ms, allowed 5.0 ms" in str(soak["reason"])) == (allowed_s < 0.01)
