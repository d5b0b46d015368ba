"""Traffic: what the DNS name answers, who replies behind it, and the two ways to move it.

The health switch is an object in the recovery region. A Route 53 health check, inverted, watches it: once the object is
there, the primary record counts as unhealthy and the standby record answers. Moving traffic is then one S3 write and
needs no DNS control plane, which AWS runs in us-east-1.
Source: AWS "Creating Disaster Recovery Mechanisms Using Amazon Route 53", standby takes over primary.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from recovery_ops.aws.calls import current_caller
from recovery_ops.aws.clients import client
from recovery_ops.aws.limits import PROBE_TIMEOUT_S
from recovery_ops.aws.names import Answer, addresses_of, plain, resolve, trust
from recovery_ops.aws.objects import head, read
from recovery_ops.aws.translate import aws_errors
from recovery_ops.errors import StepError, StepRejectedError
from recovery_ops.model.system import Traffic

REGION_HEADER = "x-amzn-region"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One request from outside. ``region`` is who says to have answered, empty when nobody did or nobody says so.

    ``names`` and ``address`` are where the request went: the names through which DNS led there, and the address,
    where the operating system resolves.
    """

    ok: bool
    region: str
    status: int
    seconds: float
    detail: str = ""
    names: frozenset[str] = frozenset()
    address: str = ""


def whose(answer: Probe, doors: Mapping[str, str]) -> str:
    """Return the region, of ``doors`` (region -> host), whose door a probe went to; empty when that cannot be told.

    It is told by the names through which DNS led the probe; where alias records hide them, by the address it went to.
    """
    found = [region for region, door in doors.items() if plain(door) in answer.names]
    if not found and answer.address:
        found = [region for region, door in doors.items() if answer.address in addresses_of(door)]
    return found[0] if len(found) == 1 else ""


def probe(name: str, path: str, body: bytes, *, resolver: str | None, host: str | None = None) -> Probe:
    """Send one request the way a client does: resolve, connect, ask. The answer tells where the request went.

    Args:
        name: DNS name to resolve; with ``host`` the front door host to go to instead, past the name.
        path: Request path, for example ``/score``.
        body: JSON body.
        resolver: See :func:`resolve`.
        host: ``None`` to be a client of the name.
    """
    begin, asked = time.monotonic(), host or name
    answer = resolve(asked, resolver)
    if answer is None:
        return Probe(ok=False, region="", status=0, seconds=time.monotonic() - begin, detail=f"{asked}: no answer")
    headers = {"Host": name, "Content-Type": "application/json", "User-Agent": current_caller().user_agent}
    reply, url = _ask(answer, asked, path, body, headers)
    facts: dict[str, Any] = {"seconds": time.monotonic() - begin, "names": answer.names}
    facts["address"] = (urlsplit(url).hostname or "") if answer.addresses else ""
    if isinstance(reply, Exception):
        return Probe(ok=False, region="", status=0, detail=f"{answer.host}: {reply!r}", **facts)
    return Probe(
        ok=reply.status_code == 200,
        region=reply.headers.get(REGION_HEADER, ""),
        status=reply.status_code,
        detail="" if reply.status_code == 200 else reply.text[:200],
        **facts,
    )


