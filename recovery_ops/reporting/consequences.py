"""What did not go as planned, what is owed, and what somebody has to do about it."""

from collections.abc import Iterator

from recovery_ops.model.events import EventType
from recovery_ops.model.plan import SystemStep
from recovery_ops.record.state import Debt, StepState, StepStatus
from recovery_ops.reporting.drilling import clean_up, guards, tabletop, unsupported
from recovery_ops.reporting.facts import Facts, Json, iso
from recovery_ops.reporting.interventions import interventions
from recovery_ops.reporting.objectives import PASS

TOLD_ELSEWHERE = ("skipped", "overridden")
"""Interventions that stand among the deviations with more to them: with their step, with their checks."""


def deviations(facts: Facts) -> list[Json]:
    """Return everything that was repeated, skipped, overridden, degraded or never executed, with reason and person."""
    found = [item for step in facts.state.steps.values() for item in _of_step(facts, step)]
    for override in facts.state.overrides:
        names = ", ".join(f"{check.get('component')} {check.get('gate')}" for check in override.checks)
        found.append(_deviation("overridden", names, override.reason, override.person, iso(override.at)))
    for decision in facts.state.capacity:
        if decision.degraded or decision.refused:
            what = f"{decision.component} got {decision.obtained or 'nothing'} in {decision.region}"
            found.append(_deviation("degraded" if decision.degraded else "fallback", what, "", None, iso(decision.at)))
    found += [
        _deviation(item["kind"], item["what"], item["reason"] or "", item["person"], item["at"])
        for item in interventions(facts)
        if item["kind"] not in TOLD_ELSEWHERE
    ]
    found += [
        _deviation("guard-tripped", str(item["guard"]), f"{item['observed']}, limit {item['limit']}", None, item["at"])
        for item in guards(facts)
    ]
    for event, fact in facts.payloads(EventType.RUN_ROLLED_BACK):
        found.append(_deviation("rolled-back", fact.text("to_region"), fact.text("why"), None, iso(event.at)))
    for event, fact in facts.payloads(EventType.RECORD_GAP_CLOSED):
        what = (
            f"{fact.whole('events') or 0} events, {fact.text('from')} to {fact.text('until')}, waited in a local spool"
        )
        found.append(_deviation("record-gap", what, fact.text("reason"), None, iso(event.at)))
    declared_at = iso(facts.state.declared_at)
    found += [_deviation("warning", text, "", facts.state.person or None, declared_at) for text in facts.state.warnings]
    return found


def _of_step(facts: Facts, step: StepState) -> Iterator[Json]:
    person = step.person or None
    for number, attempt in sorted(step.tries.items()):
        if attempt.error is not None:
            what = f"{step.id}, attempt {number} of {step.attempts}"
            yield _deviation("failed", what, attempt.error.message, person, iso(attempt.ended_at))
        elif attempt.ended_at is None and number < step.attempts:
            what = f"{step.id}, attempt {number} of {step.attempts}"
            yield _deviation("interrupted", what, "it has no end in the record", person, iso(attempt.started_at))
    if step.status is StepStatus.SKIPPED:
        yield _deviation("skipped", step.id, step.reason, person, iso(step.ended_at))
    elif step.status is StepStatus.RUNNING:
        yield _deviation("unfinished", step.id, "it has no end in the record", person, iso(step.started_at))
    elif step.status is StepStatus.PENDING and not _rollback_unneeded(facts, step):
        yield _deviation("never-executed", step.id, "", None, None)


def _rollback_unneeded(facts: Facts, step: StepState) -> bool:
    return step.id == SystemStep.ROLLBACK and facts.state.committed


def _deviation(kind: str, what: str, why: str, person: str | None, at: str | None) -> Json:
    return {"kind": kind, "what": what, "why": why or None, "person": person, "at": at}


def debts(facts: Facts) -> list[Json]:
    """Return what could not be done during the run and is owed, and when it was paid as far as the record knows."""
    return [
        {
            "debt": debt.debt,
            "component": debt.component or None,
            "region": debt.region or None,
            "what": debt.what,
            "why": debt.why,
            "at": iso(debt.at),
            **_payment(facts, debt),
        }
        for debt in facts.state.debts
    ]


def _payment(facts: Facts, debt: Debt) -> Json:
    """Payments are events of this run, or were noted by whoever signed its report later."""
    mine = {name: getattr(debt, name) for name in ("debt", "component", "region", "what")}
    paid = [(iso(event.at), fact) for event, fact in facts.payloads(EventType.DEBT_PAID)]
    for _, signature in facts.payloads(EventType.REPORT_SIGNED):
        paid += [(iso(fact.time("at")), fact) for fact in signature.parts("debts_paid")]
    for at, fact in paid:
        if all(fact.text(name) == value for name, value in mine.items()):
            return {"paid_at": at, "paid_by": fact.maybe_text("person")}
    return {"paid_at": None, "paid_by": None}


def reconciliation(facts: Facts) -> list[Json]:
    """Return, per component, what became of writes that both regions took while they were apart."""
    return [
        {
            "component": fact.text("component"),
            "from_region": fact.text("from_region"),
            "to_region": fact.text("to_region"),
            "merged": fact.whole("merged"),
            "lost": fact.whole("lost"),
            "conflicts": [
                {name: str(item.everything.get(name) or "") for name in ("key", "kept", "dropped", "why")}
                for item in fact.parts("conflicts")
            ],
            "basis": fact.text("basis"),
            "at": iso(event.at),
        }
        for event, fact in facts.payloads(EventType.RECONCILED)
    ]


