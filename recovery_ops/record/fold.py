"""Fold the events of a run to its state: a pure function that never raises, whatever stands in the payloads.

Events are taken in the order (at, writer, seq), each (writer, seq) once, so neither the order of arrival nor a second
reading changes the result.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import reduce

from recovery_ops.model.checks import Check, CheckOutcome, Gate
from recovery_ops.model.events import Event, EventType
from recovery_ops.record.fold_control import CONTROL_FOLDS
from recovery_ops.record.fold_steps import STEP_FOLDS
from recovery_ops.record.payload import Payload
from recovery_ops.record.state import (
    ApprovalState,
    CapacityDecision,
    ClientObservation,
    DataLoss,
    Debt,
    Note,
    Override,
    PointUse,
    RecordedCheck,
    RunState,
    StepState,
)

__all__ = ["RunState", "advance", "fold", "in_order"]

Fold = Callable[[RunState, Event, Payload], RunState]


def fold(events: Iterable[Event]) -> RunState:
    """Return the state of the run that ``events`` belong to; they must all be of one run."""
    return reduce(advance, in_order(events), RunState())


def in_order(events: Iterable[Event]) -> list[Event]:
    """Return ``events`` sorted by (at, writer, seq), each (writer, seq) once."""
    once: dict[tuple[str, int], Event] = {}
    for event in sorted(events, key=lambda event: (event.at, event.writer, event.seq, event.hash)):
        once.setdefault((event.writer, event.seq), event)
    return list(once.values())


def advance(state: RunState, event: Event) -> RunState:
    """Return ``state`` after ``event``, which must come after all that ``state`` was folded from."""
    known = replace(state, run_id=state.run_id or event.run_id, last_at=event.at, events=state.events + 1)
    return FOLDS.get(event.type, _noted)(known, event, Payload(event.payload))


def _declared(state: RunState, event: Event, facts: Payload) -> RunState:
    if state.declared_at is not None:
        return _noted(state, event, facts)
    return replace(
        state,
        system=facts.text("system"),
        mode=facts.text("mode"),
        drill=facts.text("drill"),
        component=facts.text("component"),
        intent=facts.text("intent"),
        graceful=facts.flag("graceful"),
        execution=facts.text("execution"),
        home=facts.text("home"),
        impaired_region=facts.text("impaired_region"),
        recovery_region=facts.text("recovery_region"),
        regions=facts.texts("regions"),
        components=facts.texts("components"),
        reason=facts.text("reason"),
        person=facts.text("person"),
        people=facts.raw("people"),
        tool_version=facts.text("tool_version"),
        time_factor=facts.number("time_factor") or 1.0,
        account=facts.text("account"),
        declared_at=event.at,
        declared_clocks=facts.times("clocks"),
        plan=facts.raw("plan"),
        plan_hash=facts.text("plan_hash"),
        criteria=facts.raw("criteria"),
        criteria_hash=facts.text("criteria_hash"),
        point=facts.raw("point"),
        warnings=facts.texts("warnings"),
        gating=_gating(facts.part("plan")),
        steps={**_planned(facts.part("plan")), **state.steps},
    )


def _clocks_started(state: RunState, event: Event, facts: Payload) -> RunState:
    """The clocks of a drill run from the fault, not from its declaration."""
    return replace(_noted(state, event, facts), declared_clocks={**state.declared_clocks, **facts.times("clocks")})


def _planned(plan: Payload) -> dict[str, StepState]:
    steps = (
        StepState(id=step.text("id"), component=step.maybe_text("component"), phase=step.text("phase"))
        for step in plan.parts("steps")
    )
    return {step.id: step for step in steps if step.id}


def _gating(plan: Payload) -> dict[str, bool]:
    """The frozen system lies under ``system``, or under ``frozen`` when ``system`` is its name."""
    components = plan.part("system").parts("components") or plan.part("frozen").parts("components")
    return {item.text("name"): item.flag("gates_traffic") is not False for item in components}


def _refused(state: RunState, event: Event, facts: Payload) -> RunState:
    return replace(state, refusals=(*state.refusals, _note(event, facts)))


def _checked(state: RunState, event: Event, facts: Payload) -> RunState:
    try:
        gate, outcome = Gate(facts.text("gate")), CheckOutcome(facts.text("outcome"))
    except ValueError:
        return replace(state, unread=(*state.unread, _note(event, facts)))
    values = facts.everything
    check = Check(
        component=facts.text("component"),
        gate=gate,
        name=facts.text("name"),
        expected=values.get("expected"),
        observed=values.get("observed"),
        outcome=outcome,
        tolerance=values.get("tolerance"),
        unit=facts.text("unit"),
        detail=facts.text("detail"),
    )
    recorded = RecordedCheck(
        check=check, step=facts.text("step"), attempt=facts.whole("attempt") or 1, at=facts.time("at") or event.at
    )
    return replace(state, checks=(*state.checks, recorded))


def _overridden(state: RunState, event: Event, facts: Payload) -> RunState:
    override = Override(
        at=event.at,
        person=facts.text("person"),
        reason=facts.text("reason"),
        checks=_objects(facts, "checks"),
        step=facts.text("step"),
    )
    return replace(state, overrides=(*state.overrides, override))


def _capacity(state: RunState, event: Event, facts: Payload) -> RunState:
    decision = CapacityDecision(
        at=event.at,
        component=facts.text("component"),
        region=facts.text("region"),
        requested=facts.texts("requested"),
        obtained=facts.maybe_text("obtained"),
        count=facts.whole("count"),
        degraded=facts.flag("degraded") is True,
        refused=_objects(facts, "refused"),
    )
    return replace(state, capacity=(*state.capacity, decision))


def _point_used(state: RunState, event: Event, facts: Payload) -> RunState:
    use = PointUse(
        at=event.at,
        component=facts.text("component"),
        kind=facts.text("kind"),
        source=facts.text("source"),
        point_id=facts.maybe_text("point_id"),
        watermark=facts.time("watermark"),
        rpo_s=facts.number("rpo_s"),
        objective_s=facts.number("objective_s"),
        detail=facts.text("detail"),
    )
    return replace(state, points_used=(*state.points_used, use))


def _owed(state: RunState, event: Event, facts: Payload) -> RunState:
    texts = {name: facts.text(name) for name in ("debt", "component", "region", "what", "why")}
    return replace(state, debts=(*state.debts, Debt(at=event.at, **texts)))


def _asked(state: RunState, event: Event, facts: Payload) -> RunState:
    question = ApprovalState(
        asked_at=event.at,
        question=facts.text("question", "cutover"),
        asked_in=facts.text("asked_in"),
        policy=facts.text("policy"),
        approvers=facts.texts("approvers"),
        timeout_s=facts.number("timeout_s"),
    )
    return replace(state, approvals=(*state.approvals, question))


def _answered(state: RunState, event: Event, facts: Payload) -> RunState:
    is_open = bool(state.approvals) and state.approvals[-1].decision is None
    before = state.approvals[:-1] if is_open else state.approvals
    answer = replace(
        state.approvals[-1] if is_open else ApprovalState(),
        answered_at=event.at,
        decision=facts.text("decision"),
        person=facts.text("person"),
        comment=facts.text("comment"),
    )
    return replace(state, approvals=(*before, answer))


def _observed(state: RunState, event: Event, facts: Payload) -> RunState:
    effective_at = state.effective_at or facts.time("effective_at")
    serving = facts.maybe_text("answered_by") or state.serving_region
    return replace(_noted(state, event, facts), effective_at=effective_at, serving_region=serving)


def _soaked(state: RunState, event: Event, facts: Payload) -> RunState:
    """The last soak decides: a window that a later soak did not confirm did not survive."""
    healthy = facts.text("outcome") == "healthy"
    since = state.healthy_since or facts.time("healthy_since")
    return replace(_noted(state, event, facts), healthy_since=since if healthy else None)


def _committed(state: RunState, event: Event, facts: Payload) -> RunState:
    return replace(_noted(state, event, facts), committed_at=state.committed_at or event.at)


def _rolled_back(state: RunState, event: Event, facts: Payload) -> RunState:
    back = facts.maybe_text("to_region") if facts.flag("serving") else None
    return replace(_noted(state, event, facts), rolled_back_at=state.rolled_back_at or event.at, serving_region=back)


def _protected(state: RunState, event: Event, facts: Payload) -> RunState:
    return replace(_noted(state, event, facts), protected_at=state.protected_at or facts.time("at") or event.at)


def _lost(state: RunState, event: Event, facts: Payload) -> RunState:
    loss = DataLoss(
        at=event.at,
        component=facts.text("component"),
        acknowledged=facts.whole("acknowledged"),
        served=facts.whole("served"),
        lost=facts.whole("lost"),
        basis=facts.text("basis"),
    )
    return replace(state, data_loss=(*state.data_loss, loss))


def _client(state: RunState, event: Event, facts: Payload) -> RunState:
    answered = facts.part("answered_by")
    seen = ClientObservation(
        at=event.at,
        outage_s=facts.number("outage_s"),
        requests=facts.whole("requests"),
        failed=facts.whole("failed"),
        sticky_outage_s=facts.number("sticky_outage_s"),
        answered_by={region: answered.whole(region) or 0 for region in answered.everything},
    )
    return replace(state, clients=(*state.clients, seen))


def _closed(state: RunState, event: Event, facts: Payload) -> RunState:
    return replace(
        _noted(state, event, facts),
        closed_at=event.at,
        closed_outcome=facts.text("outcome", "failed"),
        released=facts.flag("released"),
        serving_region=facts.maybe_text("serving_region") or state.serving_region,
    )


def _noted(state: RunState, event: Event, facts: Payload) -> RunState:
    noted = (*state.notes.get(event.type, ()), _note(event, facts))
    return replace(state, notes={**state.notes, str(event.type): noted})


def _note(event: Event, facts: Payload) -> Note:
    return Note(at=event.at, writer=event.writer, facts=facts.everything)


def _objects(facts: Payload, key: str) -> tuple[Mapping[str, object], ...]:
    return tuple(item.everything for item in facts.parts(key))


FOLDS: Mapping[EventType, Fold] = {
    **STEP_FOLDS,
    **CONTROL_FOLDS,
    EventType.RUN_DECLARED: _declared,
    EventType.CLOCKS_STARTED: _clocks_started,
    EventType.RUN_REFUSED: _refused,
    EventType.CHECK_RECORDED: _checked,
    EventType.GATE_OVERRIDDEN: _overridden,
    EventType.CAPACITY_DECIDED: _capacity,
    EventType.RECOVERY_POINT_USED: _point_used,
    EventType.DEBT_NOTED: _owed,
    EventType.APPROVAL_ASKED: _asked,
    EventType.APPROVAL_ANSWERED: _answered,
    EventType.TRAFFIC_OBSERVED: _observed,
    EventType.SOAK_ENDED: _soaked,
    EventType.RUN_COMMITTED: _committed,
    EventType.RUN_ROLLED_BACK: _rolled_back,
    EventType.PROTECTION_RESTORED: _protected,
    EventType.DATA_LOSS_COUNTED: _lost,
    EventType.CLIENT_OBSERVED: _client,
    EventType.RUN_CLOSED: _closed,
}
