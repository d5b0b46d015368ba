"""Objectives against what was achieved: RTO per component and for the system, RPO per component with state."""

from collections.abc import Mapping

from recovery_ops.model.events import EventType
from recovery_ops.model.objectives import Basis
from recovery_ops.model.plan import SystemStep
from recovery_ops.record.payload import Payload
from recovery_ops.record.state import StepStatus
from recovery_ops.reporting.facts import Facts, Json, iso, seconds

SYSTEM = "system"
PASS, FAIL, NOT_MEASURED = "pass", "fail", "not-measured"


def objectives(facts: Facts) -> list[Json]:
    """Return every objective of the run with what was achieved; nothing measured is ``not-measured``, never a pass."""
    found = _system(facts)
    for name in facts.components:
        found += _rto(facts, name) + _rpo(facts, name)
    return found


def judged(objective_s: float | None, achieved_s: float | None) -> str:
    """Return ``pass`` when what was achieved is within the objective, ``not-measured`` when one of them is missing."""
    if objective_s is None or achieved_s is None:
        return NOT_MEASURED
    return PASS if achieved_s <= objective_s else FAIL


def recovery_points(facts: Facts) -> list[Json]:
    """Return what each component was recovered from and how old it was at T0; the last word of each counts."""
    used = {found.text("component"): (event, found) for event, found in facts.payloads(EventType.RECOVERY_POINT_USED)}
    points = []
    for name, (event, found) in used.items():
        objective_s, achieved_s = facts.criterion(name).number("rpo_s"), rpo_modelled_s(facts, found)
        if objective_s is None:
            objective_s = found.number("objective_s")
        points.append(
            {
                "component": name,
                "kind": found.text("kind"),
                "source": found.text("source"),
                "point_id": found.maybe_text("point_id"),
                "watermark": iso(found.time("watermark")),
                "rpo_s": seconds(achieved_s),
                "rpo_wall_s": seconds(found.number("rpo_s")),
                "objective_s": objective_s,
                "verdict": judged(objective_s, achieved_s),
                "detail": found.text("detail"),
                "at": iso(event.at),
            }
        )
    return points


def rpo_modelled_s(facts: Facts, used: Payload) -> float | None:
    """Return the age of a recovery point at T0 in AWS seconds."""
    said, wall_s = used.number("rpo_modelled_s"), used.number("rpo_s")
    if said is not None or wall_s is None:
        return said
    return wall_s / facts.factor if facts.factor and facts.factor > 0 else wall_s


def _system(facts: Facts) -> list[Json]:
    """The system's own RTO, T8 - T0, where the run moves traffic at all."""
    if SystemStep.OBSERVE not in facts.planned:
        return []
    fixed = facts.declared.part("criteria").part(SYSTEM)
    fixed_s = fixed.number("rto_s")
    objective_s = fixed_s if fixed_s is not None else facts.declared.part("criteria").number("rto_s")
    since, until = facts.clock("T0"), facts.clock("T8")
    time = facts.along(SystemStep.OBSERVE, since, until) if since and until else None
    achieved = (time.modelled_s, time.wall_s) if time else (None, None)
    return [_objective(SYSTEM, "rto", objective_s, achieved, basis=_basis(fixed, "rto"), gating=True)]


def _rto(facts: Facts, name: str) -> list[Json]:
    last, since = facts.last_step(name), facts.clock("T0")
    achieved: tuple[float | None, float | None] = (None, None)
    if last and last.status is StepStatus.SUCCEEDED and last.ended_at and since:
        time = facts.along(last.id, since, last.ended_at)
        achieved = (time.modelled_s, time.wall_s)
    fixed = facts.criterion(name)
    basis, gating = _basis(fixed, "rto"), facts.gates_traffic(name)
    return [_objective(name, "rto", fixed.number("rto_s"), achieved, basis=basis, gating=gating)]


def _rpo(facts: Facts, name: str) -> list[Json]:
    """A component without an RPO has no state."""
    fixed = facts.criterion(name)
    objective_s = fixed.number("rpo_s")
    if objective_s is None:
        return []
    used: Mapping[str, Payload] = {
        found.text("component"): found for _, found in facts.payloads(EventType.RECOVERY_POINT_USED)
    }
    achieved: tuple[float | None, float | None] = (None, None)
    if name in used:
        achieved = (rpo_modelled_s(facts, used[name]), used[name].number("rpo_s"))
    basis, gating = _basis(fixed, "rpo"), facts.gates_traffic(name)
    return [_objective(name, "rpo", objective_s, achieved, basis=basis, gating=gating)]


def _basis(fixed: Payload, kind: str) -> Basis:
    """Runs of before there were objectives for a recovery from a point were judged by the ordinary ones."""
    return Basis.FROM_POINT if fixed.part("basis").text(kind) == Basis.FROM_POINT else Basis.ORDINARY


def _objective(
    component: str,
    kind: str,
    objective_s: float | None,
    achieved: tuple[float | None, float | None],
    *,
    basis: Basis,
    gating: bool,
) -> Json:
    achieved_s, wall_s = achieved
    return {
        "component": component,
        "kind": kind,
        "objective_s": objective_s,
        "basis": str(basis),
        "achieved_s": seconds(achieved_s),
        "achieved_wall_s": seconds(wall_s),
        "gating": gating,
        "verdict": judged(objective_s, achieved_s),
    }
