"""The same wishes from the command line."""

import json
from pathlib import Path

import pytest
from small_world import SmallWorld
from typer.testing import CliRunner, Result

from recovery_ops.cli import run_control
from recovery_ops.cli.app import app


@pytest.fixture(autouse=True)
def catalogs(world: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_control, "load_system", lambda name, folder: world.system)


def runs(verb: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["runs", verb, "ranking", *arguments])


def test_every_wish_is_recorded_with_its_person_and_told_as_json(world: SmallWorld) -> None:
    ref = world.declare()
    paused = runs("pause", ref.run_id, "--person", "bob", "--reason", "let me look", "--json")
    assert paused.exit_code == 0
    event = json.loads(paused.stdout)
    assert (event["type"], event["writer"], event["payload"]["reason"]) == ("run-paused", "person:bob", "let me look")
    for verb, *arguments in (("unpause",), ("skip", "notes.verify"), ("cancel",)):
        result = runs(verb, ref.run_id, *arguments, "--person", "bob")
        assert (result.exit_code, ref.run_id in result.stdout) == (0, True)
    control = world.state(ref).control
    assert (control.paused, set(control.skips), control.cancelled is not None) == (None, {"notes.verify"}, True)


@pytest.mark.parametrize(
    ("verb", "arguments", "says"),
    [
        ("unpause", (), "is not paused"),
        ("retry", ("store.verify",), "has not failed"),
        ("override", ("store.rehydrate",), "may not decide this"),
        ("ungraceful", (), "ungraceful already"),
        ("approve", (), "asks nothing now"),
        ("decline", (), "asks nothing now"),
    ],
)
def test_what_makes_no_sense_ends_with_2(world: SmallWorld, verb: str, arguments: tuple[str, ...], says: str) -> None:
    ref = world.declare()
    result = runs(verb, ref.run_id, *arguments, "--person", "mallory")
    assert (result.exit_code, says in result.stderr) == (2, True)


def test_a_run_that_nobody_knows_is_not_found(world: SmallWorld) -> None:
    result = runs("pause", "r-20261125-000000")
    assert result.exit_code == 2
    assert "has no run r-20261125-000000 in us-east-1, us-west-2, eu-west-1" in result.stderr


def test_a_living_runner_is_not_taken_over(world: SmallWorld, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ref = world.declare()
    result = runs("resume", ref.run_id, "--out", str(tmp_path))
    assert result.exit_code == 2
    assert "renews its lease until" in result.stderr
