"""A region dies at night and nobody touches anything: policy `automatic` on the real stack detects, recovers, tells."""

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from rich.console import Console

from recovery_ops.airflow.rest import AirflowApi
from recovery_ops.aws.worlds import speaking_to
from recovery_ops.cli.outside import send_everybody
from recovery_ops.cli.scene import Scene
from recovery_ops.execution.open_runs import find_run
from recovery_ops.execution.view import load_run
from recovery_ops.model.runs import mint_run_id
from recovery_ops.sandbox.request_check import calls_of_run, strangers
from recovery_ops.testing import patience

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
SYSTEM = "fraud-detection"
SHIPPED_POLICY = r"\ndetection: .*"
POLICY = """
detection: {{signals: [name, front-door, aws], quorum: 3, hold_down: 30s, every: 15s, slow: 1h, mode: automatic}}
notify: [{{channel: webhook, target: "{pager}"}}]
"""
CROWD_EVERY_S = 0.5
"""Clients and writer are there; what they live through is not judged here, and they share the processor."""
until = partial(patience.until, limit_s=240.0, every_s=0.5)


class Pager(BaseHTTPRequestHandler):
    """Keeps what it is told."""

    told: list[str]

    def do_POST(self) -> None:
        """Take a message in."""
        self.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["subject"])
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def pager() -> Iterator[tuple[str, list[str]]]:
    told: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("P", (Pager,), {"told": told}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", told
    server.shutdown()


@pytest.fixture
def scene(tmp_path: Path, pager: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.chdir(ROOT)  # where the plugins are
    worlds = ROOT / "out" / "cache"  # the demo's world is seeded once for everybody
    worlds.mkdir(parents=True, exist_ok=True)
    (tmp_path / "cache").symlink_to(worlds)
    with speaking_to({}), ExitStack() as ending:
        yield Scene(SYSTEM, catalogs(tmp_path, pager[0]), tmp_path / "out", tmp_path, ending, Console(quiet=True))


def catalogs(folder: Path, pager: str) -> Path:
    changes = {**patience.CALM, SHIPPED_POLICY: ""}
    catalog = patience.calm_catalogs(ROOT / "dags", folder / "dags", changes)
    catalog.write_text(catalog.read_text() + POLICY.format(pager=pager))
    return catalog.parent


def test_a_region_dies_and_nobody_touches_anything(scene: Scene, pager: tuple[str, list[str]]) -> None:
    api = scene.airflow([f"failover__{SYSTEM}"])
    outside = send_everybody(scene.system, scene.sandbox, scene.out, every_s=CROWD_EVERY_S)
    scene.ending.callback(outside.leave)
    scene.protect(api)
    api.unpause(f"detect__{SYSTEM}")
    until(lambda: "success" in api.runs(f"detect__{SYSTEM}").values(), "a look at a healthy region")
    assert api.runs(f"failover__{SYSTEM}") == {}

    scene.sandbox.control.fault(scene.system.home, "reset")
    impact = datetime.now(UTC)
    run, state = ended(api)
    assert state == "success", api.tasks(f"failover__{SYSTEM}", run)
    assert run.startswith(f"automatic__{scene.system.home}__")
    until(lambda: len(told_of(pager, "recovered in")) == 1, "the message that it is over")
    api.pause(f"detect__{SYSTEM}")
    outside.leave()
    assert list(api.runs(f"failover__{SYSTEM}")) == [run], "one incident, one run"

    run_id = mint_run_id(f"{SYSTEM}/{run}", datetime.now(UTC))
    view = load_run(find_run(scene.system, run_id))
    assert view.declared["person"] == "policy:automatic"
    detected = datetime.fromisoformat(view.declared["clocks"]["T1"])
    assert impact - timedelta(seconds=1) <= view.impact_at <= detected, "T0 and T1 are what detection measured"
    assert told_of(pager, "declared")
    calls = [json.loads(line) for line in scene.log.read_text().splitlines()]
    assert list(calls_of_run(calls, run_id, scene.system.home, view.impact_at)) == []
    assert list(strangers(calls)) == []


def ended(api: AirflowApi) -> tuple[str, str]:
    """Wait for the failover that nobody triggers, and for its end."""
    dag = f"failover__{SYSTEM}"
    until(lambda: bool({"success", "failed"} & set(api.runs(dag).values())), "an automatic failover")
    return next((run, state) for run, state in api.runs(dag).items() if state in ("success", "failed"))


def told_of(pager: tuple[str, list[str]], moment: str) -> list[str]:
    return [subject for subject in pager[1] if moment in subject.lower()]