def capacity(facts: Facts) -> list[Json]:
    """Return every decision on instances: what was asked for in order, what was refused and why, what was obtained."""
    return [
        {
            "component": decision.component,
            "region": decision.region,
            "requested": list(decision.requested),
            "obtained": decision.obtained,
            "count": decision.count,
            "degraded": decision.degraded,
            "refused": [dict(item) for item in decision.refused],
            "at": iso(decision.at),
        }
        for decision in facts.state.capacity
    ]


def traffic(facts: Facts) -> Json:
    """Return how traffic moved, which region then answered a client of the name, and how the soak went."""
    soaks = [fact for _, fact in facts.payloads(EventType.SOAK_ENDED)]
    last = soaks[-1] if soaks else None
    return {
        "moves": [
            {
                "at": iso(event.at),
                "method": fact.maybe_text("method"),
                "from_region": fact.maybe_text("from_region"),
                "to_region": fact.maybe_text("to_region"),
                "detail": fact.maybe_text("detail"),
            }
            for event, fact in facts.payloads(EventType.TRAFFIC_MOVED)
        ],
        "answers": [
            {
                "at": iso(fact.time("effective_at") or event.at),
                "answered_by": fact.maybe_text("answered_by"),
                "probes": fact.whole("probes"),
            }
            for event, fact in facts.payloads(EventType.TRAFFIC_OBSERVED)
        ],
        "soak": {
            "outcome": last.maybe_text("outcome"),
            "probes": last.whole("probes"),
            "failed": last.whole("failed"),
            "p95_ms": last.number("p95_ms"),
            "reason": last.maybe_text("reason"),
        }
        if last
        else None,
        "serving_region": facts.state.serving_region,
    }


def references(facts: Facts) -> list[Json]:
    """Return every region-bound reference that was rewritten."""
    return [
        {name: fact.maybe_text(name) for name in ("component", "what", "source", "target")}
        for _, fact in facts.payloads(EventType.REFERENCE_MAPPED)
    ]


def findings(facts: Facts, objectives: list[Json], checks: list[Json]) -> list[Json]:
    """Return one open finding per thing that is missed, failed, overridden, owed or left; lessons alone have owners."""
    found = [
        ("objective", "blocker" if item["gating"] else "warning", f"{item['kind'].upper()} of {item['component']}")
        for item in objectives
        if item["verdict"] != PASS
    ]
    found += [
        ("check", "info" if check["advisory"] else "blocker", f"{check['component']}: {check['gate']}: {check['name']}")
        for check in checks
        if check["outcome"] != PASS
    ]
    found += [("override", "blocker", f"{item.person}: {item.reason}") for item in facts.state.overrides]
    for item in reconciliation(facts):
        if item["lost"]:
            found.append(("reconciliation", "blocker", f"{item['component']}: {item['lost']} writes are lost"))
        if item["conflicts"]:
            what = f"{item['component']}: {len(item['conflicts'])} writes met a later one, which won"
            found.append(("reconciliation", "warning", what))
    owed = debts(facts)
    found += [("debt", "warning", f"{debt['debt']}: {debt['what']}") for debt in owed if debt["paid_at"] is None]
    found += [("guard", "blocker", f"{item['guard']}: {item['observed']}") for item in guards(facts)]
    found += [("clean-up", "blocker", f"left behind: {item}") for item in clean_up(facts, owed)["leftovers"] or ()]
    talked = tabletop(facts)
    found += _of_tabletop(talked)
    listed = [_finding(number, *item) for number, item in enumerate(found, start=1)]
    lessons = [item for item in (talked or {"lessons": []})["lessons"] if not item["mended"]]
    owned = (
        _finding(number, "lesson", "warning", str(item["what"])) | {"owner": item["owner"], "due": item["due"]}
        for number, item in enumerate(lessons, start=len(listed) + 1)
    )
    return [*listed, *owned]


def _of_tabletop(found: Json | None) -> Iterator[tuple[str, str, str]]:
    if found is None:
        return
    for role in found["people"]:
        if role["verdict"] != PASS:
            yield "people", "blocker" if role["required"] else "info", f"{role['role']}: {_unanswered(role)}"
    for inject, made in unsupported(found):
        said = f"{inject['inject']}: {made['role']} decided {made['decision']!r}"
        yield "decision", "info" if made["simulated"] else "blocker", said


def _unanswered(role: Json) -> str:
    """Why the objective of a role is not met."""
    if role["answered_by_people"] < role["asked"] or not role["answered_by_people"]:
        return f"a person answered {role['answered_by_people']} of {role['asked']} injects"
    return f"the slowest answer took {role['slowest_s']} s, {role['within_s']} s wanted"


def _finding(number: int, source: str, severity: str, what: str) -> Json:
    return {
        "id": f"F{number:02d}",
        "source": source,
        "severity": severity,
        "what": what,
        "status": "open",
        "root_cause": None,
        "owner": None,
        "due": None,
        "accepted_by": None,
        "retest": None,
    }
