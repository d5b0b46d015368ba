"""A real Prometheus scrapes a real `metrics serve`, and sends the alert of a missed objective to its Alertmanager."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
import yaml

from recovery_ops.airflow.stack import free_port
from recovery_ops.model.events import EventType
from recovery_ops.record.keys import events_prefix
from recovery_ops.sandbox.process import RunningSandbox, running_sandbox
from recovery_ops.testing import patience
from recovery_ops.testing.runs import RUN_ID, SYSTEM, Run, iso
from recovery_ops.testing.stores import InMemoryObjectStore

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(200)]

ROOT = Path(__file__).parents[2]
LIMIT_S = 90.0
TOKEN = "a-token-of-some-length"
HOME, TARGET = "us-east-1", "us-west-2"


until = partial(patience.until, limit_s=LIMIT_S, every_s=0.2)


@contextmanager
def process(log: Path, *command: object, **environment: str) -> Iterator[None]:
    with log.open("wb") as out:
        child = subprocess.Popen(
            [str(part) for part in command], stdout=out, stderr=out, env=os.environ | environment, cwd=log.parent
        )
    try:
        yield
    finally:
        child.terminate()
        child.wait(20)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), factor=0.01, regions=(HOME, TARGET)) as made:
        yield made


@pytest.fixture
def catalogs(tmp_path: Path) -> Path:
    """The shipped system under the name that made-up runs have."""
    folder = tmp_path / "catalogs"
    shutil.copytree(ROOT / "dags" / "fraud-detection", folder / SYSTEM)
    text = (ROOT / "dags" / "fraud-detection.yaml").read_text()
    (folder / f"{SYSTEM}.yaml").write_text(text.replace("system: fraud-detection", f"system: {SYSTEM}"))
    return folder


@pytest.fixture
def told() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """A port that takes alerts as Alertmanager does, and what came. (Debian's own needs a file at a fixed place.)"""
    kept: list[dict[str, Any]] = []

    class Keep(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Keep) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, kept
        server.shutdown()
        thread.join()


def missed_run() -> InMemoryObjectStore:
    """The record of a failover that served after 29 s although 5 s were wanted."""
    run = Run(InMemoryObjectStore())
    run.declare(criteria={"rto_s": 5}, time_factor=1, plan={"steps": [{"id": "observe", "needs": []}]})
    run.add(30, "observe#1", EventType.SOAK_ENDED, outcome="healthy", healthy_since=iso(29), probes=1, failed=0)
    facts = {"outcome": "committed", "serving_region": TARGET, "released": True}
    run.log.writer("close#1").append(EventType.RUN_CLOSED, facts, datetime.now(UTC))
    return run.store


def fill(sandbox: RunningSandbox, store: InMemoryObjectStore) -> None:
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "endpoint_url": sandbox.base_url}
    for region in (HOME, TARGET):
        s3 = boto3.client("s3", region_name=region, **keys)
        place = {} if region == HOME else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=f"recovery-ops-record-{region}", **place)
    for key in store.all_keys():
        assert key.startswith(events_prefix(SYSTEM, RUN_ID))
        s3.put_object(Bucket=f"recovery-ops-record-{TARGET}", Key=key, Body=store.body(key))


def configured(folder: Path, metrics_port: int, alertmanager_port: int) -> None:
    """Write the shipped configurations with the addresses of this machine and short intervals."""
    deploy = ROOT / "deploy"
    rules = yaml.safe_load((deploy / "prometheus" / "recovery-ops.rules.yaml").read_text())
    groups = [group | {"interval": "1s"} for group in rules["groups"]]
    (folder / "recovery-ops.rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
    (folder / "token").write_text(TOKEN)
    prometheus = yaml.safe_load((deploy / "prometheus" / "prometheus.yaml").read_text())
    prometheus["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s"}
    prometheus["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{alertmanager_port}"]
    job = prometheus["scrape_configs"][0]
    job["authorization"]["credentials_file"] = str(folder / "token")
    job["static_configs"][0]["targets"] = [f"127.0.0.1:{metrics_port}"]
    prometheus["scrape_configs"] = [job]
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(prometheus))


def test_a_missed_objective_in_the_record_reaches_people(
    tools: Path, sandbox: RunningSandbox, catalogs: Path, told: tuple[int, list[dict[str, Any]]], tmp_path: Path
) -> None:
    fill(sandbox, missed_run())
    told_port, kept = told
    metrics_port, prometheus_port = free_port(), free_port()
    configured(tmp_path, metrics_port, told_port)
    environment = {
        "AWS_ENDPOINT_URL": sandbox.base_url, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
        "RECOVERY_OPS_CATALOGS": str(catalogs), "RECOVERY_OPS_SPOOL": str(tmp_path / "spool"),
    }  # fmt: skip
    cli = [sys.executable, "-c", "from recovery_ops.cli import main; main()"]
    serve = [*cli, "metrics", "serve", "--port", metrics_port, "--token-file", tmp_path / "token"]
    prometheus = [
        tools / "prometheus", "--config.file=prometheus.yaml", "--storage.tsdb.path=data",
        f"--web.listen-address=127.0.0.1:{prometheus_port}",
    ]  # fmt: skip
    with process(tmp_path / "serve.log", *serve, **environment), process(tmp_path / "prometheus.log", *prometheus):
        until(lambda: _up(prometheus_port), "a scrape")
        alerts = until(lambda: [item for item in kept if _name(item) == "RecoveryObjectiveMissed"], "the alert")
    assert alerts[0]["labels"]["system"] == SYSTEM
    assert alerts[0]["labels"]["severity"] == "ticket"
    assert alerts[0]["annotations"]["runbook_url"] == "playbook.html#rto-at-risk"
    assert alerts[0]["annotations"]["description"] == "The system took 29s."


def _up(port: int) -> bool:
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/query", params={"query": "up == 1"})
    except httpx.HTTPError:
        return False
    return bool(answer.status_code == 200 and answer.json()["data"]["result"])


def _name(alert: dict[str, Any]) -> str:
    return str(alert["labels"]["alertname"])
