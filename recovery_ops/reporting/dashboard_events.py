"""Events in words: one line each, for people who watch a run."""

from collections.abc import Callable, Mapping
from typing import Any

from recovery_ops.model.events import Event, EventType
from recovery_ops.model.tabletops import SIMULATED
from recovery_ops.reporting.phrases import duration

LOUD = {
    EventType.RUN_DECLARED, EventType.RUN_REFUSED, EventType.STEP_FAILED, EventType.APPROVAL_ASKED,
    EventType.APPROVAL_ANSWERED, EventType.TRAFFIC_MOVED, EventType.TRAFFIC_OBSERVED, EventType.RUN_COMMITTED,
    EventType.RUN_ROLLED_BACK, EventType.RTO_FORECAST, EventType.RUN_PAUSED, EventType.RUN_RESUMED,
    EventType.RUN_CANCELLED, EventType.RUN_CLOSED, EventType.GATE_OVERRIDDEN, EventType.SOAK_ENDED,
}  # fmt: skip
"""What a screen reader says by itself; everything else is there to be read."""
HIDDEN = (EventType.ANCHORED, EventType.REFERENCE_MAPPED)

Facts = Mapping[str, Any]


def line(event: Event) -> dict[str, Any]:
    """Return time, words, who and weight of an event; ``tone`` is ``good``, ``bad``, ``warn`` or empty."""
    words = WORDS.get(event.type)
    try:
        text = words(event.payload) if words else event.type.value.replace("-", " ")
    except (KeyError, TypeError, ValueError):  # a payload of another version is no reason to show nothing
        text = event.type.value.replace("-", " ")
    return {
        "id": f"{event.writer}-{event.seq}",
        "at": event.at,
        "type": str(event.type),
        "text": text,
        "writer": event.writer,
        "tone": tone(event),
        "loud": event.type in LOUD,
    }


def tone(event: Event) -> str:
    """Return how the news is."""
    facts = event.payload
    if event.type in (EventType.STEP_FAILED, EventType.RUN_REFUSED, EventType.RUN_ROLLED_BACK, EventType.REPORT_FAILED):
        return "bad"
    if event.type is EventType.CHECK_RECORDED and facts.get("outcome") != "pass":
        return "bad"
    if event.type in (EventType.RTO_FORECAST, EventType.DEBT_NOTED, EventType.RUN_PAUSED, EventType.GATE_OVERRIDDEN,
                      EventType.RUN_CANCELLED, EventType.APPROVAL_ASKED, EventType.STEP_SKIPPED):  # fmt: skip
        return "warn"
    if event.type in (EventType.STEP_SUCCEEDED, EventType.TRAFFIC_OBSERVED, EventType.RUN_COMMITTED):
        return "good"
    return ""


def _said(verb: str) -> Callable[[Facts], str]:
    return lambda facts: f"{facts['person']} {verb}: {facts['reason']}"


def _answered(facts: Facts) -> str:
    verb = {"approve": "approved", "decline": "declined", "timeout": "nobody answered in time:"}[facts["decision"]]
    who = "" if facts["decision"] == "timeout" else f"{facts['person']} "
    return f"{who}{verb} {facts.get('question') or 'cutover'}" + (
        f": {facts['comment']}" if facts.get("comment") else ""
    )


def _forecast(facts: Facts) -> str:
    return f"the RTO will be missed by {duration(facts['late_s'])} because of {facts['step']}"


def _operation(facts: Facts) -> str:
    ref = facts.get("ref") or {}
    what = ref.get("what") or ref.get("kind") or ref.get("id") or "AWS"
    return f"{facts['step']} waits for AWS: {what}"


