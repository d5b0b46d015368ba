"""The part of the fold that follows what people ask of a run: pause, cancel, retry, hand over."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from recovery_ops.model.events import Event, EventType
from recovery_ops.record.control import ControlState, TakeOver, Wish
from recovery_ops.record.payload import Payload
from recovery_ops.record.state import Note, RunState

Change = Callable[[ControlState, Event, Payload], ControlState]


def _paused(control: ControlState, event: Event, facts: Payload) -> ControlState:
    return replace(control, paused=control.paused or _wish(event, facts))


def _resumed(control: ControlState, _event: Event, _facts: Payload) -> ControlState:
    return replace(control, paused=None)


def _cancelled(control: ControlState, event: Event, facts: Payload) -> ControlState:
    return replace(control, cancelled=control.cancelled or _wish(event, facts))


def _preempted(control: ControlState, event: Event, facts: Payload) -> ControlState:
    if control.preempted_by is not None:
        return control
    return replace(control, preempted_by=facts.text("by_run", "another run"), preempted_at=event.at)


def _gracefulness(control: ControlState, event: Event, facts: Payload) -> ControlState:
    """The whole run changes with everything that was said of single steps before."""
    graceful, step = facts.flag("graceful") is True, facts.maybe_text("step")
    if step is None:
        return replace(control, graceful=graceful, graceful_of={}, changed_at=event.at)
    return replace(control, graceful_of={**control.graceful_of, step: graceful}, changed_at=event.at)


def _retry(control: ControlState, event: Event, facts: Payload) -> ControlState:
    return replace(control, retries={**control.retries, facts.text("step"): _wish(event, facts)})


def _taken_over(control: ControlState, event: Event, facts: Payload) -> ControlState:
    taken = TakeOver(
        at=event.at,
        person=facts.text("person"),
        reason=facts.text("reason"),
        from_execution=facts.text("from_execution"),
        to_execution=facts.text("to_execution"),
        runner=facts.text("runner"),
    )
    return replace(control, takeovers=(*control.takeovers, taken))


def wanted_skip(state: RunState, event: Event, facts: Payload) -> RunState:
    """Note the wish behind a skipped step; what it does to the step itself is folded with the steps."""
    skips = {**state.control.skips, facts.text("step"): _wish(event, facts)}
    return replace(state, control=replace(state.control, skips=skips))


def _wish(event: Event, facts: Payload) -> Wish:
    return Wish(at=event.at, person=facts.text("person"), reason=facts.text("reason"))


def _folding(change: Change) -> Callable[[RunState, Event, Payload], RunState]:
    """Wishes change the control, and stand among the notes as well, for the timeline of a report."""

    def fold(state: RunState, event: Event, facts: Payload) -> RunState:
        note = Note(at=event.at, writer=event.writer, facts=facts.everything)
        noted = {**state.notes, str(event.type): (*state.notes.get(event.type, ()), note)}
        return replace(state, control=change(state.control, event, facts), notes=noted)

    return fold


CONTROL_FOLDS: Mapping[EventType, Callable[[RunState, Event, Payload], RunState]] = {
    event_type: _folding(change)
    for event_type, change in {
        EventType.RUN_PAUSED: _paused,
        EventType.RUN_RESUMED: _resumed,
        EventType.RUN_CANCELLED: _cancelled,
        EventType.RUN_PREEMPTED: _preempted,
        EventType.GRACEFULNESS_CHANGED: _gracefulness,
        EventType.RETRY_ASKED: _retry,
        EventType.RUN_TAKEN_OVER: _taken_over,
    }.items()
}
