"""Who accepted the evidence of a run. A signature names the hash of the events it is about, and holds for no others."""

import hashlib
from collections.abc import Mapping, Sequence

from recovery_ops.errors import RequestError
from recovery_ops.model.events import Event, EventType
from recovery_ops.record import envelope
from recovery_ops.record.log import EventLog
from recovery_ops.record.payload import Payload
from recovery_ops.record.seal import complete
from recovery_ops.record.verify import require_verified
from recovery_ops.reporting.facts import Facts, Json, iso

ACCEPT, REJECT = "accept", "reject"
STATES = {ACCEPT: "accepted", REJECT: "rejected"}
DEBT = ("debt", "component", "region", "what")


def evidence_sha256(facts: Facts) -> str:
    """Return SHA-256 over the canonical JSON of every event but signatures, in order, one per line."""
    digest = hashlib.sha256()
    for event in facts.events:
        if event.type is not EventType.REPORT_SIGNED:
            digest.update(envelope.canonical(event.to_json()) + b"\n")
    return digest.hexdigest()


def sign_off(facts: Facts) -> Json:
    """Return what came of signing: the last signature decides; events that came after it make it ``outdated``."""
    now = evidence_sha256(facts)
    signed = [_signature(event, fact, now) for event, fact in facts.payloads(EventType.REPORT_SIGNED)]
    last = signed[-1] if signed else None
    state = "not-signed" if last is None else STATES.get(str(last["decision"]), "rejected")
    return {
        "state": state if last is None or last["covers_all"] else "outdated",
        "signed_by": last["person"] if last else None,
        "signed_at": last["at"] if last else None,
        "comment": last["comment"] if last else None,
        "evidence_sha256": now,
        "signatures": signed,
        "distribution": _notices(facts),
    }


def _signature(event: Event, fact: Payload, now: str) -> Json:
    return {
        "person": fact.maybe_text("person"),
        "roles": list(fact.texts("roles")),
        "at": iso(event.at),
        "decision": fact.text("decision"),
        "comment": fact.maybe_text("comment"),
        "verdict": fact.maybe_text("verdict"),
        "evidence_sha256": fact.maybe_text("evidence_sha256"),
        "covers_all": fact.text("evidence_sha256") == now,
        "debts_open": [dict(debt.everything) for debt in fact.parts("debts_open")],
        "debts_paid": [dict(debt.everything) for debt in fact.parts("debts_paid")],
    }


def _notices(facts: Facts) -> list[Json]:
    """Who was told what during the run."""
    names = ("channel", "audience", "template", "state", "detail")
    return [
        {"at": iso(event.at)} | {name: fact.maybe_text(name) for name in names}
        for event, fact in facts.payloads(EventType.NOTIFIED)
    ]


def sign(
    log: EventLog, made: Mapping[str, object], *, person: str, decision: str, comment: str, payments: Sequence[Event]
) -> Event:
    """Append the signature of ``person`` under the report ``made`` of a closed run, and seal the run again.

    Args:
        log: The run.
        made: Its report, as the person has read it.
        person: Who signs.
        decision: ``accept`` or ``reject``; a failed run may be accepted as what it is.
        comment: Stands in the evidence.
        payments: The ledger of debts of the system; what it says of this run is noted in the signature.

    Raises:
        RequestError: The run is not closed, events came since ``made``, or this person has signed just this.
        RecordTamperedError: The record does not verify; nobody can accept it.
    """
    require_verified(log)
    facts = Facts.of(log.events())
    found = sign_off(facts)
    if facts.state.closed_at is None:
        raise RequestError(f"run {log.run_id} is not closed; its report can be signed when it is")
    if Payload(made).part("sign_off").text("evidence_sha256") != found["evidence_sha256"]:
        raise RequestError(f"run {log.run_id} has events that the report does not show; read it again and sign then")
    mine = [item for item in found["signatures"] if item["person"] == person and item["covers_all"]]
    if mine and mine[-1]["decision"] == decision:
        raise RequestError(f"{person} has signed this report of run {log.run_id} already, at {mine[-1]['at']}")
    said = {"person": person, "roles": _roles(facts, person), "decision": decision, "comment": comment}
    about = {"evidence_sha256": found["evidence_sha256"], "verdict": Payload(made).text("verdict")}
    event = log.writer(f"person:{person}").append(EventType.REPORT_SIGNED, said | about | _debts(facts, payments))
    complete(log)
    return event


def _roles(facts: Facts, person: str) -> list[str]:
    people = Payload(facts.state.people)
    return sorted(role for role in people.everything if person in people.texts(role))


def _debts(facts: Facts, payments: Sequence[Event]) -> dict[str, list[Json]]:
    """What the run owes and what was paid of it, as it stands now."""
    paid = {
        tuple(str(event.payload.get(name) or "") for name in DEBT): event
        for event in payments
        if event.type is EventType.DEBT_PAID and event.payload.get("noted_by") == facts.state.run_id
    }
    settled, owed = [], []
    for debt in facts.state.debts:
        named = {name: getattr(debt, name) for name in DEBT}
        payment = paid.get(tuple(named.values()))
        if payment is None:
            owed.append(named)
        else:
            settled.append(named | {"person": payment.payload.get("person"), "at": iso(payment.at)})
    return {"debts_open": owed, "debts_paid": settled}
