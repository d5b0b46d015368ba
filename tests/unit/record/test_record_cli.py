"""Promises of ``recovery-ops record`` and ``recovery-ops runs``, on moto."""

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from typer.testing import CliRunner

from recovery_ops.aws.object_store import S3ObjectStore, open_store
from recovery_ops.cli import record, runs, shelves
from recovery_ops.cli.shelves import Place
from recovery_ops.errors import RequestError, StepRejectedError
from recovery_ops.model.events import EventType
from recovery_ops.record.embedded import EmbeddedPostgres
from recovery_ops.record.log import EventLog
from recovery_ops.record.projection import Projection
from recovery_ops.record.spool import spool_of
from recovery_ops.testing.moto_alone import moto_alone
from recovery_ops.testing.runs import RUN_ID, full_run
from recovery_ops.testing.stores import InMemoryObjectStore, read_only

REGIONS = ("us-east-1", "us-west-2")
AT = ["--region", "us-west-2", "--bucket", "record-us-west-2"]
RUN = full_run()
KEYS = RUN.store.all_keys()


@pytest.fixture(scope="module", autouse=True)
def seeded() -> Iterator[None]:
    """Both buckets hold the whole run."""
    with moto_alone():
        for region in REGIONS:
            s3 = boto3.client("s3", region_name=region)
            where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            s3.create_bucket(Bucket=f"record-{region}", **where)
            for key in KEYS:
                open_store(f"record-{region}", region).put_new(key, RUN.store.body(key))
        yield


def cli(*words: str):
    app = {"record": record.app, "runs": runs.app}[words[0]]
    return CliRunner().invoke(app, list(words[1:]), env={"COLUMNS": "200"})


def shelf(*regions: str):
    return shelves.open_shelf("fraud", [Place(region, f"record-{region}") for region in regions])


@pytest.fixture
def damaged() -> Iterator[str]:
    """One event in the recovery region has another reason than it had."""
    key = next(key for key in KEYS if "/commit#1/" in key)
    s3 = boto3.client("s3", region_name="us-west-2")
    s3.put_object(Bucket="record-us-west-2", Key=key, Body=RUN.store.body(key).replace(b"policy", b"police"))
    yield key
    s3.put_object(Bucket="record-us-west-2", Key=key, Body=RUN.store.body(key))


