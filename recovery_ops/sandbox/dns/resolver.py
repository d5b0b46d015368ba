"""Answers to DNS questions, from the records that Route 53 serves and the health of what they watch."""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from moto.route53.models import RecordSet

from recovery_ops.sandbox.dns.records import canonical, policy_of

TYPES = {"A": 1, "CNAME": 5, "HTTPS": 65}
NOERROR, NXDOMAIN = 0, 3
FRONT_DOOR_TTL_S = 60
MAX_CHAIN = 8
_DOOR_HOST = re.compile(r"[a-z0-9-]+\.execute-api\.(?P<region>[a-z0-9-]+)\.amazonaws\.com\.")

Answer = dict[str, str | int | float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolver:
    """``zones`` gives the served records by zone name, ``is_healthy`` the state of a health check by id.

    ``front_doors`` maps a region to the address its API hosts stand for; ``factor`` scales every TTL.
    """

    zones: Callable[[], Mapping[str, Sequence[RecordSet]]]
    is_healthy: Callable[[str | None], bool]
    front_doors: Mapping[str, str]
    factor: float

    def resolve(self, name: str, kind: str) -> dict[str, object]:
        """Return the answer in the form of DNS-over-HTTPS JSON. ``kind`` is A, CNAME or HTTPS."""
        question = {"name": canonical(name), "type": TYPES[kind]}
        answers: list[Answer] = []
        status = self._follow(canonical(name), kind, answers)
        flags = {"TC": False, "RD": True, "RA": True, "AD": False, "CD": False}
        shown = {"Status": status, **flags, "Question": [question]}
        return {**shown, "Answer": answers} if answers else shown

    def _follow(self, name: str, kind: str, answers: list[Answer]) -> int:
        for _ in range(MAX_CHAIN):
            if door := _DOOR_HOST.fullmatch(name):
                return self._front_door(name, door["region"], kind, answers)
            records = self._records(name)
            if not records:
                return NXDOMAIN
            chosen = self._choose(records, kind)
            if chosen is None:
                return NOERROR
            target = self._target(name, kind, chosen, answers)
            if target is None:
                return NOERROR
            name = target
        return NOERROR

    def _target(self, name: str, kind: str, chosen: RecordSet, answers: list[Answer]) -> str | None:
        """Write the answer of ``chosen`` down and return the name to go on with, if any."""
        if chosen.alias_target:
            return canonical(chosen.alias_target["DNSName"])
        is_cname = chosen.type == "CNAME"
        for value in chosen.records:
            data = canonical(value) if is_cname else value
            answers.append(self._answer(name, TYPES[str(chosen.type)], float(chosen.ttl), data))
        return canonical(chosen.records[0]) if is_cname and kind != "CNAME" else None

    def _front_door(self, name: str, region: str, kind: str, answers: list[Answer]) -> int:
        door = self.front_doors.get(region)
        if door is None:
            return NXDOMAIN
        place = urlsplit(door)
        data = {"A": place.hostname, "HTTPS": f"1 . port={place.port} ipv4hint={place.hostname}"}.get(kind)
        if data is not None:
            answers.append(self._answer(name, TYPES[kind], FRONT_DOOR_TTL_S, data))
        return NOERROR

    def _answer(self, name: str, number: int, ttl_s: float, data: str) -> Answer:
        return {"name": name, "type": number, "TTL": round(ttl_s * self.factor, 6), "data": data}

    def _records(self, name: str) -> list[RecordSet]:
        """Return the records of ``name`` in the zone that is closest to it."""
        zones = self.zones()
        owners = [zone for zone in zones if name == zone or name.endswith(f".{zone}")]
        if not owners:
            return []
        return [record for record in zones[max(owners, key=len)] if canonical(record.name) == name]

    def _choose(self, records: Sequence[RecordSet], kind: str) -> RecordSet | None:
        wanted = ("CNAME",) if kind == "CNAME" else ("CNAME", kind, "A")
        fitting = [r for r in records if r.type in wanted and (r.type in ("CNAME", kind) or r.alias_target)]
        if not fitting:
            return None
        return _CHOICES[policy_of(fitting[0])](fitting, [r for r in fitting if self.is_healthy(r.health_check_id)])


def _by_failover(records: Sequence[RecordSet], healthy: Sequence[RecordSet]) -> RecordSet | None:
    """The primary while it is healthy, else the secondary while that is; the primary when neither is."""
    ranked = sorted(records, key=lambda record: record.failover != "PRIMARY")
    return next((record for record in ranked if record in healthy), ranked[0])


def _by_weight(records: Sequence[RecordSet], healthy: Sequence[RecordSet]) -> RecordSet | None:
    """One at random by weight among the healthy; all count when none is healthy, and equally when all weigh 0."""
    candidates = list(healthy) or list(records)
    weights = [int(record.weight or 0) for record in candidates]
    return random.choices(candidates, weights if any(weights) else None)[0]  # noqa: S311 - not for secrets


def _simple(records: Sequence[RecordSet], healthy: Sequence[RecordSet]) -> RecordSet | None:
    return records[0] if records else next(iter(healthy), None)


_CHOICES = {"failover": _by_failover, "weighted": _by_weight, "simple": _simple}
