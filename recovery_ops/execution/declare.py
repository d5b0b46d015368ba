"""Declaring a run: refuse early, claim the system, freeze plan and criteria, start the clocks; touch nothing else."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from recovery_ops import __version__
from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.execution.claiming import claimed
from recovery_ops.execution.drill_limits import blast_radius, guard_limits
from recovery_ops.execution.guarding import refuse_to_drill
from recovery_ops.execution.homecoming import refuse_too_early
from recovery_ops.execution.probing import body_of
from recovery_ops.execution.serving import serving_region
from recovery_ops.execution.systems import impaired, plan_for
from recovery_ops.execution.trial import answers_within_s
from recovery_ops.execution.view import copy_regions, open_log
from recovery_ops.kinds import driver
from recovery_ops.model.drills import DrillKind
from recovery_ops.model.events import EventType
from recovery_ops.model.plan import Intent, Mode, Plan
from recovery_ops.model.runs import RunRef, RunRequest
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import System
from recovery_ops.planning import plan_to_json
from recovery_ops.protection.choice import Choice, choose_point
from recovery_ops.protection.shelf import canonical

FIRST_WRITER = "declare#1"


def declare(request: RunRequest, system: System, *, now: datetime | None = None) -> RunRef:
    """Open a run: everything that can be refused is refused before the claim is taken and anything is written.

    The same ``request.token`` on the same day is the same run, so that a repeated trigger finds the first one.

    Args:
        request: What is asked for.
        system: The system as its catalog describes it now; it is frozen into the record here.
        now: Aware UTC; the moment of the call unless given.

    Raises:
        RequestError: A region is unknown, both are the same, or a failback comes too early.
        NoRecoveryPointError: No complete recovery point fits; says why each was refused.
        RunActiveError: Another run holds the system: who, since when, which.
    """
    now = now or datetime.now(UTC)
    plan = plan_of(request, system)
    ref = _ref(request, system, plan, now)
    log = open_log(ref, system)
    homeward = request.mode is Mode.FAILBACK
    forbidden = None if homeward and request.graceful else ref.impaired_region
    with calling_as(Caller(run_id=ref.run_id, step="declare", forbidden_region=forbidden)):
        if any(event.type is EventType.RUN_DECLARED for event in log.events_of("declare")):
            return ref
        choice = choose_point(system, request, impact_at=request.impact_at or now)
        parted = refuse_too_early(system, plan, choice.point) if homeward else None
        if request.mode is Mode.DRILL:
            refuse_to_drill(system, ref.recovery_region, body_of(choice.point.captures))
        facts = {**_declaration(request, system, plan, choice, now), "parted": parted}
        with claimed(system, ref, request.mode, request.person, now) as warnings:
            facts["warnings"] += warnings
            log.writer(FIRST_WRITER).append(EventType.RUN_DECLARED, facts)
    return ref


def plan_of(request: RunRequest, system: System) -> Plan:
    """Return the plan that ``request`` asks for.

    Raises:
        RequestError: The request can never become a plan.
    """
    return plan_for(
        system,
        request.recovery_region,
        mode=request.mode,
        impaired_region=request.impaired_region or _impaired(system, request),
        component=request.component,
        intent=request.intent,
        drill=request.drill or DrillKind.REGIONAL,
    )


def _impaired(system: System, request: RunRequest) -> str:
    """A failover home leaves the region that serves; whoever is home and fails over leaves home."""
    if request.mode is Mode.FAILOVER and request.recovery_region == system.home:
        return serving_region(system).region
    return impaired(system, request.mode)


def _ref(request: RunRequest, system: System, plan: Plan, now: datetime) -> RunRef:
    return RunRef.asked(
        system, request.token, now, recovery_region=plan.recovery_region, impaired_region=plan.impaired_region
    )


def _declaration(request: RunRequest, system: System, plan: Plan, choice: Choice, now: datetime) -> Mapping[str, Any]:
    drill = request.mode is Mode.DRILL
    criteria = criteria_of(system, request.intent)
    if drill:
        criteria["cost_ceiling_usd"] = system.drills.ceiling_usd
    impact = request.impact_at or now
    decided = request.decided_at or now
    return {
        **circumstances(system, plan.recovery_region, plan.impaired_region, criteria),
        "mode": request.mode,
        "drill": str(request.drill or DrillKind.REGIONAL) if drill else None,
        "graceful": request.graceful,
        "intent": request.intent,
        "execution": request.execution,
        "components": [component.name for component in system.components],
        "component": request.component,
        "reason": request.reason,
        "person": request.person,
        "token": request.token,
        "override": request.override,
        "clocks": {
            "T0": impact.isoformat(),
            "T1": (request.detected_at or decided).isoformat(),
            "T2": decided.isoformat(),
            "T3": now.isoformat(),
        },
        "plan": plan_to_json(plan),
        "plan_hash": plan.hash,
        "point": _point(choice, impact),
        "warnings": _warnings(request, choice),
        "inject": drill and request.inject,
        **(_limits(request, system, plan) if drill else {}),
    }


def circumstances(
    system: System, recovery_region: str, impaired_region: str, criteria: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what every declaration says, whatever it declares: the system as it is, and what will be judged."""
    return {
        "system": system.name,
        "home": system.home,
        "impaired_region": impaired_region,
        "recovery_region": recovery_region,
        "regions": list(system.regions),
        "people": {role: list(names) for role, names in system.people.items()},
        "tool_version": __version__,
        "time_factor": Settings.from_environment().time_factor,
        "account": None,
        "criteria": criteria,
        "criteria_hash": hashlib.sha256(canonical(criteria)).hexdigest(),
        "record_copies": list(copy_regions(system, recovery_region, impaired_region)),
    }


