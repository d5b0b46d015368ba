"""Names in the real sandbox process: traffic moves by one S3 write while home and its control planes are dead."""

import json
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from recovery_ops.sandbox.control import Control
from recovery_ops.sandbox.process import RunningSandbox, running_sandbox

pytestmark = pytest.mark.sandbox

FACTOR = 0.005
HOME, RECOVERY = "us-east-1", "us-west-2"
NAME = "score.example.com"
HOSTS = {region: f"abc123.execute-api.{region}.amazonaws.com" for region in (HOME, RECOVERY)}
SWITCH = "dns-switch"
PUBLIC = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{SWITCH}/*"}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), factor=FACTOR) as started:
        yield started


@pytest.fixture
def control(sandbox: RunningSandbox) -> Iterator[Control]:
    control = Control(sandbox.base_url)
    yield control
    control.heal()
    control.control_plane(service="route53", down=None)


def client(sandbox: RunningSandbox, service: str, region: str = RECOVERY) -> Any:
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=sandbox.base_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, user_agent_extra="recovery-ops-test/1"),
    )


@pytest.fixture(scope="module")
def switch(sandbox: RunningSandbox) -> Any:
    """A bucket of the recovery region that anybody may read, as health checkers have to."""
    s3 = client(sandbox, "s3")
    s3.create_bucket(Bucket=SWITCH, CreateBucketConfiguration={"LocationConstraint": RECOVERY})
    s3.put_bucket_policy(Bucket=SWITCH, Policy=json.dumps({"Version": "2012-10-17", "Statement": [PUBLIC]}))
    return s3


@pytest.fixture(scope="module")
def zone(sandbox: RunningSandbox) -> str:
    made = client(sandbox, "route53").create_hosted_zone(Name="example.com", CallerReference="zone")
    return str(made["HostedZone"]["Id"])


def checked(sandbox: RunningSandbox, path: str, bucket: str = SWITCH, **config: Any) -> str:
    wanted = {
        "Type": "HTTPS",
        "FullyQualifiedDomainName": f"{bucket}.s3.{RECOVERY}.amazonaws.com",
        "ResourcePath": path,
        "RequestInterval": 10,
        "FailureThreshold": 1,
        **config,
    }
    made = client(sandbox, "route53").create_health_check(CallerReference=uuid.uuid4().hex, HealthCheckConfig=wanted)
    return str(made["HealthCheck"]["Id"])


def failover(name: str, role: str, host: str, check: str | None = None) -> dict[str, Any]:
    record = {
        "Name": name,
        "Type": "CNAME",
        "TTL": 30,
        "SetIdentifier": role.lower(),
        "Failover": role,
        "ResourceRecords": [{"Value": host}],
    }
    return {**record, "HealthCheckId": check} if check else record


def upsert(
    sandbox: RunningSandbox, zone: str, *records: dict[str, Any], action: str = "UPSERT", region: str = RECOVERY
) -> str:
    dns = client(sandbox, "route53", region)
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": record} for record in records]}
    return str(dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)["ChangeInfo"]["Id"])


def ask(sandbox: RunningSandbox, name: str = NAME, kind: str = "HTTPS") -> Any:
    with urllib.request.urlopen(f"{sandbox.base_url}/dns-query?name={name}&type={kind}") as reply:
        return json.load(reply)


def host_of(answer: Any) -> str | None:
    return answer["Answer"][0]["data"].rstrip(".") if "Answer" in answer else None


def until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 10
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.01)


def report(sandbox: RunningSandbox, check: str) -> str:
    seen = client(sandbox, "route53").get_health_check_status(HealthCheckId=check)["HealthCheckObservations"]
    return str(seen[0]["StatusReport"]["Status"]) if seen else ""


def test_one_object_moves_traffic_while_the_home_region_is_dead(
    sandbox: RunningSandbox, control: Control, switch: Any, zone: str
) -> None:
    check = checked(sandbox, "/withdraw-us-east-1", Inverted=True)
    until(lambda: report(sandbox, check) == "Failure: HTTP Status Code 404, Not Found")
    pair = failover(NAME, "PRIMARY", HOSTS[HOME], check), failover(NAME, "SECONDARY", HOSTS[RECOVERY])
    upsert(sandbox, zone, *pair)
    until(lambda: host_of(ask(sandbox)) == HOSTS[HOME])

    control.fault(region=HOME, mode="reset")
    assert host_of(ask(sandbox)) == HOSTS[HOME]
    switch.put_object(Bucket=SWITCH, Key="withdraw-us-east-1", Body=b"{}")
    until(lambda: host_of(ask(sandbox)) == HOSTS[RECOVERY])
    assert report(sandbox, check) == "Success: HTTP Status Code 200, OK"

    answer = ask(sandbox)["Answer"]
    port = sandbox.front_doors[RECOVERY].rpartition(":")[2]
    assert [item["type"] for item in answer] == [5, 65]
    assert answer[1]["data"] == f"1 . port={port} ipv4hint=127.0.0.1"
    assert [item["TTL"] for item in answer] == [30 * FACTOR, 60 * FACTOR]

    switch.delete_object(Bucket=SWITCH, Key="withdraw-us-east-1")
    until(lambda: host_of(ask(sandbox)) == HOSTS[HOME])


@pytest.mark.parametrize("region", [HOME, RECOVERY, "eu-west-1"])
def test_records_cannot_be_changed_while_us_east_1_is_dead_wherever_the_call_is_signed(
    sandbox: RunningSandbox, control: Control, zone: str, region: str
) -> None:
    upsert(sandbox, zone, failover("still.example.com", "PRIMARY", HOSTS[HOME]))
    until(lambda: host_of(ask(sandbox, "still.example.com")) == HOSTS[HOME])
    control.fault(region=HOME, mode="503")
    with pytest.raises(ClientError) as caught:
        upsert(sandbox, zone, failover("still.example.com", "PRIMARY", HOSTS[RECOVERY]), region=region)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert host_of(ask(sandbox, "still.example.com")) == HOSTS[HOME]
    control.control_plane(service="route53", down=False)
    upsert(sandbox, zone, failover("still.example.com", "PRIMARY", HOSTS[RECOVERY]), region=region)
    until(lambda: host_of(ask(sandbox, "still.example.com")) == HOSTS[RECOVERY])


def test_a_change_is_served_only_when_it_is_in_sync(sandbox: RunningSandbox, zone: str) -> None:
    dns = client(sandbox, "route53")
    change = upsert(sandbox, zone, failover("new.example.com", "PRIMARY", HOSTS[HOME]))
    early = (dns.get_change(Id=change)["ChangeInfo"]["Status"], ask(sandbox, "new.example.com")["Status"])
    assert early == ("PENDING", 3)
    until(lambda: dns.get_change(Id=change)["ChangeInfo"]["Status"] == "INSYNC")
    assert host_of(ask(sandbox, "new.example.com")) == HOSTS[HOME]


def test_the_status_turns_only_after_as_many_results_as_the_threshold(
    sandbox: RunningSandbox, switch: Any, zone: str
) -> None:
    switch.put_object(Bucket=SWITCH, Key="alive", Body=b"I am well")
    slow = checked(sandbox, "/alive", FailureThreshold=10)
    quick = checked(sandbox, "/alive")
    matching = checked(sandbox, "/alive", Type="HTTPS_STR_MATCH", SearchString="well")
    for name, check in (("slow", slow), ("quick", quick), ("matching", matching)):
        upsert(sandbox, zone, failover(f"{name}.example.com", "PRIMARY", HOSTS[HOME], check))
        upsert(sandbox, zone, failover(f"{name}.example.com", "SECONDARY", HOSTS[RECOVERY]))
    until(lambda: report(sandbox, matching).startswith("Success"))
    switch.put_object(Bucket=SWITCH, Key="alive", Body=b"so-so")
    until(lambda: report(sandbox, matching).startswith("Failure"))
    switch.delete_object(Bucket=SWITCH, Key="alive")
    begin = time.monotonic()
    until(lambda: host_of(ask(sandbox, "quick.example.com")) == HOSTS[RECOVERY])
    until(lambda: host_of(ask(sandbox, "slow.example.com")) == HOSTS[RECOVERY])
    assert time.monotonic() - begin >= 9 * 10 * FACTOR


def test_a_disabled_check_is_healthy_and_an_inverted_disabled_one_is_not(
    sandbox: RunningSandbox, switch: Any, zone: str
) -> None:
    check = checked(sandbox, "/nothing-here")
    upsert(
        sandbox,
        zone,
        failover("off.example.com", "PRIMARY", HOSTS[HOME], check),
        failover("off.example.com", "SECONDARY", HOSTS[RECOVERY]),
    )
    until(lambda: host_of(ask(sandbox, "off.example.com")) == HOSTS[RECOVERY])
    dns = client(sandbox, "route53")
    assert dns.update_health_check(HealthCheckId=check, Disabled=True)["HealthCheck"]["HealthCheckVersion"] == 2
    assert host_of(ask(sandbox, "off.example.com")) == HOSTS[HOME]
    dns.update_health_check(HealthCheckId=check, Inverted=True)
    assert host_of(ask(sandbox, "off.example.com")) == HOSTS[RECOVERY]


def test_checkers_are_anonymous_and_do_not_reach_a_dead_region(
    sandbox: RunningSandbox, control: Control, switch: Any
) -> None:
    private = client(sandbox, "s3")
    private.create_bucket(Bucket="dns-private", CreateBucketConfiguration={"LocationConstraint": RECOVERY})
    private.put_object(Bucket="dns-private", Key="here", Body=b"1")
    hidden = checked(sandbox, "/here", bucket="dns-private")
    until(lambda: report(sandbox, hidden) == "Failure: HTTP Status Code 403, Forbidden")
    switch.put_object(Bucket=SWITCH, Key="here", Body=b"1")
    seen = checked(sandbox, "/here")
    until(lambda: report(sandbox, seen).startswith("Success"))
    control.fault(region=RECOVERY, mode="hang")
    until(lambda: report(sandbox, seen) == "Failure: The connection failed")


def test_a_front_door_can_be_watched(sandbox: RunningSandbox, control: Control) -> None:
    check = checked(sandbox, "/live/health", FullyQualifiedDomainName=HOSTS[RECOVERY])
    until(lambda: report(sandbox, check) == "Failure: HTTP Status Code 403, Forbidden")
    control.fault(region=RECOVERY, mode="reset")
    until(lambda: "connection failed" in report(sandbox, check))


def test_what_moto_accepts_and_route_53_does_not_is_refused(sandbox: RunningSandbox, zone: str) -> None:
    upsert(sandbox, zone, failover("once.example.com", "PRIMARY", HOSTS[HOME]), action="CREATE")
    with pytest.raises(ClientError, match="already exists"):
        upsert(sandbox, zone, failover("once.example.com", "PRIMARY", HOSTS[RECOVERY]), action="CREATE")
    with pytest.raises(ClientError, match="InvalidInput"):
        checked(sandbox, "/x", RequestInterval=20)
    with pytest.raises(ClientError, match="NotImplemented"):
        checked(sandbox, "/x", Type="TCP", Port=80)
    with pytest.raises(ClientError, match="HostedZoneAlreadyExists"):
        client(sandbox, "route53").create_hosted_zone(Name="example.net", CallerReference="zone")


def test_a_new_zone_has_its_two_records(sandbox: RunningSandbox, zone: str) -> None:
    found = client(sandbox, "route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    own = {
        record["Type"]: record["ResourceRecords"][0]["Value"] for record in found if record["Name"] == "example.com."
    }
    assert set(own) == {"NS", "SOA"}
    assert own["SOA"].startswith(f"{own['NS']}. hostmaster.")


def test_health_and_records_survive_a_snapshot(
    sandbox: RunningSandbox, control: Control, switch: Any, zone: str, tmp_path: Any
) -> None:
    check = checked(sandbox, "/withdraw-snapshot", Inverted=True)
    name = "kept.example.com"
    upsert(sandbox, zone, failover(name, "PRIMARY", HOSTS[HOME], check), failover(name, "SECONDARY", HOSTS[RECOVERY]))
    until(lambda: host_of(ask(sandbox, name)) == HOSTS[HOME])
    control.snapshot(tmp_path / "state")
    switch.put_object(Bucket=SWITCH, Key="withdraw-snapshot", Body=b"1")
    until(lambda: host_of(ask(sandbox, name)) == HOSTS[RECOVERY])
    control.restore(tmp_path / "state")
    until(lambda: host_of(ask(sandbox, name)) == HOSTS[HOME])
    switch.put_object(Bucket=SWITCH, Key="withdraw-snapshot", Body=b"1")
    until(lambda: host_of(ask(sandbox, name)) == HOSTS[RECOVERY])
