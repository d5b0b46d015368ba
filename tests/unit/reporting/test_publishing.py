"""Promises of publishing: from a record, damaged or not, to files on disk, beside it, and the command line."""

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from made_runs import MadeFailover
from typer.testing import CliRunner

from recovery_ops.aws.object_store import open_store
from recovery_ops.cli.report import app as command
from recovery_ops.errors import RecordError, RecordTamperedError, StepInterruptedError
from recovery_ops.model.events import EventType
from recovery_ops.model.runs import RunRef
from recovery_ops.record.log import EventLog
from recovery_ops.record.verify import verify_run
from recovery_ops.reporting import as_bytes, render
from recovery_ops.reporting.publish import files_of, publish, publish_log, report_of, store
from recovery_ops.testing.moto_alone import moto_alone

RUN_ID, SYSTEM, WEST = "r-20261123-abcdef", "fraud", "us-west-2"
BUCKET = "recovery-ops-record-us-west-2"


@pytest.fixture
def log() -> EventLog:
    made = MadeFailover()
    made.whole()
    return made.run.log


def test_the_files_are_the_report_and_its_page(log: EventLog, tmp_path: Path) -> None:
    made = publish_log(log, tmp_path / "out" / "demo")
    assert (tmp_path / "out" / "demo" / "report.json").read_bytes() == as_bytes(made)
    assert (tmp_path / "out" / "demo" / "report.html").read_text() == render(made)


def test_both_files_lie_beside_the_record_and_the_record_still_verifies(log: EventLog) -> None:
    made = publish_log(log)
    kept = log.store.list(f"systems/{SYSTEM}/runs/{RUN_ID}/report/")
    assert [key.rpartition("/")[2] for key in kept] == ["report.html", "report.json"]
    assert log.store.get(kept[1])[0] == as_bytes(made)
    assert verify_run(log) == []


def failures(log: EventLog) -> list[str]:
    return [str(event.payload["why"]) for event in log.events() if event.type is EventType.REPORT_FAILED]


def test_a_report_that_cannot_be_written_is_an_event_with_its_cause(log: EventLog, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RecordError, match="cannot be written"):
        publish_log(log, tmp_path / "file")
    (why,) = failures(log)
    assert "cannot be written to" in why
    assert verify_run(log) == []


def test_a_page_that_cannot_be_made_is_an_event_too(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_report: object) -> str:
        raise ZeroDivisionError("no width")

    monkeypatch.setattr("recovery_ops.reporting.publish.render", broken)
    with pytest.raises(ZeroDivisionError):
        publish_log(log)
    assert failures(log) == ["ZeroDivisionError: no width"]


def test_a_report_that_was_made_leaves_no_event(log: EventLog) -> None:
    publish_log(log)
    assert failures(log) == []


def test_publishing_again_changes_nothing(log: EventLog) -> None:
    assert publish_log(log) == publish_log(log)
    assert store(log, report_of(log), files_of(report_of(log))) == []


def test_a_report_of_more_events_lies_beside_the_one_before(log: EventLog) -> None:
    publish_log(log)
    log.anchor("close#1")
    publish_log(log)
    assert len(log.store.list(f"systems/{SYSTEM}/runs/{RUN_ID}/report/")) == 4


def test_a_store_that_takes_no_report_does_not_cost_the_report(log: EventLog, tmp_path: Path) -> None:
    def refuse(operation: str, key: str) -> None:
        if "/report/" in key:
            raise StepInterruptedError("no answer")

    log.store.before = refuse
    made = publish_log(log, tmp_path)
    assert made["verdict"] == "pass"
    assert (tmp_path / "report.json").exists()
    assert [miss.partition(": ")[2] for miss in store(log, made, files_of(made))] == ["no answer", "no answer"]


def test_a_changed_event_makes_the_verdict_fail(log: EventLog) -> None:
    key = next(key for key in log.store.list("") if "/commit#1/000002" in key)
    log.store.damage(key, log.store.get(key)[0].replace(b"policy", b"police"))
    made = publish_log(EventLog(log.store, SYSTEM, RUN_ID))
    assert made["verdict"] == "fail"
    assert key in {item["key"] for item in made["identity"]["broken"]}


def test_an_event_that_cannot_be_read_at_all_is_said_clearly(log: EventLog) -> None:
    key = next(key for key in log.store.list("") if "/commit#1/000002" in key)
    log.store.damage(key, b"{")
    with pytest.raises(RecordTamperedError, match="no report of run r-20261123-abcdef of fraud was made"):
        publish_log(EventLog(log.store, SYSTEM, RUN_ID))


def test_a_run_without_events_has_no_report(log: EventLog) -> None:
    with pytest.raises(RecordError, match="no events"):
        publish_log(EventLog(log.store, SYSTEM, "r-20261123-000000"))


def test_a_folder_that_cannot_be_written_is_said_clearly(log: EventLog, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="cannot be written"):
        publish_log(log, tmp_path / "file")


@pytest.fixture
def bucket(log: EventLog) -> Iterator[None]:
    with moto_alone():
        s3 = boto3.client("s3", region_name=WEST)
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": WEST})
        for key in log.store.list(""):
            open_store(BUCKET, WEST).put_new(key, log.store.get(key)[0])
        yield


def cli(*words: str):
    return CliRunner().invoke(command, list(words), env={"COLUMNS": "200"})


WHERE = ["--system", SYSTEM, "--region", WEST, "--bucket", BUCKET]


def test_a_run_is_found_by_its_ref(bucket: None, log: EventLog, tmp_path: Path) -> None:
    ref = RunRef(system=SYSTEM, run_id=RUN_ID, recovery_region=WEST, impaired_region="us-east-1", record_bucket=BUCKET)
    assert as_bytes(publish(ref, tmp_path)) == as_bytes(report_of(log))
    assert (tmp_path / "report.html").exists()


def test_the_command_prints_the_verdict_and_where_the_page_is(bucket: None, tmp_path: Path) -> None:
    done = cli(RUN_ID, *WHERE, "--out", str(tmp_path))
    assert done.exit_code == 0, done.output
    assert "verdict: pass" in done.output
    assert str(tmp_path / "report.html") in done.output.replace("\n", "")


def test_the_command_prints_the_whole_report_as_json(bucket: None, log: EventLog) -> None:
    done = cli(RUN_ID, *WHERE, "--json")
    assert json.loads(done.output) == json.loads(as_bytes(report_of(log)))


def test_a_fail_ends_the_command_with_one_and_its_reasons(bucket: None, log: EventLog) -> None:
    key = next(key for key in log.store.list("") if "/commit#1/000002" in key)
    boto3.client("s3", region_name=WEST).put_object(
        Bucket=BUCKET, Key=key, Body=log.store.get(key)[0].replace(b"policy", b"police")
    )
    done = cli(RUN_ID, *WHERE)
    assert done.exit_code == 1
    assert "record: the record does not verify" in done.output


def test_an_unknown_run_ends_the_command_with_two(bucket: None) -> None:
    done = cli("r-20261123-000000", *WHERE)
    assert done.exit_code == 2
    assert "has no run" in done.output
