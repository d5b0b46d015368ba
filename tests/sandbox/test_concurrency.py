"""Many threads at once: nothing is lost, and of those who compete one wins."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from sandbox_clients import Aws, eventually

pytestmark = pytest.mark.sandbox
THREADS, EACH = 16, 20


def at_once(work: Callable[[int], Any], count: int = THREADS) -> list[Any]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


@pytest.fixture
def table(aws: Aws) -> str:
    dynamodb, name = aws.client("dynamodb"), aws.bucket(versioned=False)
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    eventually(lambda: dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE")
    return name


def test_no_version_is_lost(aws: Aws) -> None:
    bucket, s3 = aws.bucket(), aws.client("s3", max_pool_connections=THREADS)

    def write(number: int) -> list[str]:
        return [s3.put_object(Bucket=bucket, Key="k", Body=b"x")["VersionId"] for _ in range(EACH)]

    written = {version for versions in at_once(write) for version in versions}
    listed = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert {version["VersionId"] for version in listed} == written
    assert len(written) == THREADS * EACH


def test_no_increment_is_lost(aws: Aws, table: str) -> None:
    dynamodb = aws.client("dynamodb", max_pool_connections=THREADS)
    update = {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}

    def add(_: int) -> None:
        for _ in range(EACH):
            dynamodb.update_item(TableName=table, Key={"k": {"S": "counter"}}, **update)

    at_once(add)
    item = dynamodb.get_item(TableName=table, Key={"k": {"S": "counter"}})["Item"]
    assert item["n"] == {"N": str(THREADS * EACH)}


def test_a_claim_has_one_winner(aws: Aws) -> None:
    bucket, s3 = aws.bucket(), aws.client("s3", max_pool_connections=THREADS)

    def claim(key: str) -> str:
        try:
            s3.put_object(Bucket=bucket, Key=key, Body=b"mine", IfNoneMatch="*")
        except ClientError as lost:
            return str(lost.response["Error"]["Code"])
        return "won"

    for attempt in range(10):
        outcomes = at_once(lambda _, key=f"claim-{attempt}": claim(key))
        assert sorted(outcomes) == ["PreconditionFailed"] * (THREADS - 1) + ["won"]


def test_services_are_served_side_by_side(aws: Aws) -> None:
    calls = [
        lambda: aws.client("s3").list_buckets(),
        lambda: aws.client("ssm").describe_parameters(),
        lambda: aws.client("sagemaker").list_models(),
        lambda: aws.client("route53").list_hosted_zones(),
    ]
    answers = at_once(lambda number: calls[number % len(calls)]())
    assert all(answer["ResponseMetadata"]["HTTPStatusCode"] == 200 for answer in answers)
