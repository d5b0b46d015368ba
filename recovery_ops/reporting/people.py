"""Who was meant to take part in a run, who did, and in whose place."""

from collections.abc import Iterator

from recovery_ops.model.events import EventType
from recovery_ops.record.payload import Payload
from recovery_ops.reporting.facts import Facts, Json, iso
from recovery_ops.reporting.interventions import acting

NOBODY = "policy:"


def people(facts: Facts) -> Json:
    """Return roles, who took part of each, who led, and every approval with person, comment and time."""
    state = facts.state
    roles = {role: list(Payload(state.people).texts(role)) for role in sorted(state.people)}
    taken = sorted(set(acting(facts)))
    return {
        "declared_by": state.person or None,
        "incident_lead": _lead(facts),
        "roles": roles,
        "presence": [_present(facts, role, names, taken) for role, names in roles.items()],
        "participants": taken,
        "approvals": [
            {
                "question": approval.question,
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
        "substitutions": list(_substitutions(facts, roles)),
    }


def _lead(facts: Facts) -> str | None:
    """Who took the run over last; else who declared it."""
    taken = [takeover.person for takeover in facts.state.control.takeovers if takeover.person]
    return (taken or [facts.state.person])[-1] or None


def _present(facts: Facts, role: str, intended: list[str], taken: list[str]) -> Json:
    decided = [fact for _, fact in facts.payloads(EventType.DECISION_TAKEN) if fact.text("role") == role]
    acted = [fact.text("person") for fact in decided if fact.flag("simulated") is not True]
    names = sorted({name for name in (*intended, *acted) if name in taken})
    return {
        "role": role,
        "intended": intended,
        "took_part": names,
        "present": bool(names),
        "simulated": bool(decided) and not acted,
    }


def _substitutions(facts: Facts, roles: dict[str, list[str]]) -> Iterator[Json]:
    """Whoever acted for a role without being named for it. ``approvers`` are roles, or people by name."""
    for approval in facts.state.approvals:
        wanted = [name for role in approval.approvers for name in roles.get(role, [role])]
        if approval.person and wanted and approval.person not in wanted and not approval.person.startswith(NOBODY):
            role = ", ".join(approval.approvers)
            yield {"role": role, "intended": wanted, "person": approval.person, "at": iso(approval.answered_at)}
    for event, fact in facts.payloads(EventType.DECISION_TAKEN):
        role, person = fact.text("role"), fact.text("person")
        named = roles.get(role, [])
        if person and named and person not in named and fact.flag("simulated") is not True:
            yield {"role": role, "intended": named, "person": person, "at": iso(event.at)}
