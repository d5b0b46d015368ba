"""Route 53: checked record changes that take time, evaluated health checks, and answers under ``/dns-query``."""

import functools
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from moto.core.responses import ActionResult
from moto.route53.exceptions import InvalidInput, Route53ClientError
from moto.route53.models import FakeZone, HealthCheck, RecordSet, Route53Backend, route53_backends
from moto.route53.responses import Route53

from recovery_ops.sandbox import locks, patching
from recovery_ops.sandbox.dns import records
from recovery_ops.sandbox.dns.health import CALCULATED, LOOKING, HealthChecks
from recovery_ops.sandbox.dns.resolver import TYPES, Resolver
from recovery_ops.sandbox.durations import seconds
from recovery_ops.sandbox.world import ACCOUNT, World

MODELLED = {
    "route53": frozenset(
        {"CreateHostedZone", "GetHostedZone", "ListHostedZones", "ListHostedZonesByName", "DeleteHostedZone"}
        | {"GetHostedZoneCount", "ChangeResourceRecordSets", "ListResourceRecordSets", "GetChange"}
        | {"CreateHealthCheck", "GetHealthCheck", "ListHealthChecks", "UpdateHealthCheck", "DeleteHealthCheck"}
        | {"GetHealthCheckStatus", "ChangeTagsForResource", "ListTagsForResource", "ListTagsForResources"}
    )
}

_MOTO_CHANGES = ("C1PA6795UKMFR9", "C2682N5HXP0BZ4")  # what moto calls every change of a zone itself
_INTERVALS = (10, 30)

Answer = tuple[int, list[tuple[str, str]], bytes]


@dataclass(slots=True, kw_only=True)
class Change:
    """One accepted batch; ``INSYNC`` once every name server has it."""

    submitted_at: datetime
    status: str = "PENDING"


class Dns:
    """State that moto lacks: what name servers serve (not yet what was changed just now), and health."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.health = HealthChecks(world, lambda: backend().health_checks)
        self.served: dict[str, tuple[RecordSet, ...]] = {}
        self.changes: dict[str, Change] = {}
        self.resolver = Resolver(
            zones=self._zones,
            is_healthy=self.health.is_healthy,
            front_doors=world.front_doors,
            factor=world.clock.factor,
        )

    def change(self, zone: FakeZone, wanted: Sequence[Mapping[str, Any]]) -> str:
        """Change the records of ``zone`` and return the id of the change; name servers follow later."""
        zone.rrsets = records.apply(zone.name, zone.rrsets, wanted, backend().health_checks)
        change_id, after = f"C{uuid.uuid4().hex[:20].upper()}", tuple(zone.rrsets)
        self.changes[change_id] = Change(submitted_at=datetime.now(UTC))
        self._world.clock.later(seconds("route53.change"), lambda: self._publish(zone.resource_id, change_id, after))
        return change_id

    def _publish(self, zone_id: str, change_id: str, after: tuple[RecordSet, ...]) -> None:
        with locks.of("route53"):
            known = self.changes.get(change_id)
            if known is not None and known.status == "PENDING" and zone_id in backend().zones:
                self.served[zone_id] = after
                known.status = "INSYNC"

    def _zones(self) -> dict[str, Sequence[RecordSet]]:
        zones = [zone for zone in list(backend().zones.values()) if not zone.private_zone]
        return {records.canonical(zone.name): self.served.get(zone.resource_id, ()) for zone in zones}


_dns: dict[int, Dns] = {}


def backend() -> Route53Backend:
    """Return moto's Route 53, which is one for all regions."""
    return route53_backends[ACCOUNT]["aws"]


def dns(world: World) -> Dns:
    """Return the name service of ``world``."""
    return _dns[id(world)]


def install(world: World) -> None:
    """Replace what moto accepts without looking, and what it answers without knowing."""
    here = _dns[id(world)] = Dns(world)
    patching.replace(Route53, "change_resource_record_sets", _answering(here, _change))
    patching.replace(Route53, "get_change", _answering(here, _get_change))
    patching.replace(Route53, "get_health_check_status", _answering(here, _get_status))
    patching.replace(Route53Backend, "create_hosted_zone", _create_zone())
    patching.replace(Route53Backend, "create_health_check", _create_check(here))
    patching.replace(Route53Backend, "update_health_check", _update_check())


def routes(world: World) -> dict[str, Callable[[Mapping[str, Any], bytes], Answer]]:
    """Return the resolver's path."""
    return {"/dns-query": functools.partial(_query, dns(world))}


