"""Record changes and answers, without a process: what is refused, and which record is chosen."""

import threading
from collections import Counter
from collections.abc import Collection
from typing import Any

import pytest
from moto.route53.exceptions import NoSuchHealthCheck, Route53ClientError
from moto.route53.models import HealthCheck, RecordSet

from recovery_ops.sandbox.clock import ScaledClock
from recovery_ops.sandbox.dns import records
from recovery_ops.sandbox.dns.health import HealthChecks
from recovery_ops.sandbox.dns.resolver import Resolver
from recovery_ops.sandbox.world import World

APEX = [
    RecordSet({"Name": "example.com.", "Type": kind, "TTL": 900, "ResourceRecords": ["x"]}) for kind in ("SOA", "NS")
]


def cname(target: str = "a.example.org", *, name: str = "score.example.com", **more: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "CNAME", "TTL": 30, "ResourceRecords": [{"Value": target}], **more}


def failover(role: str, target: str, check: str | None = None) -> dict[str, Any]:
    more = {"HealthCheckId": check} if check else {}
    return cname(target, Failover=role, SetIdentifier=role.lower(), **more)


def change(standing: list[RecordSet], *batch: tuple[str, dict[str, Any]], checks: set[str] | None = None) -> Any:
    wanted = [{"Action": action, "ResourceRecordSet": record} for action, record in batch]
    return records.apply("example.com.", standing, wanted, checks or {"hc"})


def test_a_record_that_exists_cannot_be_created_again_even_with_another_value() -> None:
    standing = change(APEX, ("CREATE", cname()))
    with pytest.raises(Route53ClientError, match="already exists"):
        change(standing, ("CREATE", cname("b.example.org")))


def test_one_bad_change_leaves_the_whole_batch_undone() -> None:
    before = list(APEX)
    with pytest.raises(Route53ClientError):
        change(before, ("CREATE", cname()), ("CREATE", cname(name="score.example.org")))
    assert before == APEX


def test_a_delete_must_name_the_current_values() -> None:
    standing = change(APEX, ("CREATE", cname()))
    with pytest.raises(Route53ClientError, match="do not match the current values"):
        change(standing, ("DELETE", cname("b.example.org")))
    assert len(change(standing, ("DELETE", cname()))) == len(APEX)


def test_deleting_one_identifier_leaves_the_same_identifier_of_other_names_alone() -> None:
    pair = ("CREATE", failover("PRIMARY", "a"))
    other = ("CREATE", {**failover("PRIMARY", "a"), "Name": "other.example.com"})
    standing = change(APEX, pair, other)
    left = change(standing, ("DELETE", failover("PRIMARY", "a")))
    assert [record.name for record in left if record.failover] == ["other.example.com."]


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        ({**cname(), "ResourceRecords": []}, "found none"),
        (cname(SetIdentifier="a"), "belong together"),
        (cname(Weight=1), "belong together"),
        ({**cname(), "Name": "example.com"}, "conflicts with another RRSet"),
    ],
)
def test_records_that_route_53_would_not_take_are_refused(record: dict[str, Any], complaint: str) -> None:
    with pytest.raises(Route53ClientError, match=complaint):
        change(APEX, ("UPSERT", record))


def test_a_name_has_one_routing_policy_and_one_primary() -> None:
    standing = change(APEX, ("CREATE", failover("PRIMARY", "a")))
    with pytest.raises(Route53ClientError, match="cannot be created as another"):
        change(standing, ("CREATE", cname()))
    with pytest.raises(Route53ClientError, match="more than one is PRIMARY"):
        change(standing, ("CREATE", {**failover("PRIMARY", "b"), "SetIdentifier": "second"}))


def test_routing_that_the_resolver_does_not_know_is_not_accepted_in_silence() -> None:
    with pytest.raises(NotImplementedError, match="Region"):
        change(APEX, ("CREATE", cname(Region="us-east-1", SetIdentifier="a")))


