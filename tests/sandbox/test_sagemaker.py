"""Endpoints and the model registry: what the sandbox promises of SageMaker's control plane."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tiny_models import archive, linked, onnx_model

from recovery_ops.sandbox.control import Control
from recovery_ops.sandbox.process import RunningSandbox, running_sandbox

pytestmark = pytest.mark.sandbox
HOME, RECOVERY = "us-east-1", "us-west-2"
TYPE, OTHER_TYPE = "ml.c6i.2xlarge", "ml.g5.xlarge"
ROLE = "arn:aws:iam::123456789012:role/fraud-sagemaker-role"
FACTOR = 0.002


class Aws:
    """Clients of one region and the few moves that every test makes."""

    def __init__(self, base_url: str, region: str) -> None:
        self.base_url, self.region = base_url, region
        self.sagemaker, self.s3, self.runtime = (self.client(name) for name in ("sagemaker", "s3", "sagemaker-runtime"))
        self.bucket = f"models-{region}"
        place = {} if region == HOME else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        self.s3.create_bucket(Bucket=self.bucket, **place)
        self.store("v1", archive({"model.onnx": onnx_model(1.0)}))
        self.store("v2", archive({"model.onnx": onnx_model(2.0)}))

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=self.region,
            endpoint_url=self.base_url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, user_agent_extra="recovery-ops-test/1"),
        )

    def store(self, version: str, content: bytes) -> str:
        self.s3.put_object(Bucket=self.bucket, Key=f"{version}/model.tar.gz", Body=content)
        return f"s3://{self.bucket}/{version}/model.tar.gz"

    def config(self, name: str, url: str, *, instance_type: str = TYPE, count: int = 1) -> str:
        """A model and an endpoint configuration of the same name."""
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"ModelDataUrl": url})
        variant = {"VariantName": "main", "ModelName": name, "InstanceType": instance_type}
        variants = [{**variant, "InitialInstanceCount": count}]
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
        return name

    def url(self, version: str) -> str:
        return f"s3://{self.bucket}/{version}/model.tar.gz"

    def describe(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.sagemaker.describe_endpoint(EndpointName=name)
        return found

    def settled(self, name: str) -> dict[str, Any]:
        """Wait until nothing is in progress, as a caller of AWS has to."""
        ends = time.monotonic() + 30
        while time.monotonic() < ends:
            found = self.describe(name)
            if found["EndpointStatus"] in ("InService", "Failed"):
                return found
            time.sleep(0.02)
        raise AssertionError(f"{name} is still {found['EndpointStatus']}")

    def endpoint(self, name: str, version: str = "v1", **config: Any) -> dict[str, Any]:
        """An endpoint that was brought up, or failed."""
        self.sagemaker.create_endpoint(
            EndpointName=name, EndpointConfigName=self.config(name, self.url(version), **config)
        )
        return self.settled(name)

    def score(self, name: str) -> bytes:
        answer = self.runtime.invoke_endpoint(EndpointName=name, ContentType="text/csv", Body=b"1,2")
        return bytes(answer["Body"].read())


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), factor=FACTOR) as started:
        yield started


@pytest.fixture(scope="module")
def aws(sandbox: RunningSandbox) -> Aws:
    return Aws(sandbox.base_url, RECOVERY)


@pytest.fixture
def control(sandbox: RunningSandbox) -> Iterator[Control]:
    control = Control(sandbox.base_url)
    yield control
    for instance_type in (TYPE, OTHER_TYPE):
        control.capacity(region=RECOVERY, instance_type=instance_type, available=None, quota=None)


def refused(code: str, call: Callable[..., Any], **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == code
    return str(caught.value.response["Error"]["Message"])


def test_an_endpoint_takes_time_and_then_predicts(aws: Aws) -> None:
    aws.sagemaker.create_endpoint(EndpointName="slow", EndpointConfigName=aws.config("slow", aws.url("v1")))
    began = time.monotonic()
    assert aws.describe("slow")["EndpointStatus"] == "Creating"
    refused("ValidationError", aws.runtime.invoke_endpoint, EndpointName="slow", Body=b"1,2", ContentType="text/csv")
    assert aws.settled("slow")["EndpointStatus"] == "InService"
    assert time.monotonic() - began > 0.8 * 300 * FACTOR
    assert aws.score("slow") == b"3.0"


def test_what_exists_already_is_refused_in_the_words_of_aws(aws: Aws) -> None:
    aws.endpoint("twice")
    container = {"ModelDataUrl": aws.url("v1")}
    model = refused(
        "ValidationException",
        aws.sagemaker.create_model,
        ModelName="twice",
        ExecutionRoleArn=ROLE,
        PrimaryContainer=container,
    )
    config = refused(
        "ValidationException",
        aws.sagemaker.create_endpoint_config,
        EndpointConfigName="twice",
        ProductionVariants=[
            {"VariantName": "a", "ModelName": "twice", "InstanceType": TYPE, "InitialInstanceCount": 1}
        ],
    )
    endpoint = refused(
        "ValidationException", aws.sagemaker.create_endpoint, EndpointName="twice", EndpointConfigName="twice"
    )
    assert model.startswith("Cannot create already existing model ")
    assert config.startswith("Cannot create already existing endpoint configuration ")
    assert endpoint.startswith("Cannot create already existing endpoint ")


def test_an_update_serves_the_old_model_until_the_new_one_is_ready(aws: Aws) -> None:
    aws.endpoint("updated")
    aws.sagemaker.update_endpoint(EndpointName="updated", EndpointConfigName=aws.config("updated-v2", aws.url("v2")))
    during = aws.describe("updated")
    assert (during["EndpointStatus"], during["EndpointConfigName"]) == ("Updating", "updated")
    assert during["PendingDeploymentSummary"]["EndpointConfigName"] == "updated-v2"
    assert aws.score("updated") == b"3.0"
    after = aws.settled("updated")
    assert (after["EndpointConfigName"], aws.score("updated")) == ("updated-v2", b"6.0")
    assert "PendingDeploymentSummary" not in after


def test_an_update_that_fails_rolls_back_and_says_why(aws: Aws) -> None:
    aws.endpoint("rolled-back")
    broken = aws.config("rolled-back-broken", aws.store("broken", archive({"model.onnx": b"not a model"})))
    aws.sagemaker.update_endpoint(EndpointName="rolled-back", EndpointConfigName=broken)
    assert aws.describe("rolled-back")["EndpointStatus"] == "Updating"
    after = aws.settled("rolled-back")
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", "rolled-back")
    assert "did not pass the ping health check" in after["FailureReason"]
    assert aws.score("rolled-back") == b"3.0"


def test_a_change_under_way_refuses_another(aws: Aws) -> None:
    aws.endpoint("busy")
    aws.sagemaker.update_endpoint(EndpointName="busy", EndpointConfigName=aws.config("busy-v2", aws.url("v2")))
    for call in (
        lambda: aws.sagemaker.update_endpoint(EndpointName="busy", EndpointConfigName="busy"),
        lambda: aws.sagemaker.delete_endpoint(EndpointName="busy"),
    ):
        assert "Cannot update in-progress endpoint" in refused("ValidationException", call)
    aws.settled("busy")


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(archive({"../outside.onnx": b"x"}), id="leads outside"),
        pytest.param(archive({"/tmp/absolute.onnx": b"x"}), id="absolute"),
        pytest.param(linked("model.onnx", "/etc/passwd"), id="link"),
        pytest.param(b"not a tar at all", id="no archive"),
    ],
)
def test_an_archive_that_must_not_be_unpacked_fails_the_endpoint(
    aws: Aws, hostile: bytes, request: pytest.FixtureRequest
) -> None:
    name = f"hostile-{request.node.callspec.id}".replace(" ", "-")
    aws.store(name, hostile)
    failed = aws.endpoint(name, name)
    assert failed["EndpointStatus"] == "Failed"
    assert failed["FailureReason"].startswith("Unable to extract model data archive")


def test_an_artifact_that_is_not_in_the_regions_bucket_fails_the_endpoint(aws: Aws) -> None:
    failed = aws.endpoint("absent", "never-replicated")
    assert failed["EndpointStatus"] == "Failed"
    assert failed["FailureReason"].startswith("Failed to download model data")


def test_a_bucket_of_another_region_does_not_help(aws: Aws, sandbox: RunningSandbox) -> None:
    home = Aws(sandbox.base_url, HOME)
    aws.sagemaker.create_endpoint(EndpointName="far", EndpointConfigName=aws.config("far", home.url("v1")))
    assert aws.settled("far")["EndpointStatus"] == "Failed"


def test_capacity_is_missing_after_a_while_and_the_next_instance_type_works(aws: Aws, control: Control) -> None:
    control.capacity(region=RECOVERY, instance_type=OTHER_TYPE, available=0, quota=None)
    failed = aws.endpoint("ladder-1", instance_type=OTHER_TYPE)
    assert failed["EndpointStatus"] == "Failed"
    assert "InsufficientInstanceCapacity" in failed["FailureReason"]
    assert aws.endpoint("ladder-2")["EndpointStatus"] == "InService"


def test_a_quota_refuses_at_once_and_counts_what_lives(aws: Aws, control: Control) -> None:
    control.capacity(region=RECOVERY, instance_type=OTHER_TYPE, available=None, quota=1)
    assert aws.endpoint("quota-1", instance_type=OTHER_TYPE)["EndpointStatus"] == "InService"
    config = aws.config("quota-2", aws.url("v1"), instance_type=OTHER_TYPE)
    create = aws.sagemaker.create_endpoint
    message = refused("ResourceLimitExceeded", create, EndpointName="quota-2", EndpointConfigName=config)
    assert f"'{OTHER_TYPE} for endpoint usage' is 1 Instances, with current utilization of 1 Instances" in message
    aws.sagemaker.delete_endpoint(EndpointName="quota-1")
    gone(aws, "quota-1")
    create(EndpointName="quota-2", EndpointConfigName=config)
    assert aws.settled("quota-2")["EndpointStatus"] == "InService"
    aws.sagemaker.delete_endpoint(EndpointName="quota-2")


def test_instances_are_taken_from_the_moment_an_endpoint_is_being_created(aws: Aws, control: Control) -> None:
    control.capacity(region=RECOVERY, instance_type=OTHER_TYPE, available=1, quota=None)
    for name in ("race-1", "race-2"):
        config = aws.config(name, aws.url("v1"), instance_type=OTHER_TYPE)
        aws.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    states = [aws.settled(name)["EndpointStatus"] for name in ("race-1", "race-2")]
    assert states == ["InService", "Failed"]
    aws.sagemaker.delete_endpoint(EndpointName="race-1")
    gone(aws, "race-1")


def gone(aws: Aws, name: str) -> None:
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        names = [e["EndpointName"] for e in aws.sagemaker.list_endpoints(NameContains=name)["Endpoints"]]
        if not names:
            return
        time.sleep(0.02)
    raise AssertionError(f"{name} is still there")


def test_scaling_takes_time_and_is_undone_without_capacity(aws: Aws, control: Control) -> None:
    aws.endpoint("scaled", instance_type=OTHER_TYPE)
    scale = aws.sagemaker.update_endpoint_weights_and_capacities
    more = [{"VariantName": "main", "DesiredInstanceCount": 3}]
    scale(EndpointName="scaled", DesiredWeightsAndCapacities=more)
    during = aws.describe("scaled")
    assert during["EndpointStatus"] == "Updating"
    assert counts(during) == (1, 3)
    assert counts(aws.settled("scaled")) == (3, 3)
    control.capacity(region=RECOVERY, instance_type=OTHER_TYPE, available=3, quota=None)
    scale(EndpointName="scaled", DesiredWeightsAndCapacities=[{"VariantName": "main", "DesiredInstanceCount": 5}])
    after = aws.settled("scaled")
    assert (after["EndpointStatus"], counts(after)) == ("InService", (3, 3))
    assert "InsufficientInstanceCapacity" in after["FailureReason"]


def counts(described: dict[str, Any]) -> tuple[int, int]:
    variant = described["ProductionVariants"][0]
    return variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]


def test_traffic_goes_to_variants_by_weight_or_by_name(aws: Aws) -> None:
    aws.config("weights-1", aws.url("v1"))
    aws.config("weights-2", aws.url("v2"))
    variants = [
        {"VariantName": f"v{n}", "ModelName": f"weights-{n}", "InstanceType": TYPE, "InitialInstanceCount": 1}
        for n in (1, 2)
    ]
    variants[0]["InitialVariantWeight"], variants[1]["InitialVariantWeight"] = 1.0, 0.0
    aws.sagemaker.create_endpoint_config(EndpointConfigName="weights", ProductionVariants=variants)
    aws.sagemaker.create_endpoint(EndpointName="weights", EndpointConfigName="weights")
    aws.settled("weights")
    assert {aws.score("weights") for _ in range(20)} == {b"3.0"}
    second = aws.runtime.invoke_endpoint(
        EndpointName="weights", ContentType="text/csv", Body=b"1,2", TargetVariant="v2"
    )
    assert second["Body"].read() == b"6.0"
    moved = [{"VariantName": "v1", "DesiredWeight": 0.0}, {"VariantName": "v2", "DesiredWeight": 1.0}]
    aws.sagemaker.update_endpoint_weights_and_capacities(EndpointName="weights", DesiredWeightsAndCapacities=moved)
    aws.settled("weights")
    assert {aws.score("weights") for _ in range(20)} == {b"6.0"}


def test_an_image_of_another_region_is_not_found(aws: Aws) -> None:
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
    container = {"ModelDataUrl": aws.url("v1"), "Image": image}
    message = refused(
        "ValidationException",
        aws.sagemaker.create_model,
        ModelName="image",
        ExecutionRoleArn=ROLE,
        PrimaryContainer=container,
    )
    assert message == f"Requested image {image} not found."


def test_what_the_sandbox_would_drop_is_refused(aws: Aws) -> None:
    variant = {"VariantName": "a", "ModelName": "twice", "InstanceType": TYPE, "InitialInstanceCount": 1}
    refused(
        "NotImplemented",
        aws.sagemaker.create_endpoint_config,
        EndpointConfigName="shadowed",
        ProductionVariants=[variant],
        ShadowProductionVariants=[variant],
    )


def test_a_model_package_keeps_its_metadata_and_its_number_is_never_used_again(aws: Aws) -> None:
    api = aws.sagemaker
    api.create_model_package_group(ModelPackageGroupName="numbered")
    specification = {
        "Containers": [{"Image": "sklearn", "ModelDataUrl": aws.url("v2")}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }

    def register() -> str:
        created = api.create_model_package(
            ModelPackageGroupName="numbered",
            InferenceSpecification=specification,
            ModelApprovalStatus="PendingManualApproval",
            CustomerMetadataProperties={"sha256": "abc"},
        )
        return str(created["ModelPackageArn"])

    first, second = register(), register()
    api.update_model_package(ModelPackageArn=second, ModelApprovalStatus="Approved")
    api.update_model_package(ModelPackageArn=second, CustomerMetadataProperties={"source": "v2"})
    found = api.describe_model_package(ModelPackageName=second)
    assert found["ModelApprovalStatus"] == "Approved"
    assert found["CustomerMetadataProperties"] == {"sha256": "abc", "source": "v2"}
    refused("ConflictException", api.delete_model_package_group, ModelPackageGroupName="numbered")
    api.delete_model_package(ModelPackageName=second)
    third = register()
    assert [arn.rsplit("/", 1)[1] for arn in (first, second, third)] == ["1", "2", "3"]
    api.create_model(ModelName="from-package", ExecutionRoleArn=ROLE, PrimaryContainer={"ModelPackageName": third})
    variant = {"VariantName": "a", "ModelName": "from-package", "InstanceType": TYPE, "InitialInstanceCount": 1}
    api.create_endpoint_config(EndpointConfigName="from-package", ProductionVariants=[variant])
    api.create_endpoint(EndpointName="from-package", EndpointConfigName="from-package")
    assert aws.settled("from-package")["EndpointStatus"] == "InService"
    assert aws.score("from-package") == b"6.0"
    for arn in (first, third):
        api.delete_model_package(ModelPackageName=arn)
    api.delete_model_package_group(ModelPackageGroupName="numbered")
    refused("ValidationException", api.describe_model_package_group, ModelPackageGroupName="numbered")


def test_tags_are_kept_replaced_and_listed_in_the_inventory(aws: Aws, control: Control) -> None:
    arn = aws.endpoint("tagged")["EndpointArn"]
    aws.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "run", "Value": "r-1"}])
    aws.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "run", "Value": "r-2"}])
    assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "run", "Value": "r-2"}]
    resources = control.inventory()[RECOVERY]["sagemaker"]
    assert {"type": "endpoint", "id": "tagged", "tags": {"run": "r-2"}} in resources


def test_an_endpoint_that_was_coming_up_in_a_snapshot_comes_up_after_it_is_restored(
    aws: Aws, control: Control, tmp_path: Path
) -> None:
    aws.endpoint("kept")
    aws.sagemaker.create_endpoint(EndpointName="coming", EndpointConfigName=aws.config("coming", aws.url("v2")))
    control.snapshot(path=tmp_path / "world.snapshot")
    assert aws.settled("coming")["EndpointStatus"] == "InService"
    aws.sagemaker.update_endpoint(EndpointName="kept", EndpointConfigName="coming")
    time.sleep(0.5 * 360 * FACTOR)  # into the deployment, so that its work outlives the state it belongs to
    control.restore(path=tmp_path / "world.snapshot")
    assert aws.describe("coming")["EndpointStatus"] == "Creating"
    assert aws.settled("coming")["EndpointStatus"] == "InService"
    assert (aws.score("coming"), aws.score("kept")) == (b"6.0", b"3.0")
    time.sleep(360 * FACTOR)  # past the end of the update that was never made in this state
    assert (aws.describe("kept")["EndpointConfigName"], aws.score("kept")) == ("kept", b"3.0")


def test_autoscaling_is_about_a_variant_that_exists_and_goes_with_its_target(aws: Aws) -> None:
    aws.endpoint("automatic")
    api = aws.client("application-autoscaling")
    variant = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
    here = {**variant, "ResourceId": "endpoint/automatic/variant/main"}
    policy = {
        "PolicyName": "follow",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 70.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        },
    }
    for nowhere in ("endpoint/nobody/variant/main", "endpoint/automatic/variant/nobody"):
        missing = {**variant, "ResourceId": nowhere, "MinCapacity": 1, "MaxCapacity": 4}
        refused("ValidationException", api.register_scalable_target, **missing)
    refused("ObjectNotFoundException", api.put_scaling_policy, **here, **policy)
    refused("ValidationException", api.register_scalable_target, **here, MinCapacity=4, MaxCapacity=1)
    api.register_scalable_target(**here, MinCapacity=1, MaxCapacity=4)
    api.put_scaling_policy(**here, **policy)
    (target,) = api.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 4)
    api.deregister_scalable_target(**here)
    assert api.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"] == []


def test_quotas_can_be_read_by_instance_type(aws: Aws, control: Control) -> None:
    control.capacity(region=RECOVERY, instance_type=OTHER_TYPE, available=None, quota=0)
    api = aws.client("service-quotas")
    pages = api.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
    quotas = {quota["QuotaName"]: quota for page in pages for quota in page["Quotas"]}
    mine = quotas[f"{OTHER_TYPE} for endpoint usage"]
    assert mine["Value"] == 0.0
    assert quotas[f"{TYPE} for endpoint usage"]["Value"] == 20.0
    code = mine["QuotaCode"]
    assert api.get_service_quota(ServiceCode="sagemaker", QuotaCode=code)["Quota"]["Value"] == 0.0
    assert api.get_aws_default_service_quota(ServiceCode="sagemaker", QuotaCode=code)["Quota"]["Value"] == 20.0
    refused("NoSuchResourceException", api.get_service_quota, ServiceCode="sagemaker", QuotaCode="L-00000000")
