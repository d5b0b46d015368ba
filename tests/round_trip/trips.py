"""A protected system in a sandbox of its own, with a writer outside, that is failed over and brought home."""

import functools
import io
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pandas as pd
from botocore.config import Config

from recovery_ops.cli import local
from recovery_ops.execution.direct import run_direct
from recovery_ops.execution.systems import load_system
from recovery_ops.execution.view import load_run
from recovery_ops.model.plan import Mode
from recovery_ops.model.runs import RunRef, RunRequest
from recovery_ops.model.system import Component, System
from recovery_ops.record.fold import fold
from recovery_ops.record.state import RunState
from recovery_ops.sandbox.outside.crowd import Person, send_out
from recovery_ops.sandbox.outside.journal import acknowledged, lines
from recovery_ops.sandbox.process import RunningSandbox
from recovery_ops.sandbox.seed import data
from recovery_ops.sandbox.seed.fraud_detection import ROLE, parquet
from recovery_ops.testing import patience

CATALOGS = Path(__file__).parents[2] / "dags"
HOME, AWAY = "us-east-1", "us-west-2"
TABLE, KEY = "fraud-features", "entity_id"
DATA, LOGS = "training/", "inference-logs/"


until = patience.until


def patient_system() -> System:
    """The shipped catalog without what depends on how busy this machine is: freshness and latency are given time."""
    system = load_system("fraud-detection", CATALOGS)
    return replace(system, components=(*map(_patient, system.components), inference_logs(system)))


def inference_logs(system: System) -> Component:
    """Return a component of keys that are only ever added: what was asked of the models and what they answered."""
    settings = {"bucket": "fraud-data-{region}", "prefix": LOGS}
    return replace(system.component("training-data"), name="inference-logs", settings=settings)


@functools.cache
def body_of(rows: int) -> bytes:
    """Return a Parquet file with the first rows of the training data."""
    return parquet(data.split(data.load_phishing())[0].head(rows))


def _patient(component: Component) -> Component:
    return patience.patient(component, {"p95_latency": 60.0, "latency_ratio": 1e3, "end_to_end": 60.0})


