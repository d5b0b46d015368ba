"""People own and accept findings on the command line; they cannot close one."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from recovery_ops.cli import findings
from recovery_ops.cli.app import app
from recovery_ops.model.drill_findings import Answer, entry_of, finding_id
from recovery_ops.record.findings import Findings
from recovery_ops.testing.stores import InMemoryObjectStore

FID = finding_id("fraud", "scoring", "latency", "p95")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> InMemoryObjectStore:
    made = InMemoryObjectStore()
    monkeypatch.setattr(findings, "_stores", lambda _system: [made])
    note(made, days_ago=20)
    return made


def note(store: InMemoryObjectStore, *, days_ago: float, passed: bool = False) -> None:
    answer = Answer(component="scoring", code="latency", subject="p95", passed=passed, message="too slow")
    Findings(store, "fraud").append(entry_of(answer, "fraud", "r-1", datetime.now(UTC) - timedelta(days=days_ago)))


def ran(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["findings", *args])
    return result.exit_code, result.output


def test_life_of_a_finding(store: InMemoryObjectStore) -> None:
    code, text = ran("list", "fraud", "--json")
    assert (code, json.loads(text)[0]["overdue"]) == (1, True)
    assert ran("assign", "fraud", FID, "--owner", "bob", "--due", "10", "--person", "alice")[0] == 0
    code, text = ran("list", "fraud", "--json")
    assert (code, json.loads(text)[0]["owner"]) == (0, "bob")
    code, text = ran("accept", "fraud", FID, "--days", "30", "--reason", "known", "--person", "carol")
    assert (code, "accepted until" in text) == (0, True)
    assert "carol: known" in ran("show", "fraud", FID)[1]
    note(store, days_ago=0, passed=True)
    assert json.loads(ran("list", "fraud", "--json")[1]) == []
    code, text = ran("assign", "fraud", FID, "--owner", "eve")
    assert (code, "was closed by r-1" in text) == (2, True)


def test_an_unknown_finding_is_refused(store: InMemoryObjectStore) -> None:
    assert ran("show", "fraud", "f-00000000")[0] == 2
