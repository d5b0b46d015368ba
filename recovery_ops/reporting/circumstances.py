"""Who, why, with which plan and by which criteria: the part of a report that is known before anything happens."""

from recovery_ops.model.plan import Mode
from recovery_ops.record.payload import Payload
from recovery_ops.reporting.facts import Facts, Json, iso


def identity(facts: Facts) -> Json:
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
        "previous_report": None,
    }


def classification(facts: Facts) -> Json:
    """Return what sort of run it was."""
    state = facts.state
    return {
        "event": None if not state.mode else "drill" if state.mode == Mode.DRILL else "real",
        "mode": state.mode or None,
        "drill_type": None,
        "planned": state.graceful,
        "intent": state.intent or None,
        "announced": None,
        "scenario": None,
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
        "third_parties": None,
        "blast_radius": None,
    }


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
        "cost_ceiling": None,
    }


def people(facts: Facts) -> Json:
    """Return roles, who took part, and every approval with person, comment and time."""
    state = facts.state
    acting = [state.person, *(approval.person for approval in state.approvals)]
    acting += [override.person for override in state.overrides] + [step.person for step in state.steps.values()]
    return {
        "declared_by": state.person or None,
        "incident_lead": None,
        "roles": {role: list(Payload(state.people).texts(role)) for role in sorted(state.people)},
        "participants": sorted({name for name in acting if name and not name.startswith("policy:")}),
        "approvals": [
            {
                "policy": approval.policy or None,
                "approvers": list(approval.approvers),
                "timeout_s": approval.timeout_s,
                "asked_at": iso(approval.asked_at),
                "answered_at": iso(approval.answered_at),
                "decision": approval.decision,
                "person": approval.person or None,
                "comment": approval.comment or None,
            }
            for approval in state.approvals
        ],
        "overrides": [
            {
                "person": override.person,
                "reason": override.reason,
                "at": iso(override.at),
                "checks": [dict(check) for check in override.checks],
            }
            for override in state.overrides
        ],
        "substitutions": None,
    }
