"""What people, and other runs, asked of a run while it went on; and when it was said that it would be late."""

from collections.abc import Callable, Iterator, Mapping

from recovery_ops.model.events import Event, EventType
from recovery_ops.record.payload import Payload
from recovery_ops.reporting.facts import Facts, Json, iso

Told = Callable[[Payload], tuple[str, str]]


def _gracefulness(fact: Payload) -> tuple[str, str]:
    kind = "graceful" if fact.flag("graceful") else "ungraceful"
    return kind, fact.text("step") or "the whole run"


def _take_over(fact: Payload) -> tuple[str, str]:
    return "taken-over", f"from {fact.text('from_execution', '?')} by {fact.text('to_execution', '?')}"


TOLD: Mapping[EventType, Told] = {
    EventType.RUN_PAUSED: lambda _: ("paused", "the run"),
    EventType.RUN_RESUMED: lambda _: ("resumed", "the run"),
    EventType.RUN_CANCELLED: lambda _: ("cancelled", "the run"),
    EventType.STEP_SKIPPED: lambda fact: ("skipped", fact.text("step")),
    EventType.RETRY_ASKED: lambda fact: ("retried", fact.text("step")),
    EventType.GATE_OVERRIDDEN: lambda fact: ("overridden", fact.text("step") or "failed checks"),
    EventType.RUN_TAKEN_OVER: _take_over,
    EventType.RUN_PREEMPTED: lambda fact: ("pre-empted", f"by run {fact.text('by_run', '?')}"),
    EventType.GRACEFULNESS_CHANGED: _gracefulness,
}
"""How each event of a control is told: what was done, and to what."""


def interventions(facts: Facts) -> list[Json]:
    """Return every control that was used, in order, with person and reason."""
    return [_told(event, Payload(event.payload)) for event in facts.events if event.type in TOLD]


def _told(event: Event, fact: Payload) -> Json:
    kind, what = TOLD[event.type](fact)
    person, reason = fact.maybe_text("person"), fact.maybe_text("reason")
    return {"at": iso(event.at), "kind": kind, "what": what, "person": person, "reason": reason}


def forecasts(facts: Facts) -> list[Json]:
    """Return every warning that the RTO will be missed, in modelled seconds, with the step that causes it."""
    return [
        {
            "at": iso(event.at),
            "step": fact.maybe_text("step"),
            "forecast_s": fact.number("forecast_s"),
            "objective_s": fact.number("objective_s"),
            "late_s": fact.number("late_s"),
            "chain": list(fact.texts("chain")),
        }
        for event, fact in facts.payloads(EventType.RTO_FORECAST)
    ]


def record_gaps(facts: Facts) -> list[Json]:
    """Return every time in which the record took no writes, so that events waited outside it."""
    return [
        {
            "events": fact.whole("events"),
            "from": fact.maybe_text("from"),
            "until": fact.maybe_text("until"),
            "reason": fact.maybe_text("reason"),
            "damaged": [str(item) for item in fact.items("damaged")],
            "merged_at": iso(event.at),
        }
        for event, fact in facts.payloads(EventType.RECORD_GAP_CLOSED)
    ]


def acting(facts: Facts) -> Iterator[str]:
    """Yield the names of everybody who did something in the run, policies and simulated participants left out."""
    state = facts.state
    names = [state.person, *(approval.person for approval in state.approvals)]
    names += [item["person"] or "" for item in interventions(facts)]
    decided = facts.payloads(EventType.DECISION_TAKEN)
    names += [fact.text("person") for _, fact in decided if fact.flag("simulated") is not True]
    yield from (name for name in dict.fromkeys(names) if name and not name.startswith("policy:"))
