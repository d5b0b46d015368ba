"""Commands in the guides for containers and accounts exist, and what the guides name is there."""

import re
import shlex
from pathlib import Path

import pytest
from compose_file import ROOT, parse, services

GUIDES = [ROOT / "docs" / "howto" / f"{name}.md" for name in ("run-with-docker-compose", "deploy-to-aws")]
FENCE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
ANY_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`]+)`")
SECRETS = {name: name for name in ("AIRFLOW_FERNET_KEY", "AIRFLOW_JWT_SECRET", "AIRFLOW_SECRET_KEY")} | {
    name: name for name in ("GRAFANA_ADMIN_PASSWORD", "POSTGRES_PASSWORD", "RECOVERY_OPS_SECRETS")
}


def commands(page: Path) -> list[str]:
    """Every command line of a page: what stands in blocks, and between backticks."""
    text = page.read_text()
    lines = [line for block in FENCE.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    inline = [" ".join(found.split()) for found in INLINE.findall(ANY_FENCE.sub("", text))]
    return [part for line in [*lines, *inline] for part in re.split(r"\s*(?:;|&&)\s*", line) if part]


def ours(page: Path) -> list[list[str]]:
    """Words of every command of recovery-ops with arguments, without what runs it."""
    entering = ["docker", "compose", "exec"]
    found = [shlex.split(command, comments=True) for command in commands(page) if "recovery-ops " in command]
    bare = [words[4:] if words[:3] == entering else words for words in found]
    return [words[1:] for words in bare if words[0] == "recovery-ops"]


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_every_command_of_ours_exists_with_its_options(page: Path) -> None:
    found = [words for words in ours(page) if words]
    assert len(found) >= (3 if page is GUIDES[0] else 13), "the page was not understood"
    for words in found:
        parse(words)


def test_containers_that_a_command_enters_are_services() -> None:
    entered = {
        words[3]
        for page in GUIDES
        for words in map(str.split, commands(page))
        if words[:3] == ["docker", "compose", "exec"]
    }
    assert entered == {"airflow-scheduler", "sandbox"}
    assert entered <= set(services(SECRETS))


def test_files_that_a_guide_names_are_there() -> None:
    named = {
        word
        for page in GUIDES
        for command in commands(page)
        for word in re.findall(r"(?:deploy|scripts|tests)/[\w./-]+", command)
    }
    assert "deploy/aws/bootstrap.yaml" in named
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_settings_that_a_guide_names_are_those_of_the_stack() -> None:
    known = services(SECRETS)["airflow-scheduler"].environment
    text = GUIDES[1].read_text()
    named = set(re.findall(r"(?:AIRFLOW__|RECOVERY_OPS_|AWS_)[A-Z0-9_]+", text))
    elsewhere = {"RECOVERY_OPS_PRINCIPAL", "RECOVERY_OPS_SMTP"}
    assert sorted(named - set(known) - elsewhere) == []
    for_the_sandbox = {name for name in known if name.startswith("AWS_")}
    assert for_the_sandbox <= named
