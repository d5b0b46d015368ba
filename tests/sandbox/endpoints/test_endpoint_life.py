"""Endpoints: they take time, update in place, roll back, and predict with the artifact they were given."""

import time
from pathlib import Path

import pytest
from endpoint_moves import FACTOR, HOME, RECOVERY, TYPE, Aws, refused
from tiny_models import archive, linked

from recovery_ops.sandbox.control import Control
from recovery_ops.sandbox.process import RunningSandbox

pytestmark = pytest.mark.sandbox


def test_an_endpoint_takes_time_and_then_predicts(aws: Aws) -> None:
    aws.sagemaker.create_endpoint(EndpointName="slow", EndpointConfigName=aws.config("slow", aws.url("v1")))
    began = time.monotonic()
    assert aws.describe("slow")["EndpointStatus"] == "Creating"
    refused("ValidationError", aws.runtime.invoke_endpoint, EndpointName="slow", Body=b"1,2", ContentType="text/csv")
    assert aws.settled("slow")["EndpointStatus"] == "InService"
    assert time.monotonic() - began > 0.8 * 300 * FACTOR
    assert aws.score("slow") == b"3.0"


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
