"""Every scenario that ships can be played, and what is wrong with a file is said where it stands."""

import json
from pathlib import Path

import pytest

from recovery_ops.drills.scenario_files import SHIPPED, find_scenario, load_scenario, playable, scenario_names
from recovery_ops.errors import CatalogError, RequestError
from recovery_ops.model.scenarios import Scenario

TEXT = (SHIPPED / "dns-control-plane-down.yaml").read_text()


@pytest.mark.parametrize("name", scenario_names())
def test_what_ships_can_be_played_and_recorded(name: str) -> None:
    scenario = find_scenario(name)
    assert len(scenario.injects) >= 3
    assert [item.at_s for item in scenario.injects] == sorted({item.at_s for item in scenario.injects})
    assert all(set(item.expected) < set(item.choices) for item in scenario.injects)
    assert Scenario.from_json(json.loads(json.dumps(scenario.to_json()))) == scenario


def test_eight_ship() -> None:
    assert len(scenario_names()) >= 8


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("    expected: [call them", "    expected: [phone them", "none of the choices"),
        ("    after: 5m\n", "", "is missing"),
        ("  - id: sticky-clients", "  - id: records-refused", "is there already"),
        ("    question: Is", "    questoin: Is", "did you mean 'question'"),
        ("scenario: dns-control-plane-down", "scenario: dns", "name both alike"),
        ("    decide_within: 5m", "    decide_within: 5", "has no unit"),
    ],
)
def test_problems_are_located(tmp_path: Path, old: str, new: str, problem: str) -> None:
    path = tmp_path / "dns-control-plane-down.yaml"
    path.write_text(TEXT.replace(old, new, 1))
    with pytest.raises(CatalogError, match=problem) as caught:
        load_scenario(path)
    assert all(line.startswith(f"{path}:") for line in caught.value.problems)


def test_an_unknown_scenario_names_those_that_exist() -> None:
    with pytest.raises(RequestError, match="did you mean 'regional-loss'"):
        find_scenario("regional-los")


def test_scenarios_of_a_system_go_before_those_that_ship_and_a_broken_one_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / "dns-control-plane-down.yaml").write_text(TEXT.replace("title: ", "title: Ours. ", 1))
    (tmp_path / "broken.yaml").write_text("scenario: broken\n")
    assert find_scenario("dns-control-plane-down", tmp_path).title.startswith("Ours. ")
    assert set(scenario_names(tmp_path)) == {*scenario_names(), "broken"}
    assert [item.name for item in playable(tmp_path)] == scenario_names()
    with pytest.raises(CatalogError, match="is missing"):
        find_scenario("broken", tmp_path)
