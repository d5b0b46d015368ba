"""Every scenario that ships can be played, and what is wrong with a file is said where it stands."""

import json
from pathlib import Path

import pytest

from recovery_ops.drills.scenario_files import SHIPPED, find_scenario, load_scenario, scenario_names
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
