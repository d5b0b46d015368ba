"""What a report is made of: the events of one run, folded, with what the fold does not keep."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from recovery_ops.errors import RecordError
from recovery_ops.model.events import Event, EventType
from recovery_ops.record import envelope
from recovery_ops.record.fold import fold, in_order
from recovery_ops.record.payload import Payload
from recovery_ops.record.state import RunState, StepState, StepStatus
from recovery_ops.reporting.chain import Elapsed, Span, elapsed, longest_chain

Json = dict[str, Any]


@dataclass(frozen=True)
class Facts:
    """One run. ``broken`` is what verification of its record found; empty means that the record verifies."""

    events: Sequence[Event]
    state: RunState
    broken: Sequence[Json]

    @classmethod
    def of(cls, events: Iterable[Event], broken: Iterable[Json] = ()) -> "Facts":
        """Fold ``events``, which must be of one run.

        Raises:
            RecordError: There are no events, or they are of several runs.
        """
        ordered = [_as_stored(event) for event in in_order(events)]
        runs = sorted({event.run_id for event in ordered})
        if len(runs) != 1:
            found = f"{len(runs)} runs ({', '.join(runs)})" if runs else "no events"
            raise RecordError(f"a report is about the events of one run; here are {found}")
        return cls(ordered, fold(ordered), list(broken))

    def payloads(self, event_type: EventType) -> list[tuple[Event, Payload]]:
        """Return the events of a type with their payloads, in order."""
        return [(event, Payload(event.payload)) for event in self.events if event.type is event_type]

    @cached_property
    def declared(self) -> Payload:
        """The declaration, empty for a run that was never declared."""
        found = self.payloads(EventType.RUN_DECLARED)
        return found[0][1] if found else Payload({})

    @cached_property
    def log_hash(self) -> str:
        """SHA-256 of the canonical JSON of every event, in order, one per line."""
        digest = hashlib.sha256()
        for event in self.events:
            digest.update(envelope.canonical(event.to_json()) + b"\n")
        return digest.hexdigest()

    @cached_property
    def factor(self) -> float | None:
        """Wall seconds per AWS second; ``None`` when the declaration does not say."""
        return self.declared.number("time_factor")

    @cached_property
    def frozen(self) -> Payload:
        """The system as it was frozen into the plan."""
        plan = self.declared.part("plan")
        frozen = plan.part("frozen")
        return frozen if frozen.everything else plan.part("system")

    @cached_property
    def planned(self) -> Mapping[str, Payload]:
        """The steps of the frozen plan by id, in its order."""
        return {step.text("id"): step for step in self.declared.part("plan").parts("steps")}

    @cached_property
    def components(self) -> Mapping[str, Payload]:
        """The components that this run has steps for, in the order of the plan, as they were frozen."""
        frozen = {item.text("name"): item for item in self.frozen.parts("components")}
        names = dict.fromkeys(step.text("component") for step in self.planned.values() if step.text("component"))
        return {name: frozen.get(name, Payload({})) for name in names}

    @cached_property
    def needs(self) -> Mapping[str, Sequence[str]]:
        """What each step of the plan waits for."""
        return {name: step.texts("needs") for name, step in self.planned.items()}

    @cached_property
    def spans(self) -> Mapping[str, Span]:
        """Every step that began and ended."""
        found = (self._span(step) for step in self.state.steps.values())
        return {span.id: span for span in found if span is not None}

    def criterion(self, component: str) -> Payload:
        """Return what ``component`` is judged by, as it was fixed before the start."""
        fixed = self.declared.part("criteria").part("components").part(component)
        return fixed if fixed.everything else self.components.get(component, Payload({}))

    def gates_traffic(self, component: str) -> bool:
        """Return whether traffic waits for ``component``; yes unless the catalog said no."""
        return self.criterion(component).flag("gates_traffic") is not False

    def last_step(self, component: str) -> StepState | None:
        """Return the step that ends the recovery of ``component``."""
        ids = [name for name, step in self.planned.items() if step.text("component") == component]
        return self.state.steps.get(ids[-1]) if ids else None

    def clock(self, name: str) -> datetime | None:
        """Return one of the clocks T0 to T9, if it is known."""
        return self.state.clocks.get(name)

    def along(self, end: str, since: datetime, until: datetime) -> Elapsed:
        """Return the time between two moments along the chain that ended with step ``end``."""
        return elapsed(self.spans, self.needs, end, since=since, until=until, factor=self.factor)

    def chain(self, end: str) -> tuple[Span, ...]:
        """Return the steps that decided when ``end`` was over."""
        return longest_chain(self.spans, self.needs, end)

    def _span(self, step: StepState) -> Span | None:
        if step.started_at is None or step.ended_at is None or step.status is StepStatus.SKIPPED:
            return None
        return Span(
            id=step.id,
            started_at=step.started_at,
            ended_at=max(step.started_at, step.ended_at),
            worked_s=step.worked_s,
            waited_s=step.waited_s,
        )


def _as_stored(event: Event) -> Event:
    """An event gives the same bytes whether this process wrote it or read it: keys in order, plain values."""
    return replace(event, payload=json.loads(envelope.canonical(event.payload)))


def iso(at: datetime | None) -> str | None:
    """Return a time as ISO 8601 in UTC, or ``None``."""
    return None if at is None else at.isoformat()


def seconds(value: float | None) -> float | None:
    """Return seconds to the millisecond."""
    return None if value is None else round(value, 3)
