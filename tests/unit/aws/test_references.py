"""Leftovers of the region that was left, and what AWS calls need."""

import pytest

from recovery_ops.aws import actions
from recovery_ops.aws.images import image_uri
from recovery_ops.aws.references import in_region, leftovers, names_of, references_check
from recovery_ops.model.checks import CheckOutcome

EAST, WEST = "us-east-1", "us-west-2"


def test_a_leftover_is_found_however_deep_it_lies() -> None:
    answer = {"Containers": [{"Environment": {"URL": "https://x.us-east-1.amazonaws.com"}}], "Name": "fine"}
    assert leftovers(answer, [EAST]) == ["Containers[0].Environment.URL: https://x.us-east-1.amazonaws.com"]


@pytest.mark.parametrize("text", ["us-east-10", "aus-east-1", "us-east-1a", "bus-east-12"])
def test_other_words_that_contain_the_name_are_no_leftovers(text: str) -> None:
    assert leftovers({"Name": text}, [EAST]) == []


def test_our_own_notes_may_say_where_something_came_from() -> None:
    assert (
        leftovers({"recovery-ops-source-arn": f"arn:aws:sagemaker:{EAST}:1:x", "ResponseMetadata": EAST}, [EAST]) == []
    )


def test_the_registry_account_of_the_region_that_was_left_is_a_leftover() -> None:
    home = {"Image": image_uri("xgboost", "1.7-1", EAST)}
    names = names_of(EAST, home, WEST)
    assert names == [EAST, "683313688378"]
    wrong = "683313688378.dkr.ecr.us-west-2.amazonaws.com/sagemaker-xgboost:1.7-1"
    assert references_check("scoring", {"model": {"Image": wrong}}, names, WEST).outcome is CheckOutcome.FAIL
    right = {"model": {"Image": image_uri("xgboost", "1.7-1", WEST)}}
    assert references_check("scoring", right, names, WEST).outcome is CheckOutcome.PASS


def test_our_own_account_serves_both_regions_and_is_no_leftover() -> None:
    assert names_of(EAST, {"Image": f"123456789012.dkr.ecr.{EAST}.amazonaws.com/own:1"}, WEST) == [EAST]


def test_text_is_carried_to_the_other_region_word_by_word() -> None:
    assert in_region(f"s3://data-{EAST}/x?also={EAST}", EAST, WEST) == f"s3://data-{WEST}/x?also={WEST}"
    assert in_region("us-east-10", EAST, WEST) == "us-east-10"
    assert in_region(image_uri("xgboost", "1.7-1", EAST), EAST, WEST) == image_uri("xgboost", "1.7-1", WEST)


def test_a_call_needs_the_action_that_iam_knows_it_by() -> None:
    assert actions.needed("s3", "HeadObject", {"Bucket": "b", "Key": "k", "VersionId": "v"}) == {"s3:GetObjectVersion"}
    assert actions.needed("s3", "ListObjectVersions") == {"s3:ListBucketVersions"}
    assert actions.needed("sagemaker-runtime", "InvokeEndpoint") == {"sagemaker:InvokeEndpoint"}
    assert "iam:PassRole" in actions.needed("sagemaker", "CreateModel")


@pytest.mark.parametrize("action", ["s3:GetObjectVersion", "iam:PassRole", "dynamodb:Scan", "sagemaker:InvokeEndpoint"])
def test_a_real_action_exists(action: str) -> None:
    assert actions.exists(action)


@pytest.mark.parametrize("action", ["s3:GetObjekt", "nosuch:Thing", "dynamodb", "sagemaker:InvokeEndpoints"])
def test_a_misspelt_action_does_not_exist(action: str) -> None:
    assert not actions.exists(action)
