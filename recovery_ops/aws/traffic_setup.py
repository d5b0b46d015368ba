"""Whether DNS is set up so that the health switch can move traffic; reads only."""

from typing import Any
from urllib.parse import urlsplit

from recovery_ops.aws.clients import client
from recovery_ops.aws.objects import exists
from recovery_ops.aws.traffic import switch_place
from recovery_ops.aws.translate import aws_errors, found
from recovery_ops.model.system import CutoverMethod, Traffic


def bucket_problem(bucket: str, region: str) -> str | None:
    """Return why ``bucket`` cannot be written to in ``region``, as far as a look at it tells, or ``None``."""
    with aws_errors(f"look at s3://{bucket}", region=region):
        answer = found(lambda: client("s3", region).head_bucket(Bucket=bucket))
    if answer is None:
        return f"there is no bucket {bucket}"
    where = answer.get("BucketRegion") or answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region")
    return f"bucket {bucket} is in {where}, not in {region}" if where not in (None, region) else None


def switch_problem(traffic: Traffic, region: str) -> str | None:
    """Return why the health switch in ``region`` could not be thrown, or ``None``."""
    bucket, _ = switch_place(traffic, region)
    return bucket_problem(bucket, region)


def switch_thrown(traffic: Traffic, region: str) -> bool:
    """Return whether the health switch in ``region`` is thrown: the primary record counts as unhealthy then."""
    bucket, key = switch_place(traffic, region)
    return exists(bucket, key, region)


def failover_problem(traffic: Traffic, region: str, recovery_region: str) -> str | None:
    """Return why moving traffic from home to ``recovery_region`` would move nothing, or ``None``.

    Route 53 is asked through ``region``; its reads go on when its control plane is down.
    """
    with aws_errors(f"look at the records of {traffic.name}", region=region):
        dns = client("route53", region)
        zones = dns.list_hosted_zones_by_name(DNSName=traffic.zone, MaxItems="1")["HostedZones"]
        zone = next((item["Id"] for item in zones if item["Name"].rstrip(".") == traffic.zone.rstrip(".")), None)
        if zone is None:
            return f"there is no hosted zone {traffic.zone}"
        listed = dns.list_resource_record_sets(HostedZoneId=zone, StartRecordName=traffic.name)["ResourceRecordSets"]
        pair = {item["Failover"]: item for item in listed if _is(traffic, item) and "Failover" in item}
        if absent := sorted({"PRIMARY", "SECONDARY"} - pair.keys()):
            return f"{traffic.name} has no {' and no '.join(absent)} record"
        if traffic.method is not CutoverMethod.HEALTH_SWITCH:
            return None
        return _check_problem(dns, traffic, pair["PRIMARY"].get("HealthCheckId"), recovery_region)


def _is(traffic: Traffic, record: dict[str, Any]) -> bool:
    return str(record["Name"]).rstrip(".") == traffic.name.rstrip(".")


def _check_problem(dns: Any, traffic: Traffic, check_id: str | None, region: str) -> str | None:
    if check_id is None:
        return f"the primary record of {traffic.name} has no health check"
    config = dns.get_health_check(HealthCheckId=check_id)["HealthCheck"]["HealthCheckConfig"]
    parts = urlsplit(traffic.health_switch[region])
    if not str(config.get("FullyQualifiedDomainName", "")).startswith(f"{parts.netloc}."):
        return f"health check {check_id} watches {config.get('FullyQualifiedDomainName')}, not s3://{parts.netloc}"
    if config.get("ResourcePath", "").lstrip("/") != parts.path.lstrip("/"):
        return f"health check {check_id} watches {config.get('ResourcePath')}, not {parts.path}"
    return None if config.get("Inverted") else f"health check {check_id} is not inverted: the switch would do nothing"
