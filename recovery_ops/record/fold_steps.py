"""The part of the fold that follows single steps from start to end."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from recovery_ops.model.events import Event, EventType
from recovery_ops.record.fold_control import wanted_skip
from recovery_ops.record.payload import Payload
from recovery_ops.record.state import Attempt, RunState, StepFault, StepState, StepStatus

_ATTEMPT = re.compile(r"#([1-9]\d{0,5})\Z")
_LONGEST_S = 1e9
_FINAL = (StepStatus.SUCCEEDED, StepStatus.SKIPPED)


def _started(state: RunState, event: Event, facts: Payload) -> RunState:
    step, number = _step(state, event, facts), _number(event, facts)
    attempt = step.tries.get(number, Attempt(number=number))
    begun = replace(
        step,
        started_at=step.started_at or event.at,
        status=step.status if step.status in _FINAL else StepStatus.RUNNING,
        tries={**step.tries, number: replace(attempt, started_at=attempt.started_at or event.at)},
    )
    return _with(state, begun)


def _succeeded(state: RunState, event: Event, facts: Payload) -> RunState:
    step = _ended(_step(state, event, facts), event, facts, None)
    if step.status is StepStatus.SUCCEEDED:
        return _with(state, step)
    done = replace(
        step,
        status=StepStatus.SUCCEEDED,
        ended_at=event.at,
        outputs=facts.raw("outputs"),
        resources=facts.items("resources"),
        error=None,
    )
    return _with(state, done)


def _failed(state: RunState, event: Event, facts: Payload) -> RunState:
    fault = _fault(facts.part("error"))
    step = _ended(_step(state, event, facts), event, facts, fault)
    if step.status in _FINAL or _number(event, facts) < step.attempts:
        return _with(state, step)
    return _with(state, replace(step, status=StepStatus.FAILED, ended_at=event.at, error=fault))


def _skipped(state: RunState, event: Event, facts: Payload) -> RunState:
    step, state = _step(state, event, facts), wanted_skip(state, event, facts)
    if step.status in _FINAL:
        return _with(state, step)
    skipped = replace(
        step,
        status=StepStatus.SKIPPED,
        ended_at=event.at,
        reason=facts.text("reason"),
        person=facts.text("person"),
    )
    return _with(state, skipped)


def _ended(step: StepState, event: Event, facts: Payload, error: StepFault | None) -> StepState:
    """An attempt ends once: what it says later changes nothing."""
    number = _number(event, facts)
    attempt = step.tries.get(number, Attempt(number=number))
    if attempt.ended_at is not None:
        return step
    ended = replace(
        attempt,
        ended_at=event.at,
        worked_s=_seconds(facts, "worked_s"),
        waited_s=_seconds(facts, "waited_s"),
        error=error,
    )
    return replace(step, tries={**step.tries, number: ended})


def _step(state: RunState, event: Event, facts: Payload) -> StepState:
    """A step that the plan does not have is known by its first event; its writer names it when the payload does not."""
    step_id = facts.text("step") or event.writer.partition("#")[0]
    step = state.steps.get(step_id, StepState(id=step_id))
    return replace(
        step, component=step.component or facts.maybe_text("component"), phase=step.phase or facts.text("phase")
    )


def _number(event: Event, facts: Payload) -> int:
    said = facts.whole("attempt")
    if said is not None and 0 < said < 1_000_000:
        return said
    found = _ATTEMPT.search(event.writer)
    return int(found[1]) if found else 1


def _seconds(facts: Payload, key: str) -> float:
    return min(max(facts.number(key) or 0.0, 0.0), _LONGEST_S)


def _fault(facts: Payload) -> StepFault:
    return StepFault(
        type=facts.text("type"),
        message=facts.text("message"),
        playbook=facts.text("playbook"),
        retryable=facts.flag("retryable") is True,
        facts=facts.raw("facts"),
    )


def _with(state: RunState, step: StepState) -> RunState:
    return replace(state, steps={**state.steps, step.id: step})


STEP_FOLDS: Mapping[EventType, Callable[[RunState, Event, Payload], RunState]] = {
    EventType.STEP_STARTED: _started,
    EventType.STEP_SUCCEEDED: _succeeded,
    EventType.STEP_FAILED: _failed,
    EventType.STEP_SKIPPED: _skipped,
}
