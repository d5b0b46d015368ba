"""One made failover, its report, and changes to its events."""

import json
from collections.abc import Callable
from pathlib import Path

from made_runs import changed, made_failover, without

from recovery_ops.model.events import Event, EventType
from recovery_ops.reporting import report
from recovery_ops.testing.runs import Run

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "reference" / "report.schema.json").read_text())
EVENTS = made_failover()
REPORT = report(EVENTS)
Change = Callable[[list[Event]], list[Event]]


def rules(events: list[Event], **facts: list[dict[str, str]]) -> set[str]:
    return {reason["rule"] for reason in report(events, **facts)["result"]["reasons"]}


def objective(made: dict, component: str, kind: str = "rto") -> dict:
    return next(item for item in made["objectives"] if (item["component"], item["kind"]) == (component, kind))


def put(event_type: EventType, where: dict[str, object] | None = None, **facts: object) -> Change:
    return lambda events: changed(events, event_type, where=where or {}, **facts)


def drop(*event_types: EventType) -> Change:
    return lambda events: without(events, *event_types)


def add(event_type: EventType, second: float = 200, **payload: object) -> Change:
    extra = Run(run_id="r-20261123-abcdef").add(second, "person:alice", event_type, **payload)
    return lambda events: [*events, extra]
