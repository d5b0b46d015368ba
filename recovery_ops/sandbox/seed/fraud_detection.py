"""The world of the demo: what a platform team would have built for fraud detection in two regions.

Everything is made through AWS's own API, with real data and a really trained model.
Run it once, on an empty sandbox.
"""

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pandas as pd

from recovery_ops.sandbox.seed import data, model

HOME, STANDBY = "us-east-1", "us-west-2"
REGIONS = (HOME, STANDBY)
ACCOUNT = "123456789012"
ROLE = "fraud-sagemaker-role"
TABLE, KEY = "fraud-features", "entity_id"
ENDPOINT = GROUP = "fraud-scoring"
ZONE, NAME = "example.com", "score.example.com"
SWITCH_KEY = "fraud-detection/withdraw-{region}"
DRILL_NAME, DRILL_SWITCH_KEY = "score-drill.example.com", "fraud-detection/drill-withdraw-{region}"
IMAGE_ACCOUNTS = {HOME: "683313688378", STANDBY: "246618743249"}
INSTANCE = "ml.c6i.2xlarge"
AGENT = "recovery-ops-seed/1"

Progress = Callable[[str], None]


def client(service: str, region: str, endpoint_url: str) -> Any:
    """Return a boto3 client of the sandbox that calls itself the seed."""
    from botocore.config import Config

    config = Config(user_agent_extra=AGENT, s3={"addressing_style": "path"}, retries={"total_max_attempts": 2})
    make: Any = boto3.client
    return make(
        service,
        region_name=region,
        endpoint_url=endpoint_url,
        config=config,
        aws_access_key_id="seed",
        aws_secret_access_key="seed",
    )


def seed(endpoint_url: str, template: Path, progress: Progress = lambda _: None) -> None:
    """Build the world behind ``endpoint_url``; ``template`` is the CloudFormation template of the network stack."""
    world = _World(endpoint_url)
    for step, build in (
        ("buckets with versions, locks and replication", world.buckets),
        ("feature table in both regions", world.features),
        ("training data and offline features", world.datasets),
        ("model v1 and v2, trained and registered", world.models),
        ("parameters", world.parameters),
        ("network stacks", lambda: world.networks(template.read_text())),
        ("endpoints", world.endpoints),
        ("DNS with a health switch", world.dns),
    ):
        progress(step)
        build()


