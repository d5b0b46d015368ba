"""Invocations: real predictions, honest errors, what a dead region does to them, and how fast they are."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from tiny_models import archive, onnx_model

from recovery_ops.sandbox.clock import ScaledClock
from recovery_ops.sandbox.control import Control
from recovery_ops.sandbox.process import RunningSandbox, running_sandbox
from recovery_ops.sandbox.sagemaker.archive import ArtifactError
from recovery_ops.sandbox.sagemaker.fleet import MAX_RUNNING, Fleet
from recovery_ops.sandbox.world import World

pytestmark = pytest.mark.sandbox
REGION = "us-west-2"
TYPE = "ml.c6i.2xlarge"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), factor=0.001) as started:
        yield started


@pytest.fixture
def control(sandbox: RunningSandbox) -> Iterator[Control]:
    control = Control(sandbox.base_url)
    yield control
    control.heal()


def client(sandbox: RunningSandbox, service: str) -> Any:
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=sandbox.base_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, user_agent_extra="recovery-ops-test/1"),
    )


@pytest.fixture(scope="module")
def runtime(sandbox: RunningSandbox) -> Any:
    """An endpoint ``scoring`` in service, asked through the returned client."""
    s3, sagemaker = client(sandbox, "s3"), client(sandbox, "sagemaker")
    s3.create_bucket(Bucket="models", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="models", Key="model.tar.gz", Body=archive({"model.onnx": onnx_model(1.0)}))
    container = {"ModelDataUrl": "s3://models/model.tar.gz"}
    sagemaker.create_model(ModelName="scoring", ExecutionRoleArn="arn:aws:iam::1:role/r", PrimaryContainer=container)
    variant = {"VariantName": "main", "ModelName": "scoring", "InstanceType": TYPE, "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName="scoring", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="scoring", EndpointConfigName="scoring")
    until(lambda: sagemaker.describe_endpoint(EndpointName="scoring")["EndpointStatus"] == "InService")
    return client(sandbox, "sagemaker-runtime")


def until(true: Any, within_s: float = 20.0) -> None:
    ends = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.02)


def ask(runtime: Any, body: bytes = b"1,2\n3,4", kind: str = "text/csv", **more: Any) -> Any:
    return runtime.invoke_endpoint(EndpointName="scoring", ContentType=kind, Body=body, **more)


def answers(runtime: Any) -> bool:
    try:
        return ask(runtime)["ResponseMetadata"]["HTTPStatusCode"] == 200
    except (ClientError, ConnectionClosedError):
        return False


def test_rows_are_scored_by_the_model_as_csv_and_as_json(runtime: Any) -> None:
    csv = ask(runtime)
    assert csv["Body"].read() == b"3.0\n7.0"
    assert csv["InvokedProductionVariant"] == "main"
    answer = ask(runtime, json.dumps({"instances": [[1, 2], [3, 4]]}).encode(), "application/json")
    assert json.loads(answer["Body"].read()) == {"predictions": [3.0, 7.0]}


def test_an_unknown_endpoint_or_variant_is_a_validation_error(runtime: Any) -> None:
    for arguments in ({"EndpointName": "nobody"}, {"EndpointName": "scoring", "TargetVariant": "nobody"}):
        with pytest.raises(ClientError) as caught:
            runtime.invoke_endpoint(ContentType="text/csv", Body=b"1,2", **arguments)
        assert caught.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize("body", [b"not,numbers", b"1,2,3", b""])
def test_what_the_model_cannot_read_is_a_model_error(runtime: Any, body: bytes) -> None:
    with pytest.raises(ClientError) as caught:
        ask(runtime, body)
    answer = caught.value.response
    assert (answer["Error"]["Code"], answer["OriginalStatusCode"]) == ("ModelError", 400)


def test_a_dead_region_resets_invocations_and_serves_again_when_it_heals(runtime: Any, control: Control) -> None:
    assert control.status()["containers"] == {REGION: 1}
    control.fault(region=REGION, mode="reset")
    with pytest.raises(ConnectionClosedError):
        ask(runtime)
    until(lambda: control.status()["containers"] == {})
    control.heal()
    assert ask(runtime)["Body"].read() == b"3.0\n7.0"


def test_a_stopped_container_is_a_model_error_until_it_is_started(runtime: Any, control: Control) -> None:
    control.damage(what="endpoint-stop", region=REGION, endpoint="scoring")
    with pytest.raises(ClientError) as caught:
        ask(runtime)
    assert caught.value.response["Error"]["Code"] == "ModelError"
    control.damage(what="endpoint-start", region=REGION, endpoint="scoring")
    assert answers(runtime)


def test_injected_latency_is_felt_and_ends(runtime: Any, control: Control) -> None:
    control.damage(what="endpoint-latency", region=REGION, endpoint="scoring", ms=200)
    began = time.monotonic()
    ask(runtime)
    assert time.monotonic() - began >= 0.2
    control.damage(what="endpoint-latency", region=REGION, endpoint="scoring", ms=0)
    began = time.monotonic()
    ask(runtime)
    assert time.monotonic() - began < 0.2


def test_a_snapshot_brings_the_endpoint_back_with_its_model(
    runtime: Any, sandbox: RunningSandbox, control: Control, tmp_path: Path
) -> None:
    control.snapshot(path=tmp_path / "world.snapshot")
    client(sandbox, "sagemaker").delete_endpoint(EndpointName="scoring")
    assert not answers(runtime)
    control.restore(path=tmp_path / "world.snapshot")
    assert ask(runtime)["Body"].read() == b"3.0\n7.0"


def test_two_hundred_invocations_a_second_are_served(runtime: Any, sandbox: RunningSandbox) -> None:
    """Measured without boto3, whose own work per call would be most of it."""
    signed = (
        "AWS4-HMAC-SHA256 Credential=test/20261123/us-west-2/sagemaker/aws4_request, SignedHeaders=host, Signature=0"
    )
    headers = {"Authorization": signed, "Content-Type": "text/csv", "User-Agent": "recovery-ops-test/1"}

    def hundred(_: int) -> None:
        connection = http.client.HTTPConnection(urlsplit(sandbox.base_url).netloc)
        for _ in range(100):
            connection.request("POST", "/endpoints/scoring/invocations", b"1,2", headers)
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b"3.0")
        connection.close()

    ask(runtime)
    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(hundred, range(4)))
    assert 400 / (time.monotonic() - began) >= 200


def test_a_container_ends_with_its_parent(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(onnx_model(1.0))
    parent = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from recovery_ops.sandbox.sagemaker.process import Process\n"
        "print(Process(Path(sys.argv[1]), Path(sys.argv[1], 'log')).pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", parent, str(tmp_path)], check=False, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL
    pid = int(done.stdout)
    try:
        until(lambda: not psutil.pid_exists(pid))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    clock = ScaledClock(0.0)
    fleet = Fleet(World(regions=(REGION,), clock=clock))
    yield fleet
    fleet.stop()
    clock.stop()


def test_no_more_containers_run_than_a_laptop_bears_and_all_still_answer(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recovery_ops.sandbox.sagemaker.fleet.MAX_RUNNING", 2)
    assert MAX_RUNNING >= 4
    packed = archive({"model.onnx": onnx_model(1.0)})
    servers = [fleet.deploy(REGION, "main", packed, "s3://models/m") for _ in range(3)]
    assert fleet.running() == {REGION: 2}
    assert [server.ask(b"1,2", "text/csv")[2] for server in servers] == [b"3.0"] * 3
    assert fleet.running() == {REGION: 2}


def test_nothing_is_written_outside_of_the_models_own_directory(fleet: Fleet) -> None:
    with pytest.raises(ArtifactError, match="leads outside"):
        fleet.deploy(REGION, "main", archive({"../../escaped": b"x"}), "s3://models/m")
    assert list(fleet.directory.iterdir()) == []
    assert not (fleet.directory.parent / "escaped").exists()