def _limits(request: RunRequest, system: System, plan: Plan) -> Mapping[str, Any]:
    return {"blast_radius": blast_radius(system, request, plan), "guards": guard_limits(system)}


def _point(choice: Choice, impact: datetime) -> Mapping[str, Any]:
    point = choice.point
    ages = {name: max(0.0, (impact - item.watermark).total_seconds()) for name, item in point.captures.items()}
    return {
        "id": point.id,
        "taken_at": point.taken_at.isoformat(),
        "watermark": point.watermark.isoformat(),
        "refused": dict(choice.refused),
        "rpo_s": {name: round(age, 3) for name, age in ages.items()},
    }


def _warnings(request: RunRequest, choice: Choice) -> list[str]:
    found = [f"recovery point {name} was refused: {why}" for name, why in choice.refused.items()]
    if request.impact_at is None and request.mode is not Mode.DRILL:
        found.append(
            "no impact time was given: T0 is the moment of the trigger, so RTO and RPO look better than they are"
        )
    if request.override:
        found.append(
            f"{request.person} overrides failed gates beforehand: {request.override}; the verdict will be fail"
        )
    if request.mode is Mode.DRILL and not request.inject:
        found.append("no fault was injected: T0 is the moment of the trigger, and detection is not on the clock")
    newest = request.before is None and request.point_id is None
    if request.intent is Intent.CORRUPTION and newest and request.mode is not Mode.DRILL:
        found.append("corruption without --before or --point: the newest point may hold the damage")
    return found


def criteria_of(system: System, intent: Intent) -> dict[str, Any]:
    """Return what the run will be judged by, fixed before it starts: objectives and required gates, as JSON values.

    Where no replica is trusted, the objectives for a recovery from a point hold; ``basis`` says which they are.
    """
    return {
        "system": {"rto_s": system.rto_of(intent), "basis": {"rto": system.from_point.rto_basis(intent)}},
        "components": {
            component.name: {
                "rto_s": component.rto_of(intent),
                "rpo_s": component.rpo_of(intent),
                "basis": {
                    "rto": component.from_point.rto_basis(intent),
                    "rpo": component.from_point.rpo_basis(intent),
                },
                "tier": component.tier,
                "gates_traffic": component.gates_traffic,
                "gates": sorted(driver(component).gates),
            }
            for component in system.components
        },
        "soak": {
            "soak_s": system.traffic.soak_s,
            "min_probes": system.traffic.min_probes,
            "max_failed_ratio": system.traffic.max_failed_ratio,
            "answers_within_s": answers_within_s(system),
        },
    }