def test_a_record_that_verifies_ends_with_zero() -> None:
    done = cli("record", "verify", "fraud", RUN_ID, *AT, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {
        "run_id": RUN_ID, "system": "fraud", "verified": True, "broken": [], "events": len(KEYS),
        "waiting": 0, "gaps": [],
    }  # fmt: skip


def test_a_record_that_does_not_verify_ends_with_one_and_names_the_key(damaged: str) -> None:
    done = cli("record", "verify", "fraud", RUN_ID, *AT)
    assert done.exit_code == 1
    assert f"{damaged}: changed" in done.stdout
    as_json = cli("record", "verify", "fraud", RUN_ID, *AT, "--json")
    assert (as_json.exit_code, json.loads(as_json.stdout)["verified"]) == (1, False)


def test_the_copy_in_another_region_is_compared(damaged: str) -> None:
    found = record._log_of(*shelf(*REGIONS), RUN_ID)
    reasons = {item.reason for item in record.verify_run(found) if item.key == damaged}
    assert "differs from mirror 0" in reasons


def test_the_record_is_judged_in_the_recovery_region_of_the_run() -> None:
    opened, found = shelf(*REGIONS)
    log = record._log_of(opened, found, RUN_ID)
    assert log.store.bucket == "record-us-west-2"


def test_a_region_that_does_not_answer_is_named_and_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    _, answering = shelf("us-west-2", "eu-west-1")
    assert [place.region for place in answering] == ["us-west-2"]
    assert "read without record-eu-west-1" in capsys.readouterr().err


def test_a_run_that_is_not_there_ends_with_two() -> None:
    for words in (("record", "verify"), ("runs", "show")):
        done = cli(*words, "fraud", "r-20990101-000000", *AT)
        assert done.exit_code == 2
        assert "has no run r-20990101-000000" in done.stderr


def test_a_bucket_without_a_region_ends_with_two() -> None:
    done = cli("runs", "list", "fraud", "--bucket", "record-us-west-2")
    assert (done.exit_code, "--region" in done.stderr) == (2, True)
    with pytest.raises(RequestError):
        shelves.places("fraud", None, "record-us-west-2")


def test_a_bucket_that_does_not_exist_is_an_error_with_the_exit_code_of_aws() -> None:
    done = cli("runs", "list", "fraud", "--region", "us-west-2", "--bucket", "nothing-here")
    assert done.exit_code == 3
    assert "Traceback" not in done.output


def test_runs_are_listed() -> None:
    assert RUN_ID in cli("runs", "list", "fraud", *AT).stdout
    (found,) = json.loads(cli("runs", "list", "fraud", *AT, "--json").stdout)
    assert (found["run_id"], found["outcome"], found["is_open"]) == (RUN_ID, "committed", False)


def test_a_run_is_shown_with_clocks_steps_and_checks() -> None:
    shown = cli("runs", "show", "fraud", RUN_ID, *AT).stdout
    assert all(word in shown for word in ("T9", "scoring.verify", "succeeded", "latency", "committed"))
    found = json.loads(cli("runs", "show", "fraud", RUN_ID, *AT, "--json").stdout)
    assert list(found["clocks"]) == [f"T{number}" for number in range(10)]


def test_brackets_in_texts_are_shown_as_they_are() -> None:
    run = full_run(run_id="r-20261123-0000aa")
    run.add(
        131, "fence#1", EventType.DEBT_NOTED, debt="fence", component="x", region="r", what="[redacted]", why="[bold]"
    )
    store = open_store("record-us-west-2", "us-west-2")
    for key in run.store.all_keys():
        store.put_new(key, run.store.body(key))
    assert "[redacted] ([bold])" in cli("runs", "show", "fraud", "r-20261123-0000aa", *AT).stdout
    for key in run.store.all_keys():
        boto3.client("s3", region_name="us-west-2").delete_object(Bucket="record-us-west-2", Key=key)


@pytest.fixture
def spooled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An event of the run waits in the spool of this machine."""
    monkeypatch.setenv("RECOVERY_OPS_SPOOL", str(tmp_path))
    refusing = InMemoryObjectStore()
    for key in KEYS:
        refusing.damage(key, RUN.store.body(key))
    refusing.before = read_only
    log = EventLog(refusing, "fraud", RUN_ID, spool=spool_of(tmp_path, "record-us-west-2", "fraud", RUN_ID))
    log.writer("person:bob").append(EventType.FENCED, {"what": "[a writer]"})
    yield RUN_ID
    s3 = boto3.client("s3", region_name="us-west-2")
    for key in s3.list_objects_v2(Bucket="record-us-west-2")["Contents"]:
        if key["Key"] not in KEYS:
            s3.delete_object(Bucket="record-us-west-2", Key=key["Key"])


def test_what_waits_is_counted_then_merged_then_shown_as_a_gap(spooled: str) -> None:
    waiting = cli("record", "verify", "fraud", spooled, *AT)
    assert (waiting.exit_code, "1 events wait in the spool" in waiting.stdout) == (0, True)
    assert "r-20261123-abcdef: 1 events merged into record-us-west-2" in cli("record", "merge", "fraud", *AT).stdout
    after = cli("record", "verify", "fraud", spooled, *AT, "--json")
    (gap,) = json.loads(after.stdout)["gaps"]
    assert (gap["events"], json.loads(after.stdout)["waiting"], after.exit_code) == (1, 0, 0)
    shown = cli("runs", "show", "fraud", spooled, *AT).stdout
    assert "record gap" in shown
    assert "1 events from" in shown
    assert "nothing waits" in cli("record", "merge", "fraud", *AT).stdout
    assert json.loads(cli("record", "merge", "fraud", *AT, "--json").stdout) == {"system": "fraud", "merged": []}


def test_a_merge_that_the_store_refuses_is_an_error_and_loses_nothing(
    spooled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_store: S3ObjectStore, key: str, _body: bytes) -> str:
        raise StepRejectedError(f"write {key}: AccessDenied")

    assert "nothing waits" in cli("record", "merge", "fraud", "r-20260101-000000", *AT).stdout
    with monkeypatch.context() as patch:
        patch.setattr(S3ObjectStore, "put_new", refuse)
        refused = cli("record", "merge", "fraud", *AT)
    assert (refused.exit_code, "AccessDenied" in refused.stderr) == (3, True)
    assert "1 events wait" in cli("record", "verify", "fraud", spooled, *AT).stdout


@pytest.mark.postgres
def test_the_projection_is_rebuilt_from_the_record(postgres: EmbeddedPostgres) -> None:
    postgres.create_database("rebuilt")
    url = postgres.url_of("rebuilt")
    done = cli("record", "rebuild", "fraud", *AT, "--database", url, "--json")
    assert json.loads(done.stdout) == {"system": "fraud", "runs": 1, "events": len(KEYS)}
    projection = Projection(url)
    assert [row.run_id for row in projection.runs("fraud")] == [RUN_ID]
    projection.close()


@pytest.mark.postgres
def test_a_database_is_made_ready_without_any_record(postgres: EmbeddedPostgres) -> None:
    postgres.create_database("ready")
    url = postgres.url_of("ready")
    for _ in range(2):
        assert json.loads(cli("record", "migrate", "--database", url, "--json").stdout) == {"migrated": True}
    projection = Projection(url)
    assert list(projection.runs("fraud")) == []
    projection.close()


@pytest.mark.parametrize("command", [("rebuild", "fraud", *AT), ("migrate",)], ids=lambda command: command[0])
def test_without_a_database_it_ends_with_two(command: tuple[str, ...]) -> None:
    done = cli("record", *command)
    assert (done.exit_code, "RECOVERY_OPS_DATABASE_URL" in done.stderr) == (2, True)
