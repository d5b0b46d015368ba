"""The compose file as tests read it, interpolated with made-up secrets, and the command line without its effects."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
import yaml

from recovery_ops.cli.app import app

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yaml"
REQUIRED = re.compile(r"\$\{(\w+):\?[^}]+\}")
ANY_VARIABLE = re.compile(r"(?<!\$)\$\{?(\w+)")


@dataclass(frozen=True, slots=True)
class Service:
    """One service. ``environment`` is what the container gets from the file, beside what its image sets."""

    name: str
    facts: dict[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        return {name: str(value) for name, value in self.facts.get("environment", {}).items()}

    @property
    def commands(self) -> list[list[str]]:
        """The programs that its command runs, one after the other, as words."""
        words = [str(word).replace("$$", "$") for word in self.facts.get("command", [])]
        parts = words[2].split("&&") if words[:2] == ["sh", "-c"] else [shlex.join(words)] if words else []
        return [shlex.split(part.strip().removeprefix("exec ")) for part in parts]

    @property
    def mounts(self) -> dict[str, str]:
        """Place in the container -> folder or file of this tree, or name of a volume."""
        return {target: source for source, target, *_ in (text.split(":") for text in self.facts.get("volumes", []))}

    @property
    def ports(self) -> list[list[str]]:
        return [text.split(":") for text in self.facts.get("ports", [])]

    def option(self, name: str) -> str:
        """The value of ``--name`` in its last command; also of the form ``--name=value``."""
        words = [part for word in self.commands[-1] for part in word.split("=", 1)]
        return words[words.index(f"--{name}") + 1]


def services(secrets: dict[str, str]) -> dict[str, Service]:
    """Every service, with ``secrets`` in the place of required variables."""
    text = REQUIRED.sub(lambda found: secrets[found[1]], COMPOSE.read_text())
    return {name: Service(name, facts) for name, facts in yaml.safe_load(text)["services"].items()}


def parse(words: list[str]) -> None:
    """Parse a command line of recovery-ops without carrying it out; raises what the real one would end with."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    command.make_context("recovery-ops", words)
