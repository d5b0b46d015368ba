"""Clients of one region and the few moves that every test of endpoints makes."""

import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tiny_models import archive, onnx_model

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


def refused(code: str, call: Callable[..., Any], **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == code
    return str(caught.value.response["Error"]["Message"])


def gone(aws: Aws, name: str) -> None:
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        names = [e["EndpointName"] for e in aws.sagemaker.list_endpoints(NameContains=name)["Endpoints"]]
        if not names:
            return
        time.sleep(0.02)
    raise AssertionError(f"{name} is still there")


def counts(described: dict[str, Any]) -> tuple[int, int]:
    variant = described["ProductionVariants"][0]
    return variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]
