"""Runners in processes of their own against one record: who may act, who takes over, and who has to stop."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sandbox_clients import Aws, eventually

from recovery_ops.execution.leases import Guard
from recovery_ops.model.events import Event, EventType

pytestmark = pytest.mark.sandbox
CHILD = Path(__file__).with_name("run_child.py")
REGIONS = ("us-east-1", "us-west-2", "eu-west-1")


class Runner:
    """One child process; its lines of JSON are read as they come."""

    def __init__(self, folder: Path, base_url: str, wanted: dict[str, Any]) -> None:
        settings = {
            "AWS_ENDPOINT_URL": base_url, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
            "RECOVERY_OPS_TIME_FACTOR": "0.001", "AWS_EC2_METADATA_DISABLED": "true",
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, str(CHILD), str(folder), json.dumps(wanted)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ | settings,
        )  # fmt: skip

    def line(self, key: str) -> Any:
        """Return what the next line that has ``key`` says under it."""
        assert self.process.stdout is not None
        for text in self.process.stdout:
            if not text.startswith("{"):
                continue  # a line of the log
            facts = json.loads(text)
            assert key == "error" or "error" not in facts, facts
            if key in facts:
                return facts if key == "error" else facts[key]
        raise AssertionError(f"the runner ended without saying {key}")

    def result(self) -> dict[str, Any]:
        """Return the last line of a runner that ends."""
        out, _ = self.process.communicate(timeout=60)
        found: dict[str, Any] = json.loads([text for text in out.splitlines() if text.startswith("{")][-1])
        return found

    def stop(self, number: int) -> None:
        self.process.send_signal(number)


class Place:
    """A system of its own in the shared sandbox."""

    def __init__(self, name: str, folder: Path, aws: Aws) -> None:
        self.name, self.folder, self.aws = name, folder, aws
        self.runners: list[Runner] = []
        for region in REGIONS:
            where = {} if region == REGIONS[0] else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            aws.client("s3", region).create_bucket(Bucket=f"{name}-{region}", **where)
        versioned = {"Status": "Enabled"}
        aws.client("s3", REGIONS[1]).put_bucket_versioning(
            Bucket=f"{name}-{REGIONS[1]}", VersioningConfiguration=versioned
        )

    def runner(self, person: str, **wanted: Any) -> Runner:
        made = Runner(self.folder, self.aws.base_url, {"system": self.name, "person": person} | wanted)
        self.runners.append(made)
        return made

    def let(self, name: str) -> None:
        (self.folder / name).touch()

    def let_late(self, name: str) -> None:
        """Let go of ``name`` when no look at a claim is fresh any more: until then a call may go out unchecked."""
        time.sleep(Guard.FRESH_S)
        self.let(name)

    def keys(self, prefix: str, region: str = REGIONS[1]) -> list[str]:
        s3 = self.aws.client("s3", region)
        found = s3.list_objects_v2(Bucket=f"{self.name}-{region}", Prefix=prefix).get("Contents", [])
        return [item["Key"] for item in found]

    def made(self, run: str) -> list[str]:
        return [key.rpartition("/")[2] for key in self.keys(f"made/{run}/")]

    def versions(self, key: str) -> int:
        """Return how often ``key`` was written."""
        s3 = self.aws.client("s3", REGIONS[1])
        return len(s3.list_object_versions(Bucket=f"{self.name}-{REGIONS[1]}", Prefix=key)["Versions"])

    def claim(self, slot: str = "production") -> dict[str, Any]:
        s3 = self.aws.client("s3", REGIONS[1])
        body = s3.get_object(Bucket=f"{self.name}-{REGIONS[1]}", Key=f"systems/{self.name}/claims/{slot}.json")["Body"]
        found: dict[str, Any] = json.loads(body.read())
        return found

    def events(self, run: str, writer: str) -> list[Event]:
        s3 = self.aws.client("s3", REGIONS[1])
        bucket = f"{self.name}-{REGIONS[1]}"
        keys = self.keys(f"systems/{self.name}/runs/{run}/events/{writer}")
        return [Event.from_json(json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())) for key in keys]


@pytest.fixture
def place(aws: Aws, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    made = Place(f"sys{abs(hash(request.node.name)) % 10**8}", tmp_path, aws)
    yield made
    for runner in made.runners:
        if runner.process.poll() is None:
            runner.process.kill()
        runner.process.communicate()


def expired(place: Place) -> Callable[[], bool]:
    from datetime import UTC, datetime

    return lambda: datetime.fromisoformat(place.claim()["until"]) <= datetime.now(UTC)


@pytest.mark.parametrize("targets", [("us-west-2", "us-west-2", "us-west-2"), ("us-west-2", "eu-west-1")])
def test_of_runs_declared_at_the_same_moment_exactly_one_is_opened(place: Place, targets: tuple[str, ...]) -> None:
    people = [place.runner(f"person{number}", to=to, barrier="now") for number, to in enumerate(targets)]
    for one in people:
        assert one.line("ready")
    place.let("now")
    results = [one.result() for one in people]
    (winner,) = (result["run"] for result in results if "run" in result)
    refused = [result for result in results if "run" not in result]
    assert {result["error"] for result in refused} == {"RunActiveError"}
    for result in refused:
        facts = result["facts"]
        assert facts["run_id"] == winner
        assert facts["holder"] == f"person{[item.get('run') for item in results].index(winner)}"
        assert facts["since"] in result["message"]


def test_a_runner_that_wakes_late_changes_nothing_any_more(place: Place) -> None:
    late = place.runner("alice", carry_on=True, waits="second", lease_s=1.0)
    run = late.line("run")
    late.line("wrote")
    late.stop(signal.SIGSTOP)
    eventually(expired(place))
    assert place.made(run) == ["first"]
    other = place.runner("bob").result()["run"]
    place.let_late("second")
    late.stop(signal.SIGCONT)
    late.line("outcome")
    assert place.made(run) == ["first"]
    (failed,) = (item for item in place.events(run, "thing.rehydrate") if item.type is EventType.STEP_FAILED)
    assert failed.payload["error"]["type"] == "ClaimLostError"
    assert other in failed.payload["error"]["message"]
    assert [item.payload["by_run"] for item in place.events(run, "person:bob")] == [other]
    assert place.claim()["run_id"] == other


def test_a_lease_lasts_as_long_as_its_runner_works(place: Place) -> None:
    place.runner("alice", carry_on=True, waits="second", lease_s=1.0).line("wrote")
    before = place.claim()["until"]
    eventually(lambda: place.claim()["until"] > before)
    refused = place.runner("bob").result()
    assert (refused["error"], refused["facts"]["holder"]) == ("RunActiveError", "alice")


def test_a_runner_that_was_killed_is_taken_over_at_once_and_a_living_one_never(place: Place) -> None:
    first = place.runner("alice", carry_on=True, waits="second")
    run = first.line("run")
    first.line("wrote")
    refused = place.runner("bob", take_over=run).result()
    assert refused["error"] == "RunActiveError"
    assert f"/{first.process.pid}/" in refused["message"]
    first.stop(signal.SIGKILL)
    first.process.wait()
    place.let("second")
    second = place.runner("bob", take_over=run, carry_on=True)
    assert second.result() == {"outcome": "failed"}  # a run of one component commits nothing
    assert place.made(run) == ["first", "second"]
    (taken,) = place.events(run, "person:bob")
    assert (taken.type, taken.payload["from_execution"], taken.payload["epoch"]) == (
        EventType.RUN_TAKEN_OVER,
        "direct",
        2,
    )
    (closed,) = (item for item in place.events(run, "close") if item.type is EventType.RUN_CLOSED)
    assert closed.payload["released"] is True


def test_what_airflow_lost_is_taken_over_when_its_lease_is_over_and_airflow_stays_out(place: Place) -> None:
    lost = place.runner("alice", acts_as="airflow:manual__1", carry_on=True, waits="second", lease_s=1.5)
    run = lost.line("run")
    lost.line("wrote")
    refused = place.runner("bob", take_over=run).result()
    assert refused["error"] == "RunActiveError"
    lost.stop(signal.SIGSTOP)
    eventually(expired(place))
    taking = place.runner("bob", take_over=run, carry_on=True, waits="second")
    taking.line("wrote")
    place.let_late("second")
    lost.stop(signal.SIGCONT)
    assert taking.result() == {"outcome": "failed"}
    assert "outcome" in lost.result()
    types = [item.payload["error"]["type"] for item in failures(place, run)]
    assert types == ["ClaimLostError"]
    assert place.versions(f"made/{run}/second") == 1  # both would have written it
    assert len([item for item in place.events(run, "close") if item.type is EventType.RUN_CLOSED]) == 1


def test_an_attempt_that_airflow_lost_sight_of_changes_nothing_once_the_next_has_begun(place: Place) -> None:
    """The same DAG run, the same claim, two processes: Airflow resets a task whose process still lives."""
    late = place.runner("alice", acts_as="airflow:manual__1", step="thing.rehydrate", attempt=1, waits="second")
    run = late.line("run")
    late.line("wrote")
    late.stop(signal.SIGSTOP)
    again = place.runner("alice", acts_as="airflow:manual__1", go_on=run, step="thing.rehydrate", attempt=2)
    assert again.result() == {"outcome": "succeeded"}
    place.let_late("second")
    late.stop(signal.SIGCONT)
    refused = late.result()
    assert (refused["error"], "attempt 2 of thing.rehydrate has begun" in refused["message"]) == (
        "ClaimLostError",
        True,
    )
    assert (place.versions(f"made/{run}/first"), place.versions(f"made/{run}/second")) == (2, 1)


def failures(place: Place, run: str) -> list[Event]:
    return [item for item in place.events(run, "thing") if item.type is EventType.STEP_FAILED]


def test_a_real_run_takes_the_place_of_a_drill_whose_clean_up_waits(place: Place) -> None:
    drill = place.runner("carol", mode="drill", carry_on=True, waits="second")
    run = drill.line("run")
    drill.line("wrote")
    real = place.runner("alice", carry_on=True, waits="third")
    winner = real.line("run")
    place.let_late("second")
    drill.line("outcome")
    assert place.made(run) == ["first"]
    assert [item.payload["by_run"] for item in place.events(run, "person:alice")] == [winner]
    assert [item.payload["error"]["type"] for item in failures(place, run)] == ["ClaimLostError"]
    place.let("third")
    real.result()
    assert len(place.made(winner)) == 2
    cleaning = place.runner("carol", take_over=run, carry_on=True).result()
    assert cleaning == {"outcome": "abandoned"}
    assert place.made(run) == ["first"]