def test_a_health_check_must_exist() -> None:
    with pytest.raises(NoSuchHealthCheck):
        change(APEX, ("CREATE", failover("PRIMARY", "a", "nobody")))


def resolver(standing: list[RecordSet], sick: Collection[str]) -> Resolver:
    return Resolver(
        zones=lambda: {"example.com.": standing},
        is_healthy=lambda check: check not in sick,
        front_doors={"us-east-1": "http://127.0.0.1:1001", "us-west-2": "http://127.0.0.1:1002"},
        factor=0.1,
    )


EAST, WEST = (f"api.execute-api.{region}.amazonaws.com" for region in ("us-east-1", "us-west-2"))


@pytest.mark.parametrize(("sick", "port"), [("", 1001), ("p", 1002), ("ps", 1001), ("s", 1001)], ids=repr)
def test_the_primary_answers_while_it_is_healthy_or_nobody_is(sick: str, port: int) -> None:
    pair = [("CREATE", failover("PRIMARY", EAST, "p")), ("CREATE", failover("SECONDARY", WEST, "s"))]
    standing = change(APEX, *pair, checks={"p", "s"})
    answer: Any = resolver(standing, sick).resolve("Score.Example.com", "HTTPS")
    assert [item["type"] for item in answer["Answer"]] == [5, 65]
    assert answer["Answer"][-1]["data"] == f"1 . port={port} ipv4hint=127.0.0.1"
    assert [item["TTL"] for item in answer["Answer"]] == [3.0, 6.0]


def test_weights_share_the_answers_and_zero_gets_none() -> None:
    weighted = [cname(host, Weight=weight, SetIdentifier=host) for host, weight in ((EAST, 0), (WEST, 5), ("c", 5))]
    standing = change(APEX, *[("CREATE", record) for record in weighted])
    asking = resolver(standing, set())
    seen = Counter(str(asking.resolve("score.example.com", "CNAME")["Answer"]) for _ in range(200))
    assert len(seen) == 2
    assert not any("us-east-1" in answer for answer in seen)


def test_a_name_that_nobody_has_does_not_exist_and_a_type_that_it_lacks_is_empty() -> None:
    text = {"Name": "a.example.com", "Type": "TXT", "TTL": 5, "ResourceRecords": [{"Value": "x"}]}
    asking = resolver(change(APEX, ("CREATE", text)), set())
    assert asking.resolve("nobody.example.com", "A")["Status"] == 3
    assert asking.resolve("example.org", "A")["Status"] == 3
    empty = asking.resolve("a.example.com", "A")
    assert empty["Status"] == 0
    assert "Answer" not in empty


def test_an_alias_leads_on_without_an_answer_of_its_own() -> None:
    alias = {"HostedZoneId": "Z", "DNSName": WEST, "EvaluateTargetHealth": False}
    standing = change(APEX, ("CREATE", {"Name": "example.com", "Type": "A", "AliasTarget": alias}))
    answer: Any = resolver(standing, set()).resolve("example.com", "A")
    assert [(item["type"], item["data"]) for item in answer["Answer"]] == [(1, "127.0.0.1")]


def test_checks_are_evaluated_again_after_their_state_was_put_back() -> None:
    looked = threading.Event()
    check = HealthCheck("h", "r", {"type": "HTTPS", "fqdn": "nobody.example.org", "request_interval": 10})
    world = World(regions=("us-west-2",), clock=ScaledClock(0))
    health = HealthChecks(world, lambda: {"h": check})
    world.clock.later_wall(0.5, looked.set)
    health.load({"h": {"passing": True, "report": "as it was"}})
    assert health.status("h") is not None
    looked.wait(5)
    world.clock.stop()
    seen = health.status("h")
    assert seen is not None
    assert (seen.passing, seen.report) == (False, "Failure: the sandbox does not know the host nobody.example.org")