@dataclass(slots=True)
class Trip:
    """The world of a round trip, seen by whoever is no part of the library."""

    sandbox: RunningSandbox
    system: System
    folder: Path
    writer: Person | None = None
    runs: int = 0

    def aws(self, service: str, region: str, **keys: str) -> Any:
        config = Config(user_agent_extra="recovery-ops-test/1", s3={"addressing_style": "path"})
        make: Any = boto3.client
        return make(service, region_name=region, endpoint_url=self.sandbox.base_url, config=config, **keys)

    def send_writer(self) -> None:
        self.writer = send_out(
            "writer",
            self.folder / "writer.jsonl",
            row=json.dumps(local.sample_row()),
            endpoint_url=self.sandbox.base_url,
            parameter="/fraud-detection/features/table",
            features=json.dumps(list(data.FEATURES)),
            name=self.system.traffic.name,
            resolver=f"{self.sandbox.base_url}/dns-query",
        )
        until(lambda: any(line["ok"] for line in self.journal()), "a first write")

    def journal(self) -> list[dict[str, Any]]:
        return lines(self.folder / "writer.jsonl")

    def move(self, mode: Mode, region: str, *, graceful: bool, impact_at: datetime | None = None) -> RunState:
        self.runs += 1
        request = RunRequest(
            system=self.system.name,
            mode=mode,
            recovery_region=region,
            person="alice",
            reason="round trip",
            token=f"trip-{self.runs}",
            execution="direct",
            graceful=graceful,
            impact_at=impact_at,
            override="how fast this machine is proves nothing",
        )
        return self.state(run_direct(request, self.system))

    def state(self, ref: RunRef) -> RunState:
        return fold(load_run(ref).log.events())

    def lose_home(self) -> datetime:
        self.sandbox.control.fault(HOME, "reset")
        return datetime.now(UTC)

    def answers(self) -> str:
        """The host that the DNS name leads to now."""
        found = self.sandbox.control.dns_query(self.system.traffic.name)["Answer"]
        return str(found[-1]["name"])

    def put(self, region: str, key: str, version: int) -> None:
        item = {KEY: {"S": key}, "version": {"N": str(version)}, "updated_at": {"S": datetime.now(UTC).isoformat()}}
        features = {name: {"N": "0"} for name in data.FEATURES}
        self.aws("dynamodb", region).put_item(TableName=TABLE, Item=item | features)

    def put_object(self, region: str, key: str, rows: int) -> None:
        """Write an object with that many rows of training data, as a writer with a role of its own."""
        role = self.aws("iam", region).get_role(RoleName=ROLE)["Role"]["Arn"]
        keys = self.aws("sts", region).assume_role(RoleArn=role, RoleSessionName="writer")["Credentials"]
        names = {"aws_access_key_id": "AccessKeyId", "aws_secret_access_key": "SecretAccessKey"}
        names |= {"aws_session_token": "SessionToken"}
        s3 = self.aws("s3", region, **{option: keys[name] for option, name in names.items()})
        s3.put_object(Bucket=f"fraud-data-{region}", Key=key, Body=body_of(rows))

    def rows_of(self, region: str, key: str, version: str | None = None) -> int:
        """How many rows the object has that a reader sees, or one exact version of it."""
        exact = {"VersionId": version} if version else {}
        answer = self.aws("s3", region).get_object(Bucket=f"fraud-data-{region}", Key=key, **exact)
        return len(pd.read_parquet(io.BytesIO(answer["Body"].read())))

    def logs(self, region: str) -> set[str]:
        """The inference logs of a region by what comes after their prefix."""
        listed = self.aws("s3", region).list_objects_v2(Bucket=f"fraud-data-{region}", Prefix=LOGS)
        return {item["Key"].removeprefix(LOGS) for item in listed.get("Contents", [])}

    def rows(self, region: str) -> dict[str, int]:
        pages = self.aws("dynamodb", region).get_paginator("scan").paginate(TableName=TABLE)
        return {item[KEY]["S"]: int(item["version"]["N"]) for page in pages for item in page["Items"]}

    def lost(self, region: str) -> list[tuple[str, int]]:
        """Acknowledged writes that ``region`` serves neither in that version nor in a later one."""
        served = self.rows(region)
        return [
            (key, version)
            for key, versions in acknowledged(self.journal()).items()
            for version in versions
            if version > served.get(key, -1)
        ]

    def standing(self) -> dict[str, Any]:
        """What stands in both regions by name, with configuration that a move must not leave changed."""
        found: dict[str, Any] = {"dns": self._records(), "switches": self._switches()}
        for region in (HOME, AWAY):
            found[region] = {
                "tables": self.aws("dynamodb", region).list_tables()["TableNames"],
                "replicas": self._replicas(region),
                "policy": self._policy(region),
                "bucket policies": self._bucket_policies(region),
                "replication": self._replication(region),
                "parameters": self._parameters(region),
                "endpoint": self._endpoint(region),
                "stacks": self._stacks(region),
                "autoscaling": self._autoscaling(region),
            }
        return found

    def _records(self) -> list[dict[str, Any]]:
        dns = self.aws("route53", HOME)
        zone = dns.list_hosted_zones()["HostedZones"][0]["Id"]
        return list(dns.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"])

    def _switches(self) -> list[str]:
        return [
            item["Key"]
            for region in (HOME, AWAY)
            for item in self.aws("s3", region).list_objects_v2(Bucket=f"fraud-switch-{region}").get("Contents", [])
        ]

    def _replicas(self, region: str) -> list[str]:
        table = self.aws("dynamodb", region).describe_table(TableName=TABLE)["Table"]
        return sorted(replica["RegionName"] for replica in table.get("Replicas", []))

    def _policy(self, region: str) -> str | None:
        dynamodb = self.aws("dynamodb", region)
        arn = dynamodb.describe_table(TableName=TABLE)["Table"]["TableArn"]
        try:
            return str(dynamodb.get_resource_policy(ResourceArn=arn)["Policy"])
        except dynamodb.exceptions.PolicyNotFoundException:
            return None

    def _bucket_policies(self, region: str) -> dict[str, str]:
        s3, found = self.aws("s3", region), {}
        for bucket in s3.list_buckets(BucketRegion=region)["Buckets"]:
            try:
                found[bucket["Name"]] = s3.get_bucket_policy(Bucket=bucket["Name"])["Policy"]
            except s3.exceptions.ClientError:
                continue
        return found

    def _replication(self, region: str) -> dict[str, Any]:
        s3, found = self.aws("s3", region), {}
        for bucket in s3.list_buckets(BucketRegion=region)["Buckets"]:
            try:
                answer = s3.get_bucket_replication(Bucket=bucket["Name"])["ReplicationConfiguration"]
            except s3.exceptions.ClientError:
                continue
            found[bucket["Name"]] = answer
        return found

    def _parameters(self, region: str) -> dict[str, str]:
        pages = self.aws("ssm", region).get_paginator("get_parameters_by_path").paginate(Path="/", Recursive=True)
        return {item["Name"]: item["Value"] for page in pages for item in page["Parameters"]}

    def _endpoint(self, region: str) -> list[str]:
        found = self.aws("sagemaker", region).list_endpoints()["Endpoints"]
        return [f"{item['EndpointName']} {item['EndpointStatus']}" for item in found]

    def _stacks(self, region: str) -> list[str]:
        return [stack["StackName"] for stack in self.aws("cloudformation", region).describe_stacks()["Stacks"]]

    def _autoscaling(self, region: str) -> list[tuple[Any, ...]]:
        scaling = self.aws("application-autoscaling", region)
        targets = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
        return [(item["ResourceId"], item["MinCapacity"], item["MaxCapacity"]) for item in targets]
