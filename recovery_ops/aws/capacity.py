"""What a region could give to endpoints: instance types it offers, quotas, and what runs already. Reads only.

AWS has no way to ask for capacity. An offering says that a type exists in a region, a quota how many we may have; only
instances that run already are ours.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from recovery_ops.aws.clients import client
from recovery_ops.aws.objects import in_threads
from recovery_ops.aws.translate import aws_errors, found

QUOTA_NAME = "{instance_type} for endpoint usage"
ENDS = "Failed", "Deleting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What is known of one instance type in one region.

    ``quota`` is the number of instances that endpoints of the account may have (``None``: Service Quotas names none);
    ``used`` is how many they have now, all endpoints together.
    """

    instance_type: str
    offered: bool
    quota: int | None
    used: int

    def fits(self, more: int) -> bool:
        """Return whether ``more`` instances may be had beside those that run, as far as can be asked."""
        return self.offered and (self.quota is None or self.used + more <= self.quota)


def rooms(instance_types: Iterable[str], region: str) -> list[Room]:
    """Return what ``region`` has of each instance type, in order."""
    wanted = list(instance_types)
    offered, quotas, used = offerings(wanted, region), endpoint_quotas(region), in_use(region)
    return [
        Room(instance_type=kind, offered=kind in offered, quota=quotas.get(kind), used=used[kind]) for kind in wanted
    ]


def offerings(instance_types: Iterable[str], region: str) -> set[str]:
    """Return those of the SageMaker instance types whose EC2 type ``region`` offers.

    SageMaker has no call that lists what it offers; the EC2 type under an ``ml.`` type is the nearest there is.
    """
    by_ec2 = {kind.removeprefix("ml."): kind for kind in instance_types}
    filters = [{"Name": "instance-type", "Values": sorted(by_ec2)}]
    with aws_errors("list instance type offerings", region=region):
        pages = client("ec2", region).get_paginator("describe_instance_type_offerings")
        answers = pages.paginate(LocationType="region", Filters=filters)
        return {by_ec2[item["InstanceType"]] for page in answers for item in page["InstanceTypeOfferings"]}


def endpoint_quotas(region: str) -> dict[str, int]:
    """Return the quota for endpoints of every instance type that Service Quotas names in ``region``."""
    suffix = QUOTA_NAME.format(instance_type="")
    with aws_errors("list quotas of SageMaker", region=region):
        pages = client("service-quotas", region).get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
        listed = [item for page in pages for item in page["Quotas"] if str(item["QuotaName"]).endswith(suffix)]
    return {str(item["QuotaName"]).removesuffix(suffix): int(item["Value"]) for item in listed}


def in_use(region: str) -> Counter[str]:
    """Return how many instances of each type the endpoints of ``region`` have or are getting."""
    sagemaker = client("sagemaker", region)
    with aws_errors("count instances of endpoints", region=region):
        pages = sagemaker.get_paginator("list_endpoints").paginate()
        names = [item["EndpointName"] for page in pages for item in page["Endpoints"]]
        total: Counter[str] = Counter()
        for counted in in_threads(lambda name: _instances(name, region), names):
            total.update(counted)
    return total


def _instances(endpoint: str, region: str) -> Counter[str]:
    sagemaker = client("sagemaker", region)
    seen = found(lambda: sagemaker.describe_endpoint(EndpointName=endpoint))
    if seen is None or seen["EndpointStatus"] in ENDS or not seen.get("EndpointConfigName"):
        return Counter()
    config = found(lambda: sagemaker.describe_endpoint_config(EndpointConfigName=seen["EndpointConfigName"]))
    types: Mapping[str, str] = {
        item["VariantName"]: item["InstanceType"]
        for item in (config or {}).get("ProductionVariants", [])
        if item.get("InstanceType")
    }
    counted: Counter[str] = Counter()
    for variant in seen.get("ProductionVariants", []):
        if variant["VariantName"] in types:
            now = (int(variant.get(name) or 0) for name in ("CurrentInstanceCount", "DesiredInstanceCount"))
            counted[types[variant["VariantName"]]] += max(now)
    return counted
