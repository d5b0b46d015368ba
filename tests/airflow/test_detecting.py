"""What Airflow makes of a judgment: the DAG, the trigger of alarms, messages. No Airflow runs here."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException, DagRunTriggerException
from catalogs import catalog_text, load
from fake_library import lost_region

from recovery_ops.airflow import detecting, notifying
from recovery_ops.airflow.dags import detect_dag, system_dags
from recovery_ops.airflow.form import FIELDS
from recovery_ops.aws.alarms import AlarmChange
from recovery_ops.errors import StepInterruptedError
from recovery_ops.model.detection import Channel, Notify
from recovery_ops.model.system import System

SECTION = """\
detection: {signals: [name, front-door, aws], quorum: 2, queue: alarms, mode: automatic}
notify:
  - {channel: webhook, target: "env:TEST_PAGER"}
components:
"""


@pytest.fixture
def watched(tmp_path: Path) -> System:
    return load(tmp_path, catalog_text("ranking").replace("components:\n", SECTION, 1))


def test_only_a_system_that_is_watched_has_the_dag(watched: System) -> None:
    dag_file = Path(watched.source).with_suffix(".py")
    dag_file.write_text("")
    assert "detect__ranking" in system_dags(str(dag_file))
    Path(watched.source).write_text(catalog_text("ranking"))
    assert "detect__ranking" not in system_dags(str(dag_file))


def test_every_region_has_a_watcher_of_its_queue_and_the_clock_is_the_second_path(watched: System) -> None:
    assert watched.detection is not None
    assets = detecting.alarm_assets(watched, watched.detection)
    assert [asset.watchers[0].trigger.serialize()[1] for asset in assets] == [
        {"queue": "alarms", "region": region} for region in watched.regions
    ]
    dag = detect_dag(watched, watched.detection)
    assert type(dag.timetable).__name__ == "AssetOrTimeSchedule"
    assert set(dag.task_ids) == {"judge", "fail-over", "tell"}
    assert detecting.alarm_assets(watched, replace(watched.detection, queue="")) == []


class Ti:
    """A task instance that pulls the judgment."""

    def __init__(self, judgment: Any) -> None:
        self.judgment = judgment

    def xcom_pull(self, task_ids: str) -> Any:
        return self.judgment

    def xcom_push(self, **_: Any) -> None:
        """Nobody reads links here."""


def test_a_lost_region_triggers_the_failover_of_its_incident_once() -> None:
    judgment = lost_region({})
    operator = detecting.FailOverOperator(task_id="fail-over", trigger_dag_id="failover__ranking")
    with pytest.raises(DagRunTriggerException) as asked:
        operator.execute({"ti": Ti(judgment)})
    assert asked.value.dag_run_id == judgment["dag_run_id"]
    assert asked.value.skip_when_already_exists
    assert set(asked.value.conf) <= set(FIELDS)
    assert asked.value.conf["impact_at"] == judgment["impact_at"]
    assert asked.value.conf["person"] == "policy:automatic"


@pytest.mark.parametrize("decision", ["advise", "nothing"])
def test_whatever_is_not_decided_triggers_nothing(decision: str) -> None:
    operator = detecting.FailOverOperator(task_id="fail-over", trigger_dag_id="failover__ranking")
    with pytest.raises(AirflowSkipException, match="a region is gone"):
        operator.execute({"ti": Ti(lost_region({"decision": decision}))})


def change(key: str, facts: Any = None) -> AlarmChange:
    return AlarmChange(key=key, receipt=f"r-{key}", facts={"AlarmName": key} if facts is None else facts)


def test_a_change_fires_once_is_deleted_after_it_and_silence_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Any] = [[change("a"), change("junk", {})], StepInterruptedError("dark"), [change("a"), change("b")]]
    forgotten: list[str] = []

    def receive(_queue: str, _region: str) -> list[AlarmChange]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return list(answer)

    monkeypatch.setattr(detecting, "receive", receive)
    monkeypatch.setattr(detecting, "forget", lambda _queue, receipt, _region: forgotten.append(receipt))
    monkeypatch.setattr(detecting, "PAUSE_S", 0.0)

    async def first_two() -> list[tuple[str, list[str]]]:
        events = detecting.AlarmQueueTrigger(queue="q", region="us-west-2").run()
        return [((await anext(events)).payload["AlarmName"], list(forgotten)) for _ in range(2)]

    assert asyncio.run(first_two()) == [("a", []), ("b", ["r-a", "r-junk", "r-a"])]


@contextmanager
def webhook(status: int) -> Iterator[tuple[str, list[Any]]]:
    got: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/page", got
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def mail_server() -> Iterator[tuple[int, list[str]]]:
    """Speak just enough SMTP to take one message."""
    import socket

    lines: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rw", newline="\r\n") as wire:
            in_body = False
            print("220 test", file=wire, flush=True)
            for line in wire:
                lines.append(line.strip())
                if in_body and lines[-1] != ".":
                    continue
                in_body = lines[-1].upper() == "DATA"
                if lines[-1].upper() == "QUIT":
                    print("221 bye", file=wire, flush=True)
                    return
                print("354 go on" if in_body else "250 fine", file=wire, flush=True)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], lines
        thread.join(5)
    finally:
        listener.close()


def test_everybody_is_told_whoever_fails(watched: System, monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook(200) as (url, got), webhook(500) as (broken, _), mail_server() as (port, lines):
        monkeypatch.setenv("TEST_PAGER", url)
        monkeypatch.setenv("RECOVERY_OPS_SMTP", f"smtp://127.0.0.1:{port}")
        places = (
            Notify(channel=Channel.WEBHOOK, target=broken, audience="internal"),
            Notify(channel=Channel.WEBHOOK, target="env:NOT_SET", audience="internal"),
            Notify(channel=Channel.SMTP, target="sre@example.com", audience="customers"),
            Notify(channel=Channel.WEBHOOK, target="env:TEST_PAGER", audience="internal"),
        )
        told = notifying.tell(replace(watched, notify=places), "declared", detecting.facts_of(lost_region({})))
    assert [entry["state"] for entry in told] == ["failed", "failed", "sent", "sent"]
    assert "us-east-1" in got[0]["text"]
    assert any("sre@example.com" in line for line in lines)
    assert any(line.startswith("Subject:") for line in lines)


def test_a_notifier_never_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise RuntimeError("the library is gone")

    monkeypatch.setattr(notifying, "library", broken)
    notifying.RunNotifier(system="ranking", moment="declared").notify({"ti": Ti(None)})