class _World:
    def __init__(self, endpoint_url: str) -> None:
        self.url = endpoint_url
        self.train, self.golden = data.split(data.load_phishing())

    def aws(self, service: str, region: str = HOME) -> Any:
        return client(service, region, self.url)

    def buckets(self) -> None:
        self.aws("iam").create_role(
            RoleName=ROLE, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []})
        )
        for region in REGIONS:
            for stem in ("fraud-data", "fraud-models", "fraud-switch"):
                self._bucket(f"{stem}-{region}", region, locked=False)
            for stem in ("fraud-points", "recovery-ops-record"):
                self._bucket(f"{stem}-{region}", region, locked=True)
            self._readable_by_health_checkers(region)
        for stem in ("fraud-data", "fraud-models"):
            self._replicate(f"{stem}-{HOME}", f"{stem}-{STANDBY}")

    def _bucket(self, name: str, region: str, *, locked: bool) -> None:
        s3 = self.aws("s3", region)
        place = {} if region == HOME else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=locked, **place)
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})

    def _readable_by_health_checkers(self, region: str) -> None:
        """Route 53's checkers are anonymous: a switch that they may not read never switches."""
        bucket = f"fraud-switch-{region}"
        statement = {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{bucket}/*",
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.aws("s3", region).put_bucket_policy(Bucket=bucket, Policy=policy)

    def _replicate(self, source: str, target: str) -> None:
        rule = {
            "ID": "to-standby",
            "Priority": 1,
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "DeleteMarkerReplication": {"Status": "Enabled"},
            "Destination": {"Bucket": f"arn:aws:s3:::{target}"},
        }
        self.aws("s3").put_bucket_replication(
            Bucket=source,
            ReplicationConfiguration={"Role": f"arn:aws:iam::{ACCOUNT}:role/{ROLE}", "Rules": [rule]},
        )

    def features(self) -> None:
        dynamodb = self.aws("dynamodb")
        dynamodb.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": KEY, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": KEY, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        dynamodb.get_waiter("table_exists").wait(TableName=TABLE, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        dynamodb.update_table(TableName=TABLE, ReplicaUpdates=[{"Create": {"RegionName": STANDBY}}])
        _until(lambda: _replica_active(dynamodb))
        for region in REGIONS:
            self.aws("dynamodb", region).update_continuous_backups(
                TableName=TABLE, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
            )
        rows = self._entities().to_dict("records")
        for start in range(0, len(rows), 25):
            batch = [{"PutRequest": {"Item": item(row)}} for row in rows[start : start + 25]]
            dynamodb.batch_write_item(RequestItems={TABLE: batch})

    def _entities(self) -> pd.DataFrame:
        frame = self.train[list(data.FEATURES)].copy()
        frame.insert(0, KEY, [f"site-{index:05d}" for index in frame.index])
        frame["version"] = 1
        frame["updated_at"] = datetime.now(UTC).isoformat(timespec="milliseconds")
        return frame

    def datasets(self) -> None:
        s3 = self.aws("s3")
        halves = (self.train.iloc[: len(self.train) // 2], self.train.iloc[len(self.train) // 2 :])
        for number, part in enumerate(halves):
            s3.put_object(Bucket=f"fraud-data-{HOME}", Key=f"training/part-{number:04d}.parquet", Body=parquet(part))
        offline = parquet(self._entities())
        s3.put_object(Bucket=f"fraud-data-{HOME}", Key="features/offline/part-0000.parquet", Body=offline)

    def models(self) -> None:
        s3 = self.aws("s3")
        for version in ("v1", "v2"):
            s3.put_object(
                Bucket=f"fraud-models-{HOME}",
                Key=f"models/{version}/model.tar.gz",
                Body=model.train(self.train, version),
            )
        for region in REGIONS:
            self.aws("sagemaker", region).create_model_package_group(ModelPackageGroupName=GROUP)
        for version in ("v1", "v2"):
            self._register(version, HOME)
        _until(lambda: _is_there(self.aws("s3", STANDBY), f"fraud-models-{STANDBY}", "models/v2/model.tar.gz"))

    def _register(self, version: str, region: str) -> None:
        self.aws("sagemaker", region).create_model_package(
            ModelPackageGroupName=GROUP,
            ModelPackageDescription=f"gradient boosting on phishing features, {version}",
            ModelApprovalStatus="Approved",
            InferenceSpecification={
                "Containers": [{"Image": image(region), "ModelDataUrl": artifact(version, region)}],
                "SupportedContentTypes": ["application/json", "text/csv"],
                "SupportedResponseMIMETypes": ["application/json", "text/csv"],
            },
            CustomerMetadataProperties={"version": version},
        )

    def parameters(self) -> None:
        transform = {"version": 3, "columns": list(data.FEATURES), "scale": "none", "fill": 0.0}
        assignments = {"experiment": "threshold-2026-11", "arms": {"control": 0.9, "candidate": 0.1}}
        for region in REGIONS:
            ssm = self.aws("ssm", region)
            for name, value in (
                ("transform/config", json.dumps(transform)),
                ("experiment/assignments", json.dumps(assignments)),
                ("features/table", TABLE),
            ):
                ssm.put_parameter(Name=f"/fraud-detection/{name}", Value=value, Type="String", Overwrite=True)

    def networks(self, template: str) -> None:
        for region in REGIONS:
            self.aws("cloudformation", region).create_stack(
                StackName="fraud-network",
                TemplateBody=template,
                Parameters=[{"ParameterKey": "StageName", "ParameterValue": "live"}],
                Capabilities=["CAPABILITY_NAMED_IAM"],
            )
        for region in REGIONS:
            self.aws("cloudformation", region).get_waiter("stack_create_complete").wait(
                StackName="fraud-network", WaiterConfig={"Delay": 1, "MaxAttempts": 120}
            )

    def outputs(self, region: str) -> dict[str, str]:
        stack = self.aws("cloudformation", region).describe_stacks(StackName="fraud-network")["Stacks"][0]
        return {item["OutputKey"]: item["OutputValue"] for item in stack["Outputs"]}

    def endpoints(self) -> None:
        for region, version, count in ((HOME, "v2", 2), (STANDBY, "v1", 1)):
            self._endpoint(region, version, count)
        for region in REGIONS:
            self.aws("sagemaker", region).get_waiter("endpoint_in_service").wait(
                EndpointName=ENDPOINT, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
            )
            self._autoscale(region)

    def _endpoint(self, region: str, version: str, count: int) -> None:
        sagemaker, outputs = self.aws("sagemaker", region), self.outputs(region)
        sagemaker.create_model(
            ModelName=f"fraud-scoring-{version}",
            ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/{ROLE}",
            PrimaryContainer={"Image": image(region), "ModelDataUrl": artifact(version, region)},
            VpcConfig={
                "SecurityGroupIds": [outputs["SecurityGroupId"]],
                "Subnets": outputs["SubnetIds"].split(","),
            },
        )
        sagemaker.create_endpoint_config(
            EndpointConfigName=f"fraud-scoring-{version}",
            ProductionVariants=[
                {
                    "VariantName": "main",
                    "ModelName": f"fraud-scoring-{version}",
                    "InstanceType": INSTANCE,
                    "InitialInstanceCount": count,
                    "InitialVariantWeight": 1.0,
                }
            ],
        )
        sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=f"fraud-scoring-{version}")

    def _autoscale(self, region: str) -> None:
        scaling = self.aws("application-autoscaling", region)
        target = {
            "ServiceNamespace": "sagemaker",
            "ResourceId": f"endpoint/{ENDPOINT}/variant/main",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        }
        scaling.register_scalable_target(MinCapacity=1, MaxCapacity=6, **target)
        scaling.put_scaling_policy(
            PolicyName="invocations",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": 600.0,
                "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
            },
            **target,
        )

    def dns(self) -> None:
        route53 = self.aws("route53")
        zone = route53.create_hosted_zone(Name=ZONE, CallerReference="seed")["HostedZone"]["Id"]
        pairs = ((NAME, SWITCH_KEY), (DRILL_NAME, DRILL_SWITCH_KEY))
        changes = [change for name, key in pairs for change in self._pair(route53, name, key)]
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})

    def _pair(self, route53: Any, name: str, switch_key: str) -> list[dict[str, Any]]:
        """Return the changes that make a failover pair; the switch of home lies in the other region."""
        changes = []
        for region, role in ((HOME, "PRIMARY"), (STANDBY, "SECONDARY")):
            record: dict[str, Any] = {
                "Name": name,
                "Type": "CNAME",
                "SetIdentifier": region,
                "Failover": role,
                "TTL": 30,
                "ResourceRecords": [{"Value": self.outputs(region)["DnsTarget"]}],
            }
            if role == "PRIMARY":
                record["HealthCheckId"] = self._switch(route53, name, switch_key.format(region=region))
            changes.append({"Action": "CREATE", "ResourceRecordSet": record})
        return changes

    def _switch(self, route53: Any, name: str, key: str) -> str:
        answer = route53.create_health_check(
            CallerReference=f"switch-{name}",
            HealthCheckConfig={
                "Type": "HTTPS",
                "FullyQualifiedDomainName": f"fraud-switch-{STANDBY}.s3.{STANDBY}.amazonaws.com",
                "ResourcePath": f"/{key}",
                "Port": 443,
                "Inverted": True,
                "RequestInterval": 10,
                "FailureThreshold": 3,
            },
        )
        return str(answer["HealthCheck"]["Id"])


def image(region: str) -> str:
    """Return the serving image as the registry account of ``region`` offers it."""
    return f"{IMAGE_ACCOUNTS[region]}.dkr.ecr.{region}.amazonaws.com/sagemaker-xgboost:1.7-1"


def artifact(version: str, region: str) -> str:
    """Return the S3 URL of a model's archive in ``region``."""
    return f"s3://fraud-models-{region}/models/{version}/model.tar.gz"


def item(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a DynamoDB item of an entity's features."""
    numbers = {name: {"N": repr(row[name])} for name in data.FEATURES}
    return numbers | {
        KEY: {"S": row[KEY]},
        "version": {"N": str(row["version"])},
        "updated_at": {"S": row["updated_at"]},
    }


def entity_of(number: int) -> str:
    """Return a key that no seeded entity has, stable for ``number``."""
    return f"live-{hashlib.sha256(str(number).encode()).hexdigest()[:10]}"


def parquet(frame: pd.DataFrame) -> bytes:
    """Return ``frame`` as Parquet bytes without its index."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _replica_active(dynamodb: Any) -> bool:
    replicas = dynamodb.describe_table(TableName=TABLE)["Table"].get("Replicas", [])
    return any(replica.get("ReplicaStatus", "ACTIVE") == "ACTIVE" for replica in replicas)


def _is_there(s3: Any, bucket: str, key: str) -> bool:
    return key in {found["Key"] for found in s3.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents", [])}


def _until(true: Callable[[], bool], *, limit_s: float = 60.0) -> None:
    import time

    end = time.monotonic() + limit_s
    while not true():
        if time.monotonic() > end:
            raise TimeoutError("the sandbox did not get ready while it was seeded")
        time.sleep(0.05)
