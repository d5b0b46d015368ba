"""From the command line to a checked catalog and a plan, with the kinds that ship."""

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recovery_ops.cli.app import app
from recovery_ops.errors import CatalogError, RequestError
from recovery_ops.execution.systems import impaired, kind_specs, load_system, plan_for
from recovery_ops.model.plan import Mode

DAGS = Path(__file__).parents[3] / "dags"
ALONE = ("fraud-detection", "--to", "us-west-2", "--mode", "component", "--component")
FRAUD = DAGS / "fraud-detection.yaml"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder of catalogs of our own that the command line uses."""
    shutil.copy(FRAUD, tmp_path)
    monkeypatch.setenv("RECOVERY_OPS_CATALOGS", str(tmp_path))
    return tmp_path


def run(*arguments, **options):
    return CliRunner().invoke(app, list(map(str, arguments)), **options)


def damage(folder, old, new, name="fraud-detection.yaml"):
    text = FRAUD.read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1))


def test_the_catalogs_that_ship_have_no_problems():
    result = run("catalog", "check", "--json", DAGS)
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert (answer["ok"], answer["problems"]) == (True, [])
    fraud = next(item for item in answer["systems"] if item["system"] == "fraud-detection")
    assert (fraud["home"], fraud["rto_s"]) == ("us-east-1", 600)


def test_checking_prints_every_problem_of_every_file_and_ends_with_2(folder):
    damage(folder, "kind: s3-dataset", "kind: s3-datset")
    damage(folder, "group: fraud-scoring", "gruop: fraud-scoring", "other.yaml")
    result = run("catalog", "check")
    assert result.exit_code == 2
    lines = result.stdout.splitlines()
    assert any(
        re.search(r"fraud-detection\.yaml:\d+:\d+: components\[training-data\]\.kind: unknown kind", line)
        for line in lines
    )
    assert any("other.yaml:" in line and "did you mean 'group'?" in line for line in lines)
    as_json = json.loads(run("catalog", "check", "--json").stdout)
    assert (as_json["ok"], as_json["problems"]) == (False, lines)


def test_checking_a_folder_without_catalogs_is_bad_input(tmp_path):
    assert run("catalog", "check", tmp_path).exit_code == 2
    assert run("catalog", "check", tmp_path / "nowhere.yaml").exit_code == 2


def test_the_schema_names_every_kind():
    schema = json.loads(run("catalog", "schema").stdout)
    assert schema["$defs"]["ComponentText"]["properties"]["kind"]["enum"] == sorted(kind_specs())


def test_a_plan_is_shown_with_steps_chain_objectives_and_hash(folder):
    result = run("plan", "fraud-detection", "--to", "us-west-2", "--offline", env={"COLUMNS": "200"})
    assert result.exit_code == 0
    made = json.loads(run("plan", "fraud-detection", "--to", "us-west-2", "--json", "--offline").stdout)
    for step in made["steps"]:
        assert step["id"] in result.stdout
    assert f"plan {made['hash']}" in result.stdout
    assert f"{made['control_plane_steps']} of {len(made['steps'])} steps need one" in result.stdout
    assert "longest chain (*): declare > fence > " in result.stdout.replace("\n", " ")


def test_the_demo_system_is_forecast_to_meet_every_objective(folder):
    made = json.loads(run("plan", "fraud-detection", "--to", "us-west-2", "--json", "--offline").stdout)
    assert {item["name"]: item["fits"] for item in made["estimates"]} == dict.fromkeys(
        ["fraud-detection", "network", "config", "registry", "features", "scoring", "training-data"], True
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fruad-detection", "--to", "us-west-2"], "no system 'fruad-detection'"),
        (["fraud-detection", "--to", "us-wset-2"], "did you mean 'us-west-2'"),
        (["fraud-detection", "--to", "us-east-1"], "it is the impaired region itself"),
        ([*ALONE, "scorin"], "did you mean 'scoring'"),
        ([*ALONE, "registry", "--intent", "corruption"], "cannot go back in time alone"),
    ],
)
def test_a_request_that_cannot_be_planned_ends_with_2(folder, arguments, words):
    result = run("plan", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_an_unknown_system_is_refused_with_those_that_exist(folder):
    with pytest.raises(RequestError, match="known systems: fraud-detection; did you mean 'fraud-detection'"):
        load_system("fraud-detector", folder)


def test_a_system_is_found_although_another_catalog_is_broken(folder):
    (folder / "broken.yaml").write_text("system: [")
    assert load_system("fraud-detection", folder).name == "fraud-detection"
    with pytest.raises(CatalogError, match=r"broken\.yaml:1:10"):
        load_system("broken", folder)


def test_a_failback_leaves_the_other_region_unless_there_are_several(folder):
    system = load_system("fraud-detection", folder)
    made = plan_for(system, "us-east-1", mode=Mode.FAILBACK)
    assert (made.impaired_region, made.recovery_region) == ("us-west-2", "us-east-1")
    damage(folder, "regions: [us-east-1, us-west-2]", "regions: [us-east-1, us-west-2, eu-west-1]")
    damage_doors = (
        (folder / "fraud-detection.yaml")
        .read_text()
        .replace(
            'us-west-2: "network:DnsTarget"',
            'us-west-2: "network:DnsTarget"\n    eu-west-1: "network:DnsTarget"',
        )
    )
    switch = "    eu-west-1: s3://fraud-switch-eu-west-1/x\n    us-east-1: s3://"
    (folder / "fraud-detection.yaml").write_text(damage_doors.replace("    us-east-1: s3://", switch))
    with pytest.raises(RequestError, match="can be away in us-west-2, eu-west-1"):
        impaired(load_system("fraud-detection", folder), Mode.FAILBACK)
