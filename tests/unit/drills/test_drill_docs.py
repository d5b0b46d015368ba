"""The pages about drills: every command in them exists with its options, and what they put into a catalog is valid."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from recovery_ops.catalog import load_catalog
from recovery_ops.cli.app import app
from recovery_ops.execution.systems import kind_specs
from recovery_ops.model.drills import DrillKind

ROOT = Path(__file__).parents[3]
HOWTO = ROOT / "docs" / "howto"
WORKFLOW = ROOT / "docs" / "examples" / "prove-a-catalog-change.yaml"
PAGES = (HOWTO / "run-a-drill.md", HOWTO / "schedule-drills.md", ROOT / "docs" / "explanation" / "drills.md")


def commands() -> list[str]:
    steps = yaml.safe_load(WORKFLOW.read_text())["jobs"]["drill"]["steps"]
    texts = [page.read_text() for page in PAGES] + [step.get("run", "") for step in steps]
    return [line for text in texts for line in re.findall(r"(?:^|/|`)recovery-ops ([^`\n]+)", text, re.MULTILINE)]


def parsed(line: str) -> None:
    """Parse a command line to its end, as the program would, and run nothing."""
    command: Any = typer.main.get_command(app)
    args = shlex.split(line.replace("[SYSTEM]", "SYSTEM"))
    while hasattr(command, "get_command"):
        context = command.make_context("recovery-ops", args, resilient_parsing=True)
        command, args = command.get_command(context, args[0]), args[1:]
        assert command is not None, line
    command.make_context(line, args)


def test_the_pages_name_commands() -> None:
    assert len(commands()) > 10


@pytest.mark.parametrize("line", sorted(set(commands())))
def test_every_command_exists_with_its_options(line: str) -> None:
    parsed(line)


def test_the_policy_in_the_guide_is_valid(tmp_path: Path) -> None:
    (section,) = re.findall(
        r"^```yaml\n(.*?)^```", (HOWTO / "schedule-drills.md").read_text(), re.MULTILINE | re.DOTALL
    )
    shipped = (ROOT / "dags" / "fraud-detection.yaml").read_text()
    assert "\ndrills:" not in shipped
    (tmp_path / "fraud-detection").symlink_to(ROOT / "dags" / "fraud-detection")
    catalog = tmp_path / "fraud-detection.yaml"
    catalog.write_text(shipped.replace("\ncomponents:\n", f"\n{section}\ncomponents:\n", 1))
    policy = load_catalog(catalog, kind_specs()).drills
    assert (policy.every_s[DrillKind.FULL], policy.ceiling_usd, policy.alarms) == (
        180 * 86_400.0,
        25.0,
        ("fraud-scoring-5xx",),
    )
