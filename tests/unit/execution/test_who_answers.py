"""Which region answers is told by where DNS led a probe, for AWS's front doors do not say it themselves."""

from typing import Any

import pytest
from small_world import HOME, TARGET, SmallWorld

from recovery_ops.execution import direct, moving
from recovery_ops.model.events import EventType
from recovery_ops.model.runs import RunRef
from recovery_ops.record.state import RunState


@pytest.fixture
def aws_like(world: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> SmallWorld:
    """Both regions answer, and no answer says from where."""
    world.alive, world.doors_say_region = {HOME, TARGET}, False
    monkeypatch.setattr(moving, "EFFECTIVE_LIMIT_MODELLED_S", 0.0)
    monkeypatch.setattr(moving, "EFFECTIVE_LIMIT_AT_LEAST_S", 0.2)
    return world


def run(world: SmallWorld, ref: RunRef) -> RunState:
    direct.carry_on(ref)
    return world.state(ref)


def nothing(*_: Any) -> str:
    return "written"


def test_a_move_that_dns_shows_is_committed(aws_like: SmallWorld) -> None:
    state = run(aws_like, aws_like.declare(graceful=True))
    assert (state.outcome, state.serving_region) == ("committed", TARGET)
    assert state.note(EventType.TRAFFIC_OBSERVED)[-1].facts["answered_by"] == TARGET


def test_a_switch_that_never_flips_is_not_taken_for_a_move(
    aws_like: SmallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving.aws_traffic, "withdraw_primary", nothing)
    state = run(aws_like, aws_like.declare(graceful=True))
    assert (state.outcome, state.serving_region) == ("rolled-back", HOME)
    assert state.note(EventType.TRAFFIC_OBSERVED) == ()


def test_an_answer_over_a_name_that_is_no_front_door_counts_for_nobody(aws_like: SmallWorld) -> None:
    aws_like.name_of = lambda _: ""
    ref = aws_like.declare(graceful=True)
    state = run(aws_like, ref)
    assert state.note(EventType.TRAFFIC_OBSERVED) == ()
    assert state.outcome != "committed"
    assert "CNAMEs to the hosts in traffic.front_doors" in str(aws_like.log(ref).events())


def test_answers_of_the_old_side_fail_the_soak(aws_like: SmallWorld) -> None:
    """Clients are sent back to the old side, which answers well, as soon as the move was seen."""

    def flip() -> None:
        if aws_like.serving == TARGET and aws_like.probes > 1:
            aws_like.serving = HOME

    aws_like.on_probe = flip
    state = run(aws_like, aws_like.declare(graceful=True))
    soak = state.note(EventType.SOAK_ENDED)[-1].facts
    assert (soak["outcome"], soak["failed"], soak["healthy_since"]) == ("unhealthy", soak["probes"], None)
    assert state.outcome == "rolled-back"


def test_a_rollback_that_dns_does_not_show_serves_nobody(aws_like: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The soak fails for a model, and the switch that was written stays in force."""
    monkeypatch.setattr(moving, "judge_again", lambda *_: [_broken()])
    monkeypatch.setattr(moving.aws_traffic, "readmit_primary", nothing)
    state = run(aws_like, aws_like.declare(graceful=True))
    note = state.note(EventType.RUN_ROLLED_BACK)[-1].facts
    assert (note["to_region"], note["serving"]) == (HOME, False)


def _broken() -> Any:
    return type("Broken", (), {"component": "model", "gate": "golden", "name": "same", "outcome": "fail"})()
