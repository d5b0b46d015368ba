"""What cannot be done is refused in words, with exit code 2, before anything changes."""

import shutil
from pathlib import Path

import pytest
from bad_input import cli, nothing_changes
from run_world import CATALOGS, HOME, TARGET, World

pytestmark = pytest.mark.sandbox
TRIGGERS = [("failover", "fraud-detection"), ("failover", "fraud-detection", "--dry-run")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Catalogs of our own, which the command line uses."""
    shutil.copytree(CATALOGS, tmp_path / "dags")
    monkeypatch.setenv("RECOVERY_OPS_CATALOGS", str(tmp_path / "dags"))
    return tmp_path / "dags"


@pytest.mark.parametrize("command", TRIGGERS, ids=len)
def test_a_wrong_catalog_starts_nothing_and_every_problem_is_located(
    world: World, folder: Path, command: tuple[str, ...]
) -> None:
    catalog = folder / "fraud-detection.yaml"
    text = catalog.read_text()
    wrong = text.replace("kind: s3-dataset", "kind: s3-datset").replace("group: fraud-scoring", "gruop: fraud-scoring")
    wrong = wrong.replace("needs: [registry, features, config, network]", "needs: [registry, featurs]")
    catalog.write_text(wrong)
    with nothing_changes(world, calls=0):
        done = cli(*command, "--to", TARGET)
    assert done.exit_code == 2
    for number, line in enumerate(wrong.splitlines(), start=1):
        for mistake in ("s3-datset", "gruop", "featurs"):
            if mistake in line:
                assert f"fraud-detection.yaml:{number}:" in done.output, mistake


def test_a_setting_that_cannot_be_used_starts_nothing(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOVERY_OPS_TIME_FACTOR", "fast")
    monkeypatch.setenv("RECOVERY_OPS_DATABASE_URL", "mysql://me:hunter2@host/x")
    with nothing_changes(world, calls=0):
        done = cli("failover", "fraud-detection", "--to", TARGET)
    assert done.exit_code == 2, done.output
    assert "RECOVERY_OPS_TIME_FACTOR is 'fast'" in done.output
    assert "RECOVERY_OPS_DATABASE_URL must be a PostgreSQL URL" in done.output
    assert "hunter2" not in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (("fraud-detecton", "--to", TARGET), "no system 'fraud-detecton'"),
        (("fraud-detection", "--to", "eu-west-9"), "eu-west-9"),
        (("fraud-detection", "--to", HOME), HOME),
    ],
    ids=["unknown system", "unknown region", "the impaired region itself"],
)
def test_what_can_never_be_a_run_is_refused(world: World, folder: Path, wanted: tuple[str, ...], said: str) -> None:
    world.reset()
    with nothing_changes(world):
        done = cli("failover", *wanted)
    assert done.exit_code == 2, done.output
    assert said in done.output
    assert "Traceback" not in done.output


def test_without_any_point_there_is_no_run(world: World, folder: Path) -> None:
    world.reset("seeded")
    world.sandbox.control.fault(HOME, "reset")
    with nothing_changes(world):
        done = cli("failover", "fraud-detection", "--to", TARGET)
    assert done.exit_code == 2
    assert f"there is no complete recovery point in {TARGET}; nothing was changed" in done.output


def test_a_point_that_misses_an_object_version_is_refused_with_the_reason(world: World, folder: Path) -> None:
    world.reset()
    world.sandbox.control.fault(HOME, "reset")
    (point,) = world.points[:1]
    item = point.captures["training-data"].objects[0]
    world.sandbox.control.damage("s3-version", bucket=item.bucket_in(TARGET), key=item.key, version_id=item.version_id)
    with nothing_changes(world):
        done = cli("failover", "fraud-detection", "--to", TARGET)
    assert done.exit_code == 2
    assert f"there is no complete recovery point in {TARGET}; nothing was changed" in done.output
    assert point.id in done.output
    assert item.key in done.output
