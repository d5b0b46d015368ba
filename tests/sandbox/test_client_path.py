"""The whole way of a client in the real process: name, front door, API, endpoint, model; then the other region."""

import http.client
import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from tiny_models import archive, onnx_model

from recovery_ops.sandbox.process import RunningSandbox, running_sandbox

pytestmark = pytest.mark.sandbox

HOME, RECOVERY = "us-east-1", "us-west-2"
NAME, SWITCH = "score.example.com", "path-switch"
NETWORK = (Path(__file__).parents[2] / "dags" / "fraud-detection" / "network.yaml").read_text()
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)
PUBLIC = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{SWITCH}/*"}
        ],
    }
)


class Aws:
    """Clients of one region."""

    def __init__(self, base_url: str, region: str) -> None:
        self.base_url, self.region = base_url, region
        self.s3, self.sagemaker, self.cloudformation = map(self.client, ("s3", "sagemaker", "cloudformation"))

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=self.region,
            endpoint_url=self.base_url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, user_agent_extra="recovery-ops-test/1"),
        )

    def bucket(self, name: str) -> None:
        place = {"CreateBucketConfiguration": {"LocationConstraint": self.region}} if self.region != HOME else {}
        self.s3.create_bucket(Bucket=name, **place)

    def endpoint(self, weight: float) -> None:
        models = f"path-models-{self.region}"
        self.bucket(models)
        self.s3.put_object(Bucket=models, Key="model.tar.gz", Body=archive({"model.onnx": onnx_model(weight)}))
        container = {"Image": "image", "ModelDataUrl": f"s3://{models}/model.tar.gz"}
        role = "arn:aws:iam::123456789012:role/fraud-sagemaker-role"
        self.sagemaker.create_model(ModelName="m", ExecutionRoleArn=role, PrimaryContainer=container)
        variant = {"VariantName": "all", "ModelName": "m", "InstanceType": "ml.c6i.2xlarge", "InitialInstanceCount": 1}
        self.sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
        self.sagemaker.create_endpoint(EndpointName="fraud-scoring", EndpointConfigName="c")

    def stack(self) -> None:
        self.cloudformation.create_stack(StackName="fraud-network", TemplateBody=NETWORK)

    def stands(self) -> bool:
        stack = self.cloudformation.describe_stacks(StackName="fraud-network")["Stacks"][0]["StackStatus"]
        endpoint = self.sagemaker.describe_endpoint(EndpointName="fraud-scoring")["EndpointStatus"]
        assert endpoint != "Failed"
        return (stack, endpoint) == ("CREATE_COMPLETE", "InService")

    def outputs(self) -> dict[str, str]:
        stack = self.cloudformation.describe_stacks(StackName="fraud-network")["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), factor=0.001) as started:
        yield started


@pytest.fixture(scope="module")
def regions(sandbox: RunningSandbox) -> dict[str, Aws]:
    """Two regions with a network and an endpoint; the model of the recovery region answers twice as much."""
    made = {region: Aws(sandbox.base_url, region) for region in (HOME, RECOVERY)}
    made[HOME].client("iam").create_role(RoleName="fraud-sagemaker-role", AssumeRolePolicyDocument=TRUST)
    for weight, aws in enumerate(made.values(), start=1):
        aws.endpoint(weight)
        aws.stack()
    until(lambda: all(aws.stands() for aws in made.values()))
    made[RECOVERY].bucket(SWITCH)
    made[RECOVERY].s3.put_bucket_policy(Bucket=SWITCH, Policy=PUBLIC)
    name_it(made)
    return made


def name_it(regions: dict[str, Aws]) -> None:
    dns = regions[RECOVERY].client("route53")
    zone = dns.create_hosted_zone(Name="example.com", CallerReference="path")["HostedZone"]["Id"]
    watched = {
        "Type": "HTTPS",
        "FullyQualifiedDomainName": f"{SWITCH}.s3.{RECOVERY}.amazonaws.com",
        "ResourcePath": "/withdraw",
        "RequestInterval": 10,
        "FailureThreshold": 1,
        "Inverted": True,
    }
    check = dns.create_health_check(CallerReference="path", HealthCheckConfig=watched)["HealthCheck"]["Id"]
    changes = []
    for role, region, more in (("PRIMARY", HOME, {"HealthCheckId": check}), ("SECONDARY", RECOVERY, {})):
        target = regions[region].outputs()["DnsTarget"]
        record = {"Name": NAME, "Type": "CNAME", "TTL": 30, "Failover": role, "SetIdentifier": role, **more}
        changes.append({"Action": "CREATE", "ResourceRecordSet": {**record, "ResourceRecords": [{"Value": target}]}})
    dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})


def until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 30
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.02)


def place(sandbox: RunningSandbox) -> tuple[str, int] | None:
    with urllib.request.urlopen(f"{sandbox.base_url}/dns-query?name={NAME}&type=HTTPS") as reply:
        answers = json.load(reply).get("Answer", [])
    if not answers:
        return None
    facts = dict(part.split("=", 1) for part in answers[-1]["data"].split() if "=" in part)
    return facts["ipv4hint"], int(facts["port"])


def score(connection: http.client.HTTPConnection) -> tuple[int, str | None, str]:
    connection.request("POST", "/score", b"1,2", {"Host": NAME, "Content-Type": "text/csv"})
    answer = connection.getresponse()
    return answer.status, answer.getheader("x-amzn-region"), answer.read().decode()


def ask(sandbox: RunningSandbox) -> tuple[int, str | None, str] | None:
    """Ask as a client does that resolves anew every time; ``None`` when nobody answers."""
    where = place(sandbox)
    if where is None:
        return None
    try:
        return score(http.client.HTTPConnection(*where, timeout=5))
    except (ConnectionError, http.client.HTTPException):
        return None


def test_a_client_follows_the_name_to_the_model_and_over_to_the_other_region(
    sandbox: RunningSandbox, regions: dict[str, Aws]
) -> None:
    until(lambda: ask(sandbox) == (200, HOME, "3.0"))
    control = sandbox.control
    control.fault(HOME, "reset")
    assert ask(sandbox) is None
    regions[RECOVERY].s3.put_object(Bucket=SWITCH, Key="withdraw", Body=b"{}")
    until(lambda: ask(sandbox) == (200, RECOVERY, "6.0"))
    control.heal()
    regions[RECOVERY].s3.delete_object(Bucket=SWITCH, Key="withdraw")
    until(lambda: (ask(sandbox) or (0, ""))[1] == HOME)


def test_the_api_finds_its_endpoint_by_name_with_every_request(
    sandbox: RunningSandbox, regions: dict[str, Aws]
) -> None:
    host, port = sandbox.front_doors[RECOVERY].removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=5)
    assert score(connection) == (200, RECOVERY, "6.0")
    sagemaker = regions[RECOVERY].sagemaker
    sagemaker.delete_endpoint(EndpointName="fraud-scoring")
    until(lambda: score(connection)[0] == 500)
    until(lambda: not sagemaker.list_endpoints()["Endpoints"])
    sagemaker.create_endpoint(EndpointName="fraud-scoring", EndpointConfigName="c")
    until(lambda: score(connection) == (200, RECOVERY, "6.0"))


def test_it_carries_150_requests_a_second_to_a_real_model(sandbox: RunningSandbox, regions: dict[str, Aws]) -> None:
    host, port = sandbox.front_doors[RECOVERY].removeprefix("http://").split(":")
    requests, clients = 600, 3

    def send(_: int) -> set[int]:
        connection = http.client.HTTPConnection(host, int(port), timeout=5)
        return {score(connection)[0] for _ in range(requests // clients)}

    began = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        assert set().union(*pool.map(send, range(clients))) == {200}
    assert requests / (time.monotonic() - began) >= 150
