"""What is true in one region of the sandbox, without what differs between two equal histories."""

import functools
import hashlib
import json
from collections.abc import Collection
from typing import Any

VOLATILE = {"CreationTime", "LastModifiedTime", "CreationDateTime", "LastModified", "VersionId", "ResponseMetadata"}


@functools.cache
def outsider(base_url: str, service: str, region: str) -> Any:
    """Return a client that is not the library."""
    import boto3
    from botocore.config import Config

    make: Any = boto3.client
    return make(
        service,
        region_name=region,
        endpoint_url=base_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the sandbox takes any
        config=Config(user_agent_extra="recovery-ops-test/1", s3={"addressing_style": "path"}),
    )


def fingerprint(base_url: str, region: str, inventory: dict[str, Any], services: Collection[str]) -> dict[str, Any]:
    """Return resources with their tags, and what ``services`` hold: objects, items, parameters, packages, endpoints."""
    seen = _Region(base_url, region)
    looks = {
        "s3": seen.objects,
        "dynamodb": seen.items,
        "ssm": seen.parameters,
        "sagemaker": seen.sagemaker,
        "application-autoscaling": seen.autoscaling,
    }
    resources = {service: sorted(map(_text, found)) for service, found in inventory.items()}
    return {"resources": resources} | {name: look() for name, look in looks.items() if name in services}


def _text(value: Any) -> str:
    return json.dumps(_stable(value), sort_keys=True, default=str)


def _stable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _stable(item) for key, item in value.items() if key not in VOLATILE}
    return [_stable(item) for item in value] if isinstance(value, list) else value


class _Region:
    def __init__(self, base_url: str, region: str) -> None:
        self.base_url, self.region = base_url, region

    def aws(self, service: str) -> Any:
        return outsider(self.base_url, service, self.region)

    def objects(self) -> dict[str, Any]:
        s3 = self.aws("s3")
        found: dict[str, list[Any]] = {}
        for bucket in s3.list_buckets(BucketRegion=self.region)["Buckets"]:
            for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket["Name"]):
                for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                    name = f"{bucket['Name']}/{entry['Key']}"
                    found.setdefault(name, []).append((entry["IsLatest"], entry.get("ETag", "marker")))
        return {name: sorted(versions) for name, versions in found.items()}

    def items(self) -> dict[str, Any]:
        dynamodb, found = self.aws("dynamodb"), {}
        for table in dynamodb.list_tables()["TableNames"]:
            pages = dynamodb.get_paginator("scan").paginate(TableName=table)
            rows = sorted(_text(item) for page in pages for item in page["Items"])
            status = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
            recovery = status["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
            found[table] = (len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest(), recovery)
        return found

    def parameters(self) -> dict[str, Any]:
        pages = self.aws("ssm").get_paginator("get_parameters_by_path").paginate(Path="/", Recursive=True)
        return {item["Name"]: (item["Value"], item["Version"]) for page in pages for item in page["Parameters"]}

    def sagemaker(self) -> dict[str, str]:
        sagemaker, found = self.aws("sagemaker"), {}
        for endpoint in sagemaker.list_endpoints()["Endpoints"]:
            name = endpoint["EndpointName"]
            found[f"endpoint {name}"] = _text(sagemaker.describe_endpoint(EndpointName=name))
        for group in sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]:
            name = group["ModelPackageGroupName"]
            for package in sagemaker.list_model_packages(ModelPackageGroupName=name)["ModelPackageSummaryList"]:
                arn = package["ModelPackageArn"]
                found[arn] = _text(sagemaker.describe_model_package(ModelPackageName=arn))
        return found

    def autoscaling(self) -> list[str]:
        scaling = self.aws("application-autoscaling")
        targets = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
        policies = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
        kept = ("ResourceId", "MinCapacity", "MaxCapacity", "PolicyName", "TargetTrackingScalingPolicyConfiguration")
        return sorted(_text({name: item[name] for name in kept if name in item}) for item in [*targets, *policies])
