"""Record changes, all or nothing, refused as Route 53 refuses them."""

import copy
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from moto.route53.exceptions import InvalidActionValue, NoSuchHealthCheck, Route53ClientError
from moto.route53.models import RecordSet

Change = Mapping[str, Any]
Key = tuple[str, str, str]

ROUTING = ("Weight", "Failover")
UNMODELLED = ("Region", "GeoLocation", "GeoProximityLocation", "MultiValueAnswer", "CidrRoutingConfig")
_FIELDS = ("ttl", "records", "weight", "failover", "health_check_id", "alias_target")


def apply(
    zone_name: str, standing: Sequence[RecordSet], changes: Iterable[Change], health_checks: Collection[str]
) -> list[RecordSet]:
    """Return the records of the zone after ``changes``; ``standing`` is left alone.

    Raises:
        Route53ClientError: A change cannot be made; then none is.
        NotImplementedError: A routing policy that the resolver does not know.
    """
    records = list(standing)
    apex = canonical(zone_name)
    for change in changes:
        wanted = _record(change, apex, health_checks)
        records = _ACTIONS[change["Action"]](records, wanted)
    _check_names(records, apex)
    return records


def canonical(name: str) -> str:
    """Return ``name`` in lower case with its final dot."""
    return name.lower().rstrip(".") + "."


def key_of(record: RecordSet) -> Key:
    """Return what makes a record set itself: name, type and identifier."""
    return canonical(record.name), str(record.type), record.set_identifier or ""


def _record(change: Change, apex: str, health_checks: Collection[str]) -> RecordSet:
    action, wanted = change["Action"], copy.deepcopy(dict(change["ResourceRecordSet"]))
    if action not in _ACTIONS:
        raise InvalidActionValue(action)
    wanted["Name"] = canonical(wanted["Name"])
    if wanted["Name"] != apex and not wanted["Name"].endswith(f".{apex}"):
        raise _refused(f"RRSet with DNS name {wanted['Name']} is not permitted in zone {apex}")
    values = wanted.get("ResourceRecords") or []
    wanted["ResourceRecords"] = [item["Value"] for item in values]
    _check_shape(wanted)
    check = wanted.get("HealthCheckId")
    if check and check not in health_checks and action != "DELETE":
        raise NoSuchHealthCheck(check)
    for number in ("TTL", "Weight"):
        wanted[number] = int(wanted[number]) if wanted.get(number) is not None else None
    return RecordSet(wanted)


def _check_shape(wanted: Mapping[str, Any]) -> None:
    unmodelled = [name for name in UNMODELLED if wanted.get(name)]
    if unmodelled:
        raise NotImplementedError(f"routing by {unmodelled[0]} is not modelled by the sandbox")
    is_alias = wanted.get("AliasTarget") is not None
    has_values = bool(wanted["ResourceRecords"]) and wanted.get("TTL") is not None
    if is_alias == has_values:
        raise Route53ClientError(
            "InvalidInput",
            "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or "
            f"TrafficPolicyInstanceId], but found {'more than one' if is_alias else 'none'} in Change with "
            f"[Name={wanted['Name']}, Type={wanted['Type']}, SetIdentifier={wanted.get('SetIdentifier')}]",
        )
    routed = [name for name in ROUTING if wanted.get(name) is not None]
    if len(routed) > 1 or bool(routed) != bool(wanted.get("SetIdentifier")):
        raise Route53ClientError(
            "InvalidInput", f"Invalid request: one of {list(ROUTING)} and SetIdentifier belong together"
        )


def _create(records: list[RecordSet], wanted: RecordSet) -> list[RecordSet]:
    if any(key_of(item) == key_of(wanted) for item in records):
        raise _refused(f"Tried to create resource record set {_named(wanted)} but it already exists")
    return [*records, wanted]


def _upsert(records: list[RecordSet], wanted: RecordSet) -> list[RecordSet]:
    return [*(item for item in records if key_of(item) != key_of(wanted)), wanted]


def _delete(records: list[RecordSet], wanted: RecordSet) -> list[RecordSet]:
    found = next((item for item in records if key_of(item) == key_of(wanted)), None)
    if found is None:
        raise _refused(f"Tried to delete resource record set {_named(wanted)} but it was not found")
    if any(_field(found, name) != _field(wanted, name) for name in _FIELDS):
        raise _refused(
            f"Tried to delete resource record set {_named(wanted)} but the values provided do not match the current "
            "values"
        )
    return [item for item in records if item is not found]


def _field(record: RecordSet, name: str) -> object:
    value = getattr(record, name)
    if name in ("ttl", "weight") and value is not None:
        return int(value)
    return sorted(value) if name == "records" and value else value or None


_ACTIONS = {"CREATE": _create, "UPSERT": _upsert, "DELETE": _delete}


def _check_names(records: Sequence[RecordSet], apex: str) -> None:
    by_name: dict[str, list[RecordSet]] = {}
    for record in records:
        by_name.setdefault(canonical(record.name), []).append(record)
    for name, found in by_name.items():
        types = {record.type for record in found}
        if "CNAME" in types and (len(types) > 1 or name == apex):
            raise _refused(f"RRSet of type CNAME with DNS name {name} conflicts with another RRSet of the same name")
        for kind in types:
            _check_policy(name, [record for record in found if record.type == kind])
    if not {"SOA", "NS"} <= {str(record.type) for record in by_name.get(apex, [])}:
        raise _refused(f"A HostedZone must contain at least one NS record and exactly one SOA record: {apex}")


def _check_policy(name: str, found: Sequence[RecordSet]) -> None:
    policies = {policy_of(record) for record in found}
    if len(policies) > 1 or (policies == {"simple"} and len(found) > 1):
        raise _refused(f"RRSet with DNS name {name}, type {found[0].type} cannot be created as another RRSet exists")
    roles = Counter(record.failover for record in found if record.failover)
    doubled = [role for role, count in roles.items() if count > 1]
    if doubled:
        raise _refused(f"Failover record sets of {name}, type {found[0].type}: more than one is {doubled[0]}")


def policy_of(record: RecordSet) -> str:
    """Return how ``record`` is chosen among those of its name: ``failover``, ``weighted`` or ``simple``."""
    if record.failover:
        return "failover"
    return "simple" if record.weight is None else "weighted"


def _named(record: RecordSet) -> str:
    identifier = f", set-identifier='{record.set_identifier}'" if record.set_identifier else ""
    return f"[name='{canonical(record.name)}', type='{record.type}'{identifier}]"


def _refused(message: str) -> Route53ClientError:
    return Route53ClientError("InvalidChangeBatch", f"[{message}]")
