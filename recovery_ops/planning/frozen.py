"""Plans as plain JSON values, as they stand in the record of a run."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from recovery_ops.model.plan import Estimate, Intent, Mode, Plan, Step


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """Return plain JSON values; ``plane`` and ``fits`` are added for readers."""
    return {
        "system": plan.system,
        "mode": str(plan.mode),
        "intent": str(plan.intent),
        "impaired_region": plan.impaired_region,
        "recovery_region": plan.recovery_region,
        "steps": [_listed(asdict(step)) | {"plane": str(step.plane)} for step in plan.steps],
        "estimates": [_listed(asdict(estimate)) | {"fits": estimate.fits} for estimate in plan.estimates],
        "control_plane_steps": control_plane_steps(plan),
        "hash": plan.hash,
        "frozen": dict(plan.frozen),
    }


def plan_from_json(value: Mapping[str, Any]) -> Plan:
    """Rebuild a plan from :func:`plan_to_json`; raises ``KeyError`` or ``ValueError`` when it was altered."""
    return Plan(
        system=value["system"],
        mode=Mode(value["mode"]),
        impaired_region=value["impaired_region"],
        recovery_region=value["recovery_region"],
        steps=tuple(_step(item) for item in value["steps"]),
        estimates=tuple(_estimate(item) for item in value["estimates"]),
        hash=value["hash"],
        frozen=dict(value["frozen"]),
        intent=Intent(value.get("intent", Intent.REGION_LOSS)),
    )


def control_plane_steps(plan: Plan) -> int:
    """Return how many steps need a control plane of AWS; in a disaster those are the ones that fail."""
    return sum(bool(step.control_planes) for step in plan.steps)


def _listed(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in facts.items()}


def _step(value: Mapping[str, Any]) -> Step:
    facts = {name: item for name, item in value.items() if name != "plane"}
    return Step(**facts | {"needs": tuple(facts["needs"]), "control_planes": tuple(facts["control_planes"])})


def _estimate(value: Mapping[str, Any]) -> Estimate:
    facts = {name: item for name, item in value.items() if name != "fits"}
    return Estimate(**facts | {"chain": tuple(facts["chain"])})