WORDS: Mapping[EventType, Callable[[Facts], str]] = {
    EventType.RUN_DECLARED: lambda f: (
        f"{f['person']} declared {f['mode']} from {f['impaired_region']} to {f['recovery_region']}: {f['reason']}"
    ),
    EventType.RUN_REFUSED: lambda f: f"refused: {f['reason']}",
    EventType.STEP_STARTED: lambda f: f"{f['step']} started" + (f", attempt {f['attempt']}" * (f["attempt"] > 1)),
    EventType.STEP_SUCCEEDED: lambda f: f"{f['step']} done, worked {duration(f['worked_s'])}",
    EventType.STEP_FAILED: lambda f: f"{f['step']} failed: {f['error']['message']}",
    EventType.STEP_SKIPPED: lambda f: (
        f"{f['step']} skipped" + (f" by {f['person']}" if f.get("person") else "") + f": {f['reason']}"
    ),
    EventType.OPERATION_STARTED: _operation,
    EventType.OPERATION_ENDED: lambda f: (
        f"{f['step']}: AWS says {f['state']}" + (f" ({f['detail']})" * bool(f["detail"]))
    ),
    EventType.CHECK_RECORDED: lambda f: f"{f['component']} {f['gate']}: {f['name']}: {f['outcome']}",
    EventType.GATE_OVERRIDDEN: _said("overrode a gate"),
    EventType.CAPACITY_DECIDED: lambda f: f"{f['component']} got {f['count']} of {f['obtained'] or 'nothing'}",
    EventType.RECOVERY_POINT_USED: lambda f: f"{f['component']} comes from {f['source']} {f.get('point_id') or ''}",
    EventType.FENCED: lambda f: f"fenced {f['component']} in {f['region']}: {f['what']}",
    EventType.DEBT_NOTED: lambda f: f"owed: {f['debt']} {f['component']} in {f['region']}: {f['why']}",
    EventType.APPROVAL_ASKED: lambda f: f"waiting for a person: {f.get('question') or 'cutover'}?",
    EventType.APPROVAL_ANSWERED: _answered,
    EventType.TRAFFIC_MOVING: lambda f: f"traffic is about to be sent from {f['from_region']} to {f['to_region']}",
    EventType.TRAFFIC_MOVED: lambda f: f"traffic was sent from {f['from_region']} to {f['to_region']}",
    EventType.TRAFFIC_OBSERVED: lambda f: f"clients are answered by {f['answered_by']}",
    EventType.SOAK_ENDED: lambda f: (
        f"soak {f['outcome']}, {f['failed']} of {f['probes']} probes failed"
        + (f": {f['reason']}" * bool(f.get("reason")))
    ),
    EventType.RUN_COMMITTED: lambda f: f"{f['region']} is accepted as the region that serves, by {f['by']}",
    EventType.RUN_ROLLED_BACK: lambda f: (
        f"traffic was sent back to {f['to_region']}: {f['why']}"
        if f["to_region"]
        else f"traffic was not sent back: {f['why']}"
    ),
    EventType.PROTECTION_RESTORED: lambda f: f"protected again by {f['point_id']}",
    EventType.RUN_CLOSED: lambda f: f"closed: {f['outcome']}",
    EventType.RUN_PAUSED: _said("paused the run"),
    EventType.RUN_RESUMED: _said("resumed the run"),
    EventType.RUN_CANCELLED: _said("cancelled the run"),
    EventType.RUN_TAKEN_OVER: lambda f: f"{f['person']} moved the run to {f['to_execution']}: {f['reason']}",
    EventType.GRACEFULNESS_CHANGED: lambda f: f"{f['person']} made {f['step'] or 'the run'} ungraceful: {f['reason']}",
    EventType.RETRY_ASKED: lambda f: f"{f['person']} asked to try {f['step']} again: {f['reason']}",
    EventType.RTO_FORECAST: _forecast,
    EventType.INJECT_SHOWN: lambda f: f"{f['inject']}: {f['question']}",
    EventType.DECISION_TAKEN: lambda f: (
        f"{SIMULATED if f['simulated'] else f['person']} decided as {f['role']} on {f['inject']}: {f['decision']}"
    ),
    EventType.LESSON_NOTED: lambda f: f"{'mended' if f['mended'] else 'to become better'}: {f['what']}",
}
