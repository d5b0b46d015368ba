"""The parts of the sandbox that need no process: naming of requests, faults, scaled time, durations."""

import gc
import threading
import weakref
from typing import Any

import pytest
from moto.s3.models import FakeBucket

from recovery_ops.sandbox import durations, locks, operations
from recovery_ops.sandbox.clock import ScaledClock
from recovery_ops.sandbox.durations import DURATIONS
from recovery_ops.sandbox.faults import Fault, Faults
from recovery_ops.sandbox.gate import Gate
from recovery_ops.sandbox.moto_app import MotoApp
from recovery_ops.sandbox.patching import original
from recovery_ops.sandbox.world import ACCOUNT, World


@pytest.mark.parametrize(
    ("service", "method", "path", "query", "name"),
    [
        ("s3", "GET", "/", {}, "ListBuckets"),
        ("s3", "GET", "/b/", {"list-type": "2", "prefix": "x"}, "ListObjectsV2"),
        ("s3", "GET", "/b", {"prefix": "x"}, "ListObjects"),
        ("s3", "PUT", "/b/deep/key", {"retention": "", "versionId": "v"}, "PutObjectRetention"),
        ("s3", "PUT", "/b/k", {"partNumber": "1", "uploadId": "u"}, "UploadPart"),
        ("s3", "POST", "/b/k", {"uploadId": "u"}, "CompleteMultipartUpload"),
        ("s3", "GET", "/b", {"analytics": "", "id": "a"}, "GetBucketAnalyticsConfiguration"),
        ("route53", "POST", "/2013-04-01/hostedzone/Z1/rrset/", {}, "ChangeResourceRecordSets"),
        ("apigateway", "GET", "/restapis/a1/stages/live", {}, "GetStage"),
        ("sagemaker-runtime", "POST", "/endpoints/e/invocations", {}, "InvokeEndpoint"),
    ],
)
def test_a_request_is_named_as_botocore_names_it(
    service: str, method: str, path: str, query: dict[str, str], name: str
) -> None:
    found = operations.find(service, method, path, query, frozenset())
    assert found is not None
    assert found.name == name


def test_a_copy_is_told_from_a_put_by_its_header() -> None:
    names = [operations.find("s3", "PUT", "/b/k", {}, frozenset(headers)) for headers in ((), ("x-amz-copy-source",))]
    assert [found.name for found in names if found] == ["PutObject", "CopyObject"]


def test_parameters_that_an_operation_does_not_have_are_named() -> None:
    query = {"versionId": "v", "X-Amz-Date": "d", "sparkle": ""}
    found = operations.find("s3", "GET", "/b/k", query, frozenset())
    assert found is not None
    assert found.unknown(query) == ["sparkle"]


def test_what_nobody_describes_has_no_name() -> None:
    assert operations.find("s3", "PATCH", "/b/k", {}, frozenset()) is None
    assert operations.find("no-such-service", "GET", "/", {}, frozenset()) is None


def test_the_clock_runs_what_is_due_in_order_of_time() -> None:
    clock, order, done = ScaledClock(0.001), [], threading.Event()
    clock.later(50, lambda: (order.append("second"), done.set()))
    clock.later(10, lambda: order.append("first"))
    clock.later(20, lambda: 1 / 0)
    assert done.wait(5)
    assert order == ["first", "second"]
    clock.stop()


def test_a_fault_replaces_the_one_for_the_same_region_and_services() -> None:
    faults = Faults()
    for mode in ("reset", "503"):
        faults.inject(Fault(region="r", mode=mode))
    faults.inject(Fault(region="r", mode="throttle", services=frozenset({"s3"})))
    assert sorted(fault.mode for fault in faults.all()) == ["503", "throttle"]
    assert faults.is_down("r")
    faults.heal("r")
    assert not faults.is_down("r")


def test_probability_is_the_share_that_is_hit() -> None:
    fault = Fault(region="r", mode="503", probability=0.3)
    hits = sum(fault.hits("s3", "") for _ in range(2000))
    assert 450 < hits < 750


def test_a_region_that_fails_for_some_callers_or_sometimes_is_not_down() -> None:
    faults = Faults()
    faults.inject(Fault(region="r", mode="503", probability=0.5))
    faults.inject(Fault(region="q", mode="503", callers="drill"))
    assert not faults.is_down("r")
    assert not faults.is_down("q")


def test_every_duration_has_a_source() -> None:
    for name, duration in DURATIONS.items():
        assert duration.seconds >= 0, name
        assert duration.source.startswith("estimate: ") or "https://docs.aws.amazon.com" in duration.source, name


@pytest.mark.parametrize(
    ("instance_type", "seconds"), [("ml.c6i.2xlarge", 300), ("ml.g5.xlarge", 480), ("ml.p4d.24xlarge", 480)]
)
def test_accelerated_instances_take_longer_to_start(instance_type: str, seconds: float) -> None:
    assert durations.endpoint_create_s(instance_type) == seconds


def test_a_duration_that_is_not_in_the_table_is_refused_with_what_is() -> None:
    with pytest.raises(KeyError, match=r"no modelled duration 's4'.*s3\.replication\.lag"):
        durations.seconds("s4")


def test_locks_are_taken_in_one_order_whatever_order_is_asked() -> None:
    world = World(regions=("r",), clock=ScaledClock(0))
    together, done = threading.Barrier(2), []

    def take(*names: str) -> None:
        together.wait(5)
        for _ in range(500):
            with locks.of(*names):
                done.append(names)

    threads = [threading.Thread(target=take, args=names, daemon=True) for names in (("x", "y"), ("y", "x"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(done) == 1000
    world.clock.stop()


def test_a_symbol_that_moto_no_longer_has_is_noticed_at_start() -> None:
    with pytest.raises(AttributeError, match="written for the pinned version of moto"):
        original(World, "not_there")


def test_what_was_deleted_is_forgotten() -> None:
    MotoApp()
    bucket = FakeBucket("b", ACCOUNT, "us-east-1")
    seen = weakref.ref(bucket)
    del bucket
    gc.collect()
    assert seen() is None


def test_what_is_not_modelled_is_decided_by_service_region_and_operation() -> None:
    world = World(regions=("us-east-1",), clock=ScaledClock(0))
    gate = Gate(world, {"s3": frozenset({"GetObject"})}, {"ssm": frozenset({"SendCommand"})})

    def answer(**given: Any) -> int:
        from recovery_ops.sandbox.calls import Call

        call = {"region": "us-east-1", "caller": "", "protocol": "json"} | given
        refused = gate.refusal(Call(**call))
        return refused[0] if refused else 200

    assert answer(service="s3", operation="GetObject") == 200
    assert answer(service="s3", operation="RenameObject") == 501
    assert answer(service="ssm", operation="GetParameter") == 200
    assert answer(service="ssm", operation="SendCommand") == 501
    assert answer(service="kms", operation="ListKeys") == 501
    assert answer(service="ssm", operation="GetParameter", region="eu-west-1") == 501
    world.clock.stop()