def inventory(_: World) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return every hosted zone and health check."""
    tags = backend().resource_tags
    zones = [("AWS::Route53::HostedZone", zone_id) for zone_id in list(backend().zones)]
    checks = [("AWS::Route53::HealthCheck", check_id) for check_id in list(backend().health_checks)]
    found = [{"type": kind, "id": name, "tags": dict(tags.get(name, {}))} for kind, name in (*zones, *checks)]
    return {"global": {"route53": found}} if found else {}


def dump(world: World) -> dict[str, Any]:
    """Return what name servers serve and what health checks saw."""
    here = dns(world)
    return {"served": here.served, "changes": here.changes, "health": here.health.dump()}


def load(world: World, state: Mapping[str, Any]) -> None:
    """Put it back. Changes that were on their way have arrived."""
    here = dns(world)
    here.served, here.changes = dict(state["served"]), dict(state["changes"])
    if any(change.status == "PENDING" for change in here.changes.values()):
        here.served = {zone_id: tuple(zone.rrsets) for zone_id, zone in backend().zones.items()}
    for change in here.changes.values():
        change.status = "INSYNC"
    here.health.load(state["health"])


def _query(here: Dns, environ: Mapping[str, Any], _body: bytes) -> Answer:
    asked = {name: values[-1] for name, values in parse_qs(str(environ.get("QUERY_STRING", ""))).items()}
    numbers = {str(number): name for name, number in TYPES.items()}
    kind = asked.get("type", "A").upper()
    kind = numbers.get(kind, kind)
    if "name" not in asked or kind not in TYPES:
        problem = {"error": f"give name, and a type of {', '.join(TYPES)}"}
        return 400, [("Content-Type", "application/json")], json.dumps(problem).encode()
    answer = here.resolver.resolve(asked["name"], kind)
    return 200, [("Content-Type", "application/dns-json")], json.dumps(answer).encode()


def _answering(here: Dns, answer: Callable[[Dns, Route53], ActionResult]) -> Callable[[Route53], ActionResult]:
    return lambda response: answer(here, response)


def _change(here: Dns, response: Route53) -> ActionResult:
    zone = response.backend.get_hosted_zone(response._get_param("HostedZoneId"))
    wanted = response._get_param("ChangeBatch.Changes")
    if len(wanted) > 1000:
        raise Route53ClientError("InvalidChangeBatch", "Number of records limit of 1000 exceeded.")
    return _info(here, here.change(zone, wanted))


def _get_change(here: Dns, response: Route53) -> ActionResult:
    change_id = str(response._get_param("Id")).rpartition("/")[2]
    if change_id in _MOTO_CHANGES:
        here.changes.setdefault(change_id, Change(submitted_at=datetime.now(UTC), status="INSYNC"))
    if change_id not in here.changes:
        raise Route53ClientError("NoSuchChange", f"A change with the specified change ID does not exist: {change_id}")
    return _info(here, change_id)


def _info(here: Dns, change_id: str) -> ActionResult:
    change = here.changes[change_id]
    shown = {"Id": f"/change/{change_id}", "Status": change.status, "SubmittedAt": change.submitted_at}
    return ActionResult({"ChangeInfo": shown})


def _get_status(here: Dns, response: Route53) -> ActionResult:
    check = response.backend.get_health_check(response._get_param("HealthCheckId"))
    if check.type_ == CALCULATED:
        raise InvalidInput("The status of a CALCULATED health check is that of its children")
    status = here.health.status(check.id)
    if status is None:
        return ActionResult({"HealthCheckObservations": []})
    report = {"Status": status.report, "CheckedTime": status.checked_at}
    return ActionResult(
        {"HealthCheckObservations": [{"Region": "sa-east-1", "IPAddress": "127.0.0.1", "StatusReport": report}]}
    )


def _create_zone() -> Callable[..., FakeZone]:
    original = patching.original(Route53Backend, "create_hosted_zone")

    def create_hosted_zone(self: Route53Backend, name: str, **options: Any) -> FakeZone:
        reference = options.get("caller_reference")
        if reference and any(zone.caller_reference == reference for zone in self.zones.values()):
            raise Route53ClientError("HostedZoneAlreadyExists", f"A hosted zone with reference {reference} exists")
        zone = original(self, name, **options)
        for record in zone.rrsets:  # moto nests the value of its SOA record one level too deep
            record.records = [value["Value"] if isinstance(value, dict) else value for value in record.records]
        return zone

    return create_hosted_zone


def _create_check(here: Dns) -> Callable[..., HealthCheck]:
    original = patching.original(Route53Backend, "create_health_check")

    def create_health_check(
        self: Route53Backend, caller_reference: str, health_check_args: dict[str, Any]
    ) -> HealthCheck:
        _check_config(health_check_args)
        same = [check for check in self.health_checks.values() if check.caller_reference == caller_reference]
        wanted = HealthCheck("", caller_reference, health_check_args).health_check_config
        if same and _set_values(same[0].health_check_config) != _set_values(wanted):
            raise Route53ClientError("HealthCheckAlreadyExists", f"A health check with {caller_reference} exists")
        if same:
            return same[0]
        check = original(self, caller_reference, health_check_args)
        here.health.watch(check.id)
        return check

    return create_health_check


def _update_check() -> Callable[..., HealthCheck]:
    original = patching.original(Route53Backend, "update_health_check")

    def update_health_check(
        self: Route53Backend, health_check_id: str, health_check_args: dict[str, Any]
    ) -> HealthCheck:
        given = {name: value for name, value in health_check_args.items() if value not in (None, [])}
        check = original(self, health_check_id, given)
        check.health_check_version += 1
        return check

    return update_health_check


def _check_config(wanted: dict[str, Any]) -> None:
    kind = str(wanted.get("type"))
    if kind not in (*LOOKING, CALCULATED):
        raise NotImplementedError(f"health checks of type {kind} are not modelled by the sandbox")
    if kind == CALCULATED:
        return
    if not wanted.get("fqdn"):
        raise NotImplementedError("health checks of an IP address are not modelled by the sandbox")
    wanted["port"] = wanted.get("port") or (443 if kind.startswith("HTTPS") else 80)
    if int(wanted.get("request_interval") or 30) not in _INTERVALS:
        raise InvalidInput(f"Invalid parameter : RequestInterval must be one of {_INTERVALS}")
    if not 1 <= int(wanted.get("failure_threshold") or 3) <= 10:
        raise InvalidInput("Invalid parameter : FailureThreshold must be between 1 and 10")


def _set_values(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(value) for name, value in config.items() if value not in (None, [], False)}
