"""``recovery-ops sandbox`` from the command line."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sandbox_clients import HOME, RECOVERY, Aws
from typer.testing import CliRunner

from recovery_ops.cli.app import app
from recovery_ops.sandbox.control import Control
from recovery_ops.sandbox.process import RunningSandbox

pytestmark = pytest.mark.sandbox
Run = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "sandbox"


@pytest.fixture
def run(folder: Path) -> Run:
    """Run ``recovery-ops sandbox …`` and return its JSON, or with ``code`` what it says on failure."""

    def run(*arguments: str, code: int = 0, plain: bool = False) -> Any:
        flags = [] if plain or code else ["--json"]
        result = CliRunner().invoke(app, ["sandbox", *arguments, "--folder", str(folder), *flags])
        assert result.exit_code == code, result.output
        return json.loads(result.stdout) if flags else result.output

    return run


@pytest.fixture
def adopted(folder: Path, sandbox: RunningSandbox, control: Control) -> None:
    """The sandbox of the session, as if it had been started in this folder."""
    folder.mkdir()
    facts = {"base_url": sandbox.base_url, "pid": sandbox.pid, "regions": sandbox.regions}
    facts |= {"factor": sandbox.factor, "front_doors": dict(sandbox.front_doors)}
    (folder / "sandbox.json").write_text(json.dumps(facts))


def test_it_goes_up_and_down(run: Run) -> None:
    started = run("up", "--detach", "--regions", f"{HOME}, {RECOVERY}", "--factor", "0.5")
    assert (started["regions"], started["factor"]) == ([HOME, RECOVERY], 0.5)
    Aws(started["base_url"]).bucket(RECOVERY)
    assert "already" in run("up", "--detach", code=2)
    assert run("status")["pid"] == started["pid"]
    assert run("down") == {"stopped": True}
    assert run("down") == {"stopped": False}
    assert "no sandbox was started here" in run("status", code=2)


@pytest.mark.usefixtures("adopted")
def test_an_outage_begins_shows_and_ends(run: Run) -> None:
    said = run("outage", HOME, "--mode", "throttle", "--service", "ssm", "--service", "s3")
    since = datetime.fromisoformat(said["since"]).replace(tzinfo=UTC)
    assert timedelta(0) <= datetime.now(UTC) - since < timedelta(minutes=1)
    (fault,) = run("status")["faults"]
    assert (fault["region"], fault["mode"], fault["services"]) == (HOME, "throttle", ["s3", "ssm"])
    assert f"{HOME} throttle s3 ssm" in run("status", plain=True)
    assert "healed" in run("heal", HOME, plain=True)
    assert f"{HOME}: every service reset since 20" in run("outage", HOME, plain=True)
    assert "healed" in run("heal", HOME, plain=True)
    assert run("status")["faults"] == []


@pytest.mark.usefixtures("adopted")
def test_an_outage_of_what_is_not_there_is_refused(run: Run) -> None:
    assert "no region 'mars-1'" in run("outage", "mars-1", code=2)
    assert "unknown fault mode 'explode'" in run("outage", HOME, "--mode", "explode", code=2)
