"""Images per region: the accounts that AWS serves them from, and copies of our own."""

import pytest

from recovery_ops.aws.images import ImageName, image_for, image_in, image_uri, registry_account
from recovery_ops.errors import StepRejectedError

EAST, WEST = "us-east-1", "us-west-2"


@pytest.mark.parametrize(
    ("framework", "version", "region", "expected"),
    [
        ("xgboost", "1.7-1", EAST, "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"),
        ("xgboost", "1.7-1", WEST, "246618743249.dkr.ecr.us-west-2.amazonaws.com/sagemaker-xgboost:1.7-1"),
        ("sklearn", "1.2-1", WEST, "246618743249.dkr.ecr.us-west-2.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"),
    ],
)
def test_an_image_of_aws_is_named_as_its_region_serves_it(
    framework: str, version: str, region: str, expected: str
) -> None:
    assert image_uri(framework, version, region) == expected


def test_the_instance_type_decides_between_cpu_and_gpu() -> None:
    assert image_uri("pytorch", "2.1.0", WEST, instance_type="ml.g5.xlarge").endswith(":2.1.0-gpu-py310")
    assert image_uri("pytorch", "2.1.0", WEST, instance_type="ml.c6i.xlarge").endswith(":2.1.0-cpu-py310")


def test_moving_an_image_of_aws_changes_account_and_region() -> None:
    assert image_in(image_uri("xgboost", "1.7-1", EAST), WEST) == image_uri("xgboost", "1.7-1", WEST)


def test_moving_there_and_back_gives_the_same_image() -> None:
    uri = image_uri("sklearn", "1.2-1", EAST)
    assert image_in(image_in(uri, "eu-west-1"), EAST) == uri


@pytest.mark.parametrize("tag", [":1", "@sha256:" + "a" * 64, ":v1@sha256:" + "a" * 64])
def test_our_own_image_keeps_its_account(tag: str) -> None:
    uri = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/team/scoring{tag}"
    assert image_in(uri, WEST) == f"123456789012.dkr.ecr.us-west-2.amazonaws.com/team/scoring{tag}"


def test_what_is_no_registry_of_aws_stays() -> None:
    assert image_in("ghcr.io/team/scoring:1", WEST) == "ghcr.io/team/scoring:1"
    assert registry_account("ghcr.io/team/scoring:1") is None


@pytest.mark.parametrize(
    ("framework", "version", "region", "hint"),
    [
        ("xgboost", "99", WEST, "known versions"),
        ("xgboost", "1.7-1", "mars-north-1", "regions with it"),
        ("no-such", "1", WEST, "knows no framework"),
        ("../../etc/passwd", "1", WEST, "knows no framework"),
    ],
)
def test_an_image_that_is_not_served_is_refused_with_what_there_is(
    framework: str, version: str, region: str, hint: str
) -> None:
    with pytest.raises(StepRejectedError, match=hint):
        image_uri(framework, version, region)


def test_without_a_name_the_image_of_home_is_taken() -> None:
    home = image_uri("xgboost", "1.7-1", EAST)
    assert image_for(None, home, WEST, "ml.c5.large") == image_uri("xgboost", "1.7-1", WEST)
    named = ImageName(framework="sklearn", version="1.2-1")
    assert image_for(named, home, WEST, "ml.c5.large") == image_uri("sklearn", "1.2-1", WEST)


def test_the_sdk_agrees() -> None:
    """The SDK's own function is slow to import and is asked here only."""
    retrieve = pytest.importorskip("sagemaker.core.image_uris").retrieve
    for framework, version in (("xgboost", "1.7-1"), ("sklearn", "1.2-1")):
        for region in (EAST, WEST, "eu-west-1"):
            expected = retrieve(framework, region, version=version, py_version="py3", instance_type="ml.c5.large")
            expected = expected.removesuffix("-cpu-py3") if framework == "xgboost" else expected
            assert image_uri(framework, version, region) == expected