def _ask(answer: Answer, asked: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[Any, str]:
    """Ask the first address that takes the connection; return its reply or the error, and where that came from.

    The addresses are those that were resolved, so that the one who answers is known; TLS is that of the name.
    """
    import httpx

    extensions = {"sni_hostname": asked} if answer.addresses else {}
    reply: Any = None
    for url in answer.urls:
        try:
            with httpx.Client(timeout=PROBE_TIMEOUT_S, verify=trust()) as http:
                return http.post(f"{url}{path}", content=body, headers=headers, extensions=extensions), url
        except httpx.ConnectError as error:
            reply = error
        except httpx.HTTPError as error:
            return error, url
    return reply, answer.urls[-1]


def switch_place(traffic: Traffic, region: str) -> tuple[str, str]:
    """Return bucket and key of the health switch that lives in ``region``.

    Raises:
        StepRejectedError: The catalog names no switch there.
    """
    url = traffic.health_switch.get(region)
    if url is None:
        raise StepRejectedError(f"traffic {traffic.name} has no health switch in {region}", region=region)
    parts = urlsplit(url)
    return parts.netloc, parts.path.lstrip("/")


def withdraw_primary(traffic: Traffic, region: str, reason: bytes) -> str:
    """Write the switch object in ``region``; from then on the standby record answers. Safe to repeat."""
    bucket, key = switch_place(traffic, region)
    if _holds(bucket, key, region, reason):
        return f"s3://{bucket}/{key} was written before"
    with aws_errors(f"withdraw the primary of {traffic.name}", region=region):
        client("s3", region).put_object(Bucket=bucket, Key=key, Body=reason, ContentType="application/json")
    return f"s3://{bucket}/{key} written"


def _holds(bucket: str, key: str, region: str, body: bytes) -> bool:
    """Return whether an object has this content; one that cannot be read is written again."""
    try:
        return read(bucket, key, region, limit=len(body) + 1) == body
    except StepError:
        return False


def forget_switch(traffic: Traffic, region: str) -> bool:
    """Remove every version of the switch object in ``region``, so that no trace is left; return whether one was there.

    For the name of drills only: what was done to the switch of clients stays to be looked at. Safe to repeat.
    """
    bucket, key = switch_place(traffic, region)
    s3 = client("s3", region)
    with aws_errors(f"remove the switch of {traffic.name}", region=region):
        pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key)
        items = [item for page in pages for kind in ("Versions", "DeleteMarkers") for item in page.get(kind, [])]
        versions = [str(item["VersionId"]) for item in items if item["Key"] == key]
        for version in versions:
            s3.delete_object(Bucket=bucket, Key=key, VersionId=version)
    return bool(versions)


def readmit_primary(traffic: Traffic, region: str) -> str:
    """Remove the switch object in ``region``; the primary record answers again. Safe to repeat."""
    bucket, key = switch_place(traffic, region)
    if not _may_stand(bucket, key, region):
        return f"s3://{bucket}/{key} was removed before"
    with aws_errors(f"readmit the primary of {traffic.name}", region=region):
        client("s3", region).delete_object(Bucket=bucket, Key=key)
    return f"s3://{bucket}/{key} removed"


def _may_stand(bucket: str, key: str, region: str) -> bool:
    """Return whether there is an object; one that cannot be looked at may be there."""
    try:
        return head(bucket, key, region) is not None
    except StepError:
        return True


def swap_records(traffic: Traffic, region: str, primary_host: str, secondary_host: str) -> str:
    """Rewrite the failover pair so that ``primary_host`` leads. Needs the DNS control plane (AWS runs it in us-east-1).

    Raises:
        StepInterruptedError: The control plane does not answer; DNS is unchanged.
    """
    with aws_errors(f"rewrite the records of {traffic.name}", region=region):
        dns = client("route53", region)
        zone = _zone_id(dns, traffic.zone)
        changes = [
            {"Action": "UPSERT", "ResourceRecordSet": record}
            for record in _failover_pair(dns, zone, traffic, primary_host, secondary_host)
        ]
        answer = dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
    return f"change {answer['ChangeInfo']['Id']} is {answer['ChangeInfo']['Status']}"


def _zone_id(dns: Any, zone: str) -> str:
    zones = dns.list_hosted_zones_by_name(DNSName=zone, MaxItems="1")["HostedZones"]
    matching = [item["Id"] for item in zones if item["Name"].rstrip(".") == zone.rstrip(".")]
    if not matching:
        raise StepRejectedError(f"there is no hosted zone {zone}", region="global")
    return str(matching[0])


def _failover_pair(dns: Any, zone: str, traffic: Traffic, primary: str, secondary: str) -> list[dict[str, Any]]:
    answer = dns.list_resource_record_sets(HostedZoneId=zone, StartRecordName=traffic.name)
    pair = [record for record in answer["ResourceRecordSets"] if record["Name"].rstrip(".") == traffic.name]
    target = {"PRIMARY": primary, "SECONDARY": secondary}
    return [
        record | {"ResourceRecords": [{"Value": target[record["Failover"]]}]} for record in pair if "Failover" in record
    ]
