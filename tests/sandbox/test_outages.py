"""What boto3 sees of an outage, and what goes on in spite of one."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError
from sandbox_clients import HOME, RECOVERY, Aws, eventually

from recovery_ops.errors import RequestError
from recovery_ops.sandbox.control import Control

pytestmark = pytest.mark.sandbox

READS: list[tuple[str, str, dict[str, Any]]] = [
    ("s3", "list_buckets", {}),
    ("dynamodb", "list_tables", {}),
    ("sagemaker", "list_endpoints", {}),
    ("ssm", "describe_parameters", {}),
    ("cloudformation", "list_stacks", {}),
    ("cloudwatch", "list_metrics", {}),
    ("application-autoscaling", "describe_scalable_targets", {"ServiceNamespace": "sagemaker"}),
    ("apigateway", "get_rest_apis", {}),
    ("ec2", "describe_vpcs", {}),
    ("sts", "get_caller_identity", {}),
]
SERVICES = [service for service, _, _ in READS]


def read(aws: Aws, service: str, region: str = HOME, **settings: Any) -> Callable[[], Any]:
    (call, options) = next((call, options) for name, call, options in READS if name == service)
    client = aws.client(service, region, **settings)
    return lambda: getattr(client, call)(**options)


def code(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as error:
        call()
    return str(error.value.response["Error"]["Code"])


@pytest.mark.parametrize("service", SERVICES)
def test_a_region_that_resets_connections_is_gone_for_every_service(aws: Aws, control: Control, service: str) -> None:
    here, there = read(aws, service), read(aws, service, RECOVERY)
    here()
    control.fault(HOME, "reset")
    with pytest.raises(ConnectionClosedError):
        here()
    there()
    control.heal(HOME)
    here()


@pytest.mark.parametrize("service", SERVICES)
def test_an_unavailable_region_answers_in_the_protocol_of_each_service(
    aws: Aws, control: Control, service: str
) -> None:
    control.fault(HOME, "503")
    assert code(read(aws, service)) == "ServiceUnavailable"
    read(aws, service, RECOVERY)()


THROTTLED = {"s3": "SlowDown", "ec2": "RequestLimitExceeded", "cloudformation": "Throttling", "sts": "Throttling"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_throttled_service_says_so_in_the_code_that_boto3_repeats(aws: Aws, control: Control, service: str) -> None:
    control.fault(HOME, "throttle", services=[service])
    assert code(read(aws, service)) == THROTTLED.get(service, "ThrottlingException")
    control.fault(HOME, "throttle", services=[service], probability=0.5)
    read(aws, service, retries={"total_max_attempts": 40, "mode": "standard"}, read_timeout=60)


def test_a_hanging_region_holds_the_connection_until_the_client_gives_up(aws: Aws, control: Control) -> None:
    control.fault(HOME, "hang")
    started = time.monotonic()
    with pytest.raises(ReadTimeoutError):
        read(aws, "ssm", read_timeout=0.4)()
    assert 0.3 < time.monotonic() - started < 3


def test_a_hang_ends_with_the_fault(aws: Aws, control: Control) -> None:
    control.fault(HOME, "hang", seconds=0.1)
    with pytest.raises(ConnectionClosedError):
        read(aws, "ssm", read_timeout=5)()


def test_latency_is_added_and_the_answer_still_comes(aws: Aws, control: Control) -> None:
    call = read(aws, "ssm")
    call()
    control.fault(HOME, "latency", seconds=0.3)
    started = time.monotonic()
    call()
    assert time.monotonic() - started > 0.3


def test_one_service_can_fail_alone(aws: Aws, control: Control) -> None:
    control.fault(HOME, "503", services=["ssm"])
    assert code(read(aws, "ssm")) == "ServiceUnavailable"
    read(aws, "dynamodb")()


def test_a_fault_can_hit_one_caller_only(aws: Aws, control: Control) -> None:
    control.fault(HOME, "503", callers="step/scoring")
    assert code(read(aws, "ssm", caller="recovery-ops/1 step/scoring.verify")) == "ServiceUnavailable"
    read(aws, "ssm", caller="recovery-ops-client/1")()


def test_a_bucket_dies_with_its_own_region_whoever_signs(aws: Aws, control: Control) -> None:
    home, there = aws.bucket(HOME), aws.bucket(RECOVERY)
    control.fault(HOME, "503")
    for signed_in in (HOME, RECOVERY):
        s3 = aws.client("s3", signed_in)
        with pytest.raises(ClientError, match="503"):
            s3.head_bucket(Bucket=home)
        s3.head_bucket(Bucket=there)


def test_a_copy_needs_both_regions(aws: Aws, control: Control) -> None:
    home, there, s3 = aws.bucket(HOME), aws.bucket(RECOVERY), aws.client("s3", RECOVERY)
    aws.client("s3", HOME).put_object(Bucket=home, Key="k", Body=b"x")
    copy = {"Bucket": there, "Key": "k", "CopySource": {"Bucket": home, "Key": "k"}}
    s3.copy_object(**copy)
    control.fault(HOME, "503")
    assert code(lambda: s3.copy_object(**copy)) == "ServiceUnavailable"


def test_the_data_plane_of_sagemaker_can_fail_without_its_control_plane(aws: Aws, control: Control) -> None:
    control.fault(HOME, "503", services=["sagemaker-runtime"])
    runtime = aws.client("sagemaker-runtime")
    assert code(lambda: runtime.invoke_endpoint(EndpointName="none", Body=b"")) == "ServiceUnavailable"
    read(aws, "sagemaker")()


# Control planes ---------------------------------------------------------------------------------------------------


def zone(aws: Aws, region: str) -> dict[str, Any]:
    reference = str(time.monotonic_ns())
    return dict(aws.client("route53", region).create_hosted_zone(Name=f"x{reference}.test", CallerReference=reference))


def role(aws: Aws, region: str) -> dict[str, Any]:
    return dict(
        aws.client("iam", region).create_role(RoleName=f"r{time.monotonic_ns()}", AssumeRolePolicyDocument="{}")
    )


@pytest.mark.parametrize("change", [zone, role])
@pytest.mark.parametrize("signed_in", [HOME, RECOVERY])
def test_global_control_planes_die_with_us_east_1_wherever_the_client_signs(
    aws: Aws, control: Control, change: Callable[[Aws, str], Any], signed_in: str
) -> None:
    change(aws, signed_in)
    control.fault(HOME, "reset")
    assert code(lambda: change(aws, signed_in)) == "ServiceUnavailable"
    aws.client("route53", signed_in).list_hosted_zones()
    aws.client("iam", signed_in).list_roles()


def test_they_outlive_another_region(aws: Aws, control: Control) -> None:
    control.fault(RECOVERY, "reset")
    zone(aws, RECOVERY)


def test_a_control_plane_can_be_set_against_its_region(aws: Aws, control: Control) -> None:
    control.control_plane("route53", down=True)
    assert code(lambda: zone(aws, HOME)) == "ServiceUnavailable"
    role(aws, HOME)
    control.control_plane("route53", down=False)
    control.fault(HOME, "reset")
    zone(aws, HOME)
    control.control_plane("route53", down=None)
    assert code(lambda: zone(aws, HOME)) == "ServiceUnavailable"


# The control API --------------------------------------------------------------------------------------------------


def test_the_status_tells_what_is_in_force(control: Control) -> None:
    control.fault(HOME, "throttle", services=["ssm"], probability=0.5)
    control.capacity(RECOVERY, "ml.g5.xlarge", available=0, quota=4)
    status = control.status()
    (fault,) = status["faults"]
    assert (fault["region"], fault["mode"], fault["services"], fault["probability"]) == (HOME, "throttle", ["ssm"], 0.5)
    assert {"region": RECOVERY, "instance_type": "ml.g5.xlarge", "available": 0, "quota": 4} in status["capacity"]
    assert status["regions"] == [HOME, RECOVERY, "eu-west-1"]
    assert set(status["front_doors"]) == set(status["regions"])
    control.capacity(RECOVERY, "ml.g5.xlarge")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (lambda control: control.fault("mars-1", "reset"), "no region 'mars-1'"),
        (lambda control: control.fault(HOME, "explode"), "unknown fault mode 'explode'"),
        (lambda control: control.control_plane("s3", down=True), "no global control plane 's3'"),
        (lambda control: control.damage("nothing-known"), "no overlay damages 'nothing-known'"),
        (lambda control: control._call("POST", "/_sandbox/nothing", {}), "no POST /_sandbox/nothing"),
    ],
)
def test_a_wrong_request_is_refused_with_the_reason(
    control: Control, wrong: Callable[[Control], Any], why: str
) -> None:
    with pytest.raises(RequestError, match=why):
        wrong(control)
    assert control.status()["faults"] == []


def test_the_inventory_has_what_was_made(aws: Aws, control: Control) -> None:
    bucket = aws.bucket(RECOVERY)
    aws.client("s3", RECOVERY).put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "run", "Value": "r-1"}]})
    found = next(entry for entry in control.inventory()[RECOVERY]["s3"] if entry["id"] == bucket)
    assert found == {"type": "bucket", "id": bucket, "tags": {"run": "r-1"}, "keys": 0}
    aws.client("s3", RECOVERY).delete_bucket(Bucket=bucket)
    eventually(lambda: all(entry["id"] != bucket for entry in control.inventory()[RECOVERY]["s3"]))


def test_one_operation_fails_and_the_rest_of_its_service_goes_on(aws: Aws, control: Control) -> None:
    s3 = aws.client("s3", RECOVERY)
    s3.create_bucket(Bucket="one-operation", CreateBucketConfiguration={"LocationConstraint": RECOVERY})
    s3.put_object(Bucket="one-operation", Key="a", Body=b"1")
    control.fault(RECOVERY, "503", services=["s3"], operations=["PutObject"])
    assert code(lambda: s3.put_object(Bucket="one-operation", Key="a", Body=b"2")) == "ServiceUnavailable"
    assert s3.get_object(Bucket="one-operation", Key="a")["Body"].read() == b"1"
    control.heal(RECOVERY)
    s3.put_object(Bucket="one-operation", Key="a", Body=b"2")
