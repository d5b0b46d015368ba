"""The Dockerfile without an engine: linted, pinned, not root, and everything that it copies or installs is there."""

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from recovery_ops.airflow.health import main, trouble

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "Dockerfile"
REQUIREMENTS = ROOT / "requirements"
BASE = re.compile(r"python:3\.1[123]\.\d+-slim-bookworm@sha256:[0-9a-f]{64}")
SECRET = re.compile(r"secret|password|token|credential", re.IGNORECASE)


def instructions() -> list[tuple[str, str]]:
    """Name and argument of every instruction, with lines joined and comments left out."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ")
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in whole.splitlines() if line)]


def stages() -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """Stage -> what it begins from, and its instructions with those of the stages it is made from."""
    found: dict[str, tuple[str, list[tuple[str, str]]]] = {}
    for name, rest in instructions():
        if name == "FROM":
            begin, _, stage = rest.split()
            found[stage] = (begin, list(found[begin][1]) if begin in found else [])
        else:
            found[stage][1].append((name, rest))
    return found


def copied() -> list[str]:
    """What is copied out of this tree."""
    lines = [shlex.split(rest) for name, rest in instructions() if name == "COPY"]
    return [source for words in lines if not words[0].startswith("--from") for source in words[:-1]]


def test_hadolint_has_nothing_against_it(tmp_path: Path) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    wrong = tmp_path / "Dockerfile"
    wrong.write_text(DOCKERFILE.read_text() + "\nFROM debian:latest\n")
    done = subprocess.run([hadolint, wrong], capture_output=True, text=True, check=False)
    assert "DL3007" in done.stdout


def test_every_image_begins_from_one_pinned_base() -> None:
    begins = {begin for begin, _ in stages().values()} - set(stages())
    assert len(begins) == 1
    assert BASE.fullmatch(begins.pop())


@pytest.mark.parametrize("stage", ["runtime", "sandbox"])
def test_what_runs_is_not_root_and_says_how_it_is(stage: str) -> None:
    made = stages()[stage][1]
    users = [rest for name, rest in made if name == "USER"]
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", users[-1])
    assert [rest for name, rest in made if name == "HEALTHCHECK"][-1].endswith('"recovery_ops.airflow.health"]')
    assert not [rest for name, rest in made if name in ("ENV", "ARG") and SECRET.search(rest)]
    assert not [name for name, _ in made if name == "ADD"]


def test_the_image_without_a_target_is_the_one_for_aws() -> None:
    assert list(stages())[-1] == "runtime"
    assert not [rest for _, rest in stages()["runtime"][1] if "sandbox" in rest]


def test_everything_that_is_copied_is_there_and_the_build_sees_nothing_else() -> None:
    assert [source for source in copied() if not (ROOT / source).exists()] == []
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert patterns[0] == "*"
    seen = {line.removeprefix("!") for line in patterns if line.startswith("!")}
    assert seen == {Path(source).parts[0] for source in copied()}


def test_every_installation_is_locked_by_hash_or_is_our_own_wheel() -> None:
    runs = [command.strip() for name, rest in instructions() if name == "RUN" for command in rest.split("&&")]
    installing = [command for command in runs if "pip install" in command]
    assert len(installing) == 4
    for command in installing:
        locked = "--require-hashes" in command and set(re.findall(r"-r (\S+)", command)) <= set(copied())
        assert locked or command.endswith("--no-deps dist/recovery_ops-*.whl"), command


def pins(name: str) -> dict[str, str]:
    text = (REQUIREMENTS / f"{name}.lock").read_text()
    return dict(re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==([^\s;]+)", text, re.MULTILINE))


def named(wanted: list[str]) -> set[str]:
    return {re.split(r"[\[><=;! ]", name)[0].lower().replace("_", "-") for name in wanted}


def test_images_hold_what_is_tested_and_only_what_they_need() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras, tested = project["project"]["optional-dependencies"], pins("dev")
    runtime, sandbox, build = pins("runtime"), pins("sandbox"), pins("build")
    for lock in (runtime, sandbox, build):
        assert {name: version for name, version in lock.items() if tested.get(name) != version} == {}
    assert named(project["project"]["dependencies"]) | named(extras["airflow"]) <= set(runtime)
    assert named(extras["sandbox"]) <= set(sandbox)
    assert "moto" not in runtime
    assert set(runtime) <= set(sandbox)
    assert named(project["dependency-groups"]["build"]) <= set(build)
    for_tests = [name for name in project["dependency-groups"]["dev"] if isinstance(name, str)]
    assert named(for_tests) & {"pytest", "mypy", "playwright"} & set(sandbox) == set()


@pytest.fixture
def answering() -> Iterator[str]:
    """A server whose path is the body of its answer, and ``/sick`` a 503."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503 if self.path == "/sick" else 200)
            self.end_headers()
            self.wfile.write(self.path.removeprefix("/").replace("%22", '"').encode())

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("path", "part", "said"),
    [
        ("fine", None, ""),
        ("sick", None, "503"),
        ('{"triggerer":{"status":"healthy"}}', "triggerer", ""),
        ('{"triggerer":{"status":"unhealthy"}}', "triggerer", "triggerer is unhealthy"),
        ('{"triggerer":{"status":null}}', "triggerer", "triggerer is not there"),
        ('{"scheduler":{"status":"healthy"}}', "triggerer", "triggerer is not there"),
        ("nonsense", "triggerer", "does not tell how triggerer is"),
        ("[]", "triggerer", "does not tell how triggerer is"),
    ],
)
def test_health_is_what_the_answer_says(answering: str, path: str, part: str | None, said: str) -> None:
    found = trouble(f"{answering}/{path.replace(chr(34), '%22')}", part)
    assert said in found
    assert bool(said) == bool(found)


def test_a_health_check_ends_with_1_and_says_why(answering: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"{answering}/fine"]) == 0
    assert main([f"{answering}/sick"]) == 1
    assert main(["http://127.0.0.1:1/"]) == 1
    assert capsys.readouterr().out.count("\n") == 2
