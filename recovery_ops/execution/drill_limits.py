"""What a drill may touch at most and what ends it, as it is shown beforehand and declared."""

from typing import Any

from recovery_ops.model.plan import Plan
from recovery_ops.model.runs import RunRequest
from recovery_ops.model.system import System

Json = dict[str, Any]
OTHERS = "everything that production serves from: no name of it is used, no record of it is changed"


def blast_radius(system: System, request: RunRequest, plan: Plan) -> Json:
    """Return the region that a drill works in, its components, its fault, and what it leaves alone."""
    fault = f"{plan.impaired_region} is broken for the callers of this drill alone" if request.inject else "none"
    return {
        "region": plan.recovery_region,
        "components": list(plan.components),
        "fault": fault,
        "untouched": [OTHERS, f"{system.traffic.name} keeps answering from {plan.impaired_region}"],
    }


def guard_limits(system: System) -> list[Json]:
    """Return what ends a drill while it goes on."""
    return [
        {"guard": "stop", "limit": "no stop of drills (recovery-ops drill stop)"},
        {"guard": "production-run", "limit": "no real run"},
        {"guard": "spend", "limit": f"{system.drills.ceiling_usd:.2f} USD by the price table"},
        {"guard": "production", "limit": f"{system.traffic.name} answers"},
    ]
