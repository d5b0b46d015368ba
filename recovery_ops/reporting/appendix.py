"""Every event of a run in one line each, for the appendix of a report."""

import json

from recovery_ops.model.events import Event, EventType
from recovery_ops.reporting.facts import Facts, Json, iso

SHOWN = {
    EventType.RUN_DECLARED: ("mode", "intent", "impaired_region", "recovery_region", "person", "reason"),
    EventType.RUN_REFUSED: ("reason", "person"),
    EventType.STEP_STARTED: ("step", "attempt"),
    EventType.STEP_SUCCEEDED: ("step", "attempt", "worked_s", "waited_s"),
    EventType.STEP_FAILED: ("step", "attempt", "worked_s", "waited_s"),
    EventType.OPERATION_STARTED: ("step",),
    EventType.OPERATION_ENDED: ("step", "state", "detail"),
    EventType.CHECK_RECORDED: ("component", "gate", "name", "outcome"),
    EventType.ANCHORED: (),
}
"""Which facts stand in the line; of other types all short ones."""
LONGEST = 240


def appendix(facts: Facts) -> list[Json]:
    """Return time, writer, number, type, facts in brief and hash of every event, in order."""
    return [
        {
            "at": iso(event.at),
            "writer": event.writer,
            "seq": event.seq,
            "type": event.type.value,
            "about": about(event),
            "hash": event.hash,
        }
        for event in facts.events
    ]


def about(event: Event) -> str:
    """Return the facts of an event in one line of at most 240 characters."""
    if event.type is EventType.ANCHORED:
        heads = event.payload.get("heads")
        return f"{len(heads) if isinstance(heads, dict) else 0} chains"
    names = SHOWN.get(event.type, tuple(event.payload))
    told = [(name, event.payload[name]) for name in names if name in event.payload]
    line = ", ".join(f"{name} {_brief(value)}" for name, value in told if value not in (None, "", [], {}))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _brief(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
