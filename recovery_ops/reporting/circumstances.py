"""Who, why, with which plan and by which criteria: the part of a report that is known before anything happens."""

from recovery_ops.model.plan import Mode
from recovery_ops.record.payload import Payload
from recovery_ops.reporting.drilling import cost_ceiling_usd
from recovery_ops.reporting.facts import Facts, Json, iso


def identity(facts: Facts, previous_report: str | None = None) -> Json:
    """Return what the report is about, with the hashes that prove it."""
    state = facts.state
    return {
        "report_id": f"{state.run_id}-{facts.log_hash[:12]}",
        "run_id": state.run_id,
        "system": state.system,
        "plan_hash": state.plan_hash or None,
        "criteria_hash": state.criteria_hash or None,
        "event_log_sha256": facts.log_hash,
        "events": len(facts.events),
        "record_verified": not facts.broken,
        "broken": facts.broken,
        "record_copies": list(facts.declared.texts("record_copies")),
        "tool_version": state.tool_version or None,
        "account": state.account or None,
        "environment": "time-scaled" if facts.factor not in (None, 1.0) else None,
        "generated_at": iso(state.last_at),
        "previous_report": previous_report,
    }


def classification(facts: Facts) -> Json:
    """Return what sort of run it was."""
    state = facts.state
    return {
        "event": None if not state.mode else "drill" if state.mode == Mode.DRILL else "real",
        "mode": state.mode or None,
        "drill_type": facts.declared.maybe_text("drill"),
        "planned": state.graceful,
        "intent": state.intent or None,
        "announced": facts.declared.flag("announced"),
        "scenario": facts.declared.everything.get("scenario"),
        "reason": state.reason or None,
    }


def scope(facts: Facts) -> Json:
    """Return regions and components, how critical they are, and what was left out."""
    state = facts.state
    within = list(facts.components)
    return {
        "home": state.home or None,
        "impaired_region": state.impaired_region or None,
        "recovery_region": state.recovery_region or None,
        "regions": list(state.regions),
        "components": within or list(state.components),
        "criticality": [_critical(facts, name, item) for name, item in facts.components.items()],
        "out_of_scope": [name for name in state.components if name not in within] if within else [],
        "third_parties": list(facts.declared.texts("third_parties")) or None,
        "blast_radius": _blast_radius(facts),
    }


def _blast_radius(facts: Facts) -> Json | None:
    """What a drill may touch at most, as it was declared: limits and guard alarms."""
    limits = facts.declared.part("blast_radius").everything
    guards = list(facts.declared.items("guards"))
    return {"limits": dict(limits), "guards": guards} if limits or guards else None


def _critical(facts: Facts, name: str, item: Payload) -> Json:
    return {
        "component": name,
        "kind": item.maybe_text("kind"),
        "tier": facts.criterion(name).maybe_text("tier") or item.maybe_text("tier"),
        "standby": item.maybe_text("standby"),
        "gates_traffic": facts.gates_traffic(name),
        "needs": list(item.texts("needs")),
    }


def criteria(facts: Facts) -> Json:
    """Return the success criteria as they were fixed before the start."""
    return {
        "fixed_at": iso(facts.state.declared_at),
        "hash": facts.state.criteria_hash or None,
        "criteria": dict(facts.state.criteria),
        "cost_ceiling": cost_ceiling_usd(facts),
    }
