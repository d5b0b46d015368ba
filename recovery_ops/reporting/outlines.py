"""A run in a few figures, for comparing it with others."""

from recovery_ops.model.plan import SystemStep
from recovery_ops.reporting import outside
from recovery_ops.reporting.facts import Facts, Json, iso
from recovery_ops.reporting.objectives import SYSTEM, objectives
from recovery_ops.reporting.verdict import verdict
from recovery_ops.reporting.verification import summary, verification

COMPARED = ("component", "kind", "objective_s", "basis", "achieved_s", "gating", "verdict")


def outline(facts: Facts) -> Json:
    """Return what a run was and how it ended, judged by the rules of today; its hashes are not verified again."""
    wanted, checks, client = objectives(facts), verification(facts), outside.client(facts)
    outcome, reasons = verdict(facts, wanted, checks, client)
    counted = summary(checks)
    state = facts.state
    whole = next((item for item in wanted if item["component"] == SYSTEM), None)
    return {
        "run_id": state.run_id,
        "report_id": f"{state.run_id}-{facts.log_hash[:12]}",
        "mode": state.mode or None,
        "drill_type": facts.declared.maybe_text("drill"),
        "execution": state.execution or None,
        "impaired_region": state.impaired_region or None,
        "recovery_region": state.recovery_region or None,
        "started_at": iso(facts.clock("T0") or state.declared_at),
        "closed_at": iso(state.closed_at),
        "outcome": state.outcome or "open",
        "verdict": outcome,
        "reasons": len(reasons),
        "plan_hash": state.plan_hash or None,
        "factor": facts.factor,
        "rto_s": whole["achieved_s"] if whole else _whole_s(facts),
        "rto_objective_s": whole["objective_s"] if whole else None,
        "outage_s": client["outage_modelled_s"],
        "lost": outside.writer(facts)["lost"],
        "checks_passed": counted["gating_passed"],
        "checks": counted["gating"],
        "objectives": [{name: item[name] for name in COMPARED} for item in wanted],
    }


def _whole_s(facts: Facts) -> float | None:
    """For a run that moves no traffic: the slowest of the components that traffic waits for."""
    if SystemStep.OBSERVE in facts.planned:
        return None
    found = [item for item in objectives(facts) if item["kind"] == "rto" and item["gating"]]
    times = [item["achieved_s"] for item in found]
    return max(times) if times and None not in times else None
