"""Systems as plain JSON values, so that a run keeps what it was declared with, whatever the YAML says later."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from recovery_ops.model.detection import Channel, Detection, DetectionMode, Notify, Replicated, SignalName
from recovery_ops.model.drills import BlockedWindow, DrillKind, DrillPolicy, DrillTraffic, Freeze, Weekday
from recovery_ops.model.objectives import FromPoint
from recovery_ops.model.system import (
    Approval,
    ApprovalMode,
    Component,
    CutoverMethod,
    OnTimeout,
    Pattern,
    Protection,
    Standby,
    System,
    Tier,
    Traffic,
)

WHERE_IT_LAY = ("source", "folder")
"""Fields that say where the catalog file was, and nothing about the system."""


def freeze(system: System) -> dict[str, Any]:
    """Return ``system`` as plain JSON values; :func:`thaw` gives an equal system back."""
    frozen = _plain(system)
    assert isinstance(frozen, dict)
    return frozen


def thaw(frozen: Mapping[str, Any]) -> System:
    """Rebuild the system from :func:`freeze`; raises ``KeyError`` or ``ValueError`` when it was altered."""
    facts = dict(frozen)
    return System(
        **facts
        | {
            "regions": tuple(facts["regions"]),
            "pattern": Pattern(facts["pattern"]),
            "traffic": _traffic(facts["traffic"]),
            "approval": _approval(facts["approval"]),
            "protection": Protection(**facts["protection"]),
            "people": {role: tuple(names) for role, names in facts["people"].items()},
            "components": tuple(_component(item) for item in facts["components"]),
            "drills": _drills(facts["drills"]) if "drills" in facts else DrillPolicy(),
            "consistency": tuple(tuple(group) for group in facts["consistency"]),
            "from_point": FromPoint(**facts.get("from_point", {})),
            "detection": _detection(facts["detection"]) if facts.get("detection") else None,
            "notify": tuple(
                Notify(**{**item, "channel": Channel(item["channel"])}) for item in facts.get("notify", ())
            ),
        }
    )


def content_hash(value: Any) -> str:
    """Return 64 hex digits: the SHA-256 of the canonical JSON of ``value`` (keys sorted, no spaces, UTF-8)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def content_of(system: System) -> dict[str, Any]:
    """Return what a catalog says, without where its file lay and whatever the order of its keys and components."""
    facts = {name: value for name, value in freeze(system).items() if name not in WHERE_IT_LAY}
    components = sorted(facts["components"], key=lambda item: str(item["name"]))
    return facts | {
        "components": [item | {"needs": sorted(item["needs"])} for item in components],
        "consistency": sorted(sorted(group) for group in facts["consistency"]),
    }


def catalog_hash(system: System) -> str:
    """Return the content hash of a catalog: equal for equal meaning, whatever its layout or path."""
    return content_hash(content_of(system))


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def _component(facts: Mapping[str, Any]) -> Component:
    typed = {
        "tier": Tier(facts["tier"]),
        "standby": Standby(facts["standby"]),
        "needs": tuple(facts["needs"]),
        "from_point": FromPoint(**facts.get("from_point", {})),
    }
    return Component(**{**facts, **typed})


def _traffic(facts: Mapping[str, Any]) -> Traffic:
    typed = {"method": CutoverMethod(facts["method"]), "drill": DrillTraffic(**facts.get("drill", {}))}
    return Traffic(**{**facts, **typed})


def _approval(facts: Mapping[str, Any]) -> Approval:
    by_tier = {Tier(tier): ApprovalMode(mode) for tier, mode in facts["by_tier"].items()}
    typed = {
        "by_tier": by_tier,
        "approvers": tuple(facts["approvers"]),
        "on_timeout": OnTimeout(facts["on_timeout"]),
        "commit": ApprovalMode(facts.get("commit", ApprovalMode.AUTO)),
        "commit_on_timeout": OnTimeout(facts.get("commit_on_timeout", OnTimeout.PROCEED)),
    }
    return Approval(**{**facts, **typed})


def _drills(facts: Mapping[str, Any]) -> DrillPolicy:
    typed = {
        "every_s": {DrillKind(kind): every_s for kind, every_s in facts["every_s"].items()},
        "blocked": tuple(
            BlockedWindow(**{**item, "days": tuple(Weekday(day) for day in item["days"])}) for item in facts["blocked"]
        ),
        "freezes": tuple(Freeze(**item) for item in facts["freezes"]),
        "alarms": tuple(facts["alarms"]),
    }
    return DrillPolicy(**{**facts, **typed})


def _detection(facts: Mapping[str, Any]) -> Detection:
    typed = {
        "signals": tuple(SignalName(name) for name in facts["signals"]),
        "mode": DetectionMode(facts["mode"]),
        "alarms": tuple(facts["alarms"]),
        "replication": Replicated(**facts["replication"]) if facts["replication"] else None,
    }
    return Detection(**{**facts, **typed})
