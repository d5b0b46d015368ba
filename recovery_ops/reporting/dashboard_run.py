"""The page of one run: the clock, the steps by phase, who waits for whom, what is asked, what may be done."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from recovery_ops.catalog.freeze import thaw
from recovery_ops.errors import RecoveryError
from recovery_ops.model.drills import DrillKind
from recovery_ops.model.events import Event, EventType
from recovery_ops.model.plan import Phase, Plan, SystemStep
from recovery_ops.model.system import System
from recovery_ops.planning.frozen import plan_from_json
from recovery_ops.record.fold import fold
from recovery_ops.record.state import RunState, StepState, StepStatus
from recovery_ops.reporting.dashboard_clock import clock_of
from recovery_ops.reporting.dashboard_events import HIDDEN, line
from recovery_ops.reporting.timeline import Picture, picture

NEWEST = 60
"""Events shown; all of them stand in the report."""
SKIPPABLE = (SystemStep.FENCE, SystemStep.REPROTECT)
REACHED = ("committed", "completed")
"""Outcomes of runs that did what they were declared for."""
BUILDS = (Phase.PROVISION, Phase.REDEPLOY)
"""Phases that leave something running."""


def run_page(events: Sequence[Event], now: datetime) -> dict[str, Any] | None:
    """Return everything the page of a run shows; ``None`` when there are no events or no declaration yet."""
    state = fold(events)
    if state.declared_at is None:
        return None
    plan, system = _frozen(state)
    running = [step for step in state.steps.values() if step.status is StepStatus.RUNNING and state.is_open]
    rto_s = system.rto_of(plan.intent) if plan and system else None
    clock = clock_of(state, plan, events, rto_s, now) if plan and rto_s is not None else None
    failed = [_step(step) for step in state.steps.values() if step.status is StepStatus.FAILED]
    return {
        "state": state,
        "clock": clock,
        "sentence": sentence(state, running),
        "point": no_return(state),
        "picture": _picture(state, plan, now),
        "components": _components(state),
        "system_steps": [_step(step) for step in state.steps.values() if step.component is None],
        "waits": list(_waits(state, plan)) if plan and state.is_open else [],
        "question": state.open_question if state.is_open else None,
        "failed": failed,
        "halted": halted(state, system, [step["id"] for step in failed]),
        "events": [line(event) for event in events if event.type not in HIDDEN][-NEWEST:][::-1],
        "checks": _checks(state),
        "may": _may(state),
        "token": _token(events),
        "rto_s": rto_s,
    }


def sentence(state: RunState, running: Sequence[StepState]) -> str:
    """Return in one sentence where the run stands."""
    if state.closed_at is not None:
        where = f"; {state.serving_region} serves" if state.serving_region else ""
        return f"The run is closed: {state.outcome}{where}."
    if state.control.cancelled is not None:
        return f"{state.control.cancelled.person} cancelled the run; it puts things in order and closes."
    if state.control.paused is not None:
        return f"{state.control.paused.person} paused the run: {state.control.paused.reason}. No step starts."
    if state.open_question is not None:
        return "Every gate passed. The run waits for a person before it goes on."
    if state.drill == DrillKind.TABLETOP:
        return "People decide; nothing is touched."
    names = ", ".join(step.id for step in running[:4]) + (" and more" if len(running) > 4 else "")
    return f"Working on {names}." if names else "Between two steps."


def no_return(state: RunState) -> dict[str, Any]:
    """Return where the run stands towards its point of no return: ``before``, ``moving``, ``passed`` or ``none``."""
    moved = state.note(EventType.TRAFFIC_MOVED)
    cutover = state.steps.get(SystemStep.CUTOVER)
    if cutover is None:
        return {"where": "none", "text": "This run moves no traffic."}
    if any(note.facts.get("to_region") for note in state.note(EventType.RUN_ROLLED_BACK)):
        how = "was moved and sent back" if moved else "may have moved, and was sent back"
        return {"where": "before", "text": f"Traffic {how}."}
    if moved:
        return {"where": "passed", "text": f"Passed at {moved[-1].at:%H:%M:%S} UTC: traffic was moved."}
    if state.may_have_moved and cutover.status is not StepStatus.RUNNING:
        return {"where": "moving", "text": "In doubt: the command to move traffic was given and never answered."}
    if state.closed_at is not None:
        return {"where": "before", "text": "Never reached: traffic was not moved."}
    if cutover.status is StepStatus.RUNNING:
        return {"where": "moving", "text": "Traffic is being moved now."}
    return {"where": "before", "text": "Not reached: traffic was not touched, and cancelling leaves it as it is."}


def halted(state: RunState, system: System | None, failed: Sequence[str]) -> Mapping[str, str] | None:
    """Return what a run that failed or stopped leaves: what happened, what is true now, and who acts next.

    ``None`` while nothing failed, and for a run that reached its end.
    """
    if state.outcome in REACHED or (state.is_open and not failed):
        return None
    steps = ", ".join(failed)
    lead = _lead(state, system)
    if state.is_open:
        what = f"The run goes no further at {steps}."
        who = f"{lead}: try again, skip, or cancel the run. What needs {steps} does not start meanwhile."
    elif state.control.cancelled is not None:
        what = f"{state.control.cancelled.person} cancelled the run: {state.control.cancelled.reason}"
        who = f"{lead}: start a new run if the recovery is still needed."
    else:
        what = f"The run stopped{f' because of {steps}' if steps else ' before its end'}."
        who = f"{lead}: {'follow “What to do” below' if steps else 'read the report'}, then start a new run."
    told = no_return(state)["text"]
    traffic = told.partition(": ")[2] or told
    serves = f" {state.serving_region} answers clients." if state.serving_region else ""
    return {"what": what, "now": f"{traffic[0].upper()}{traffic[1:]}{serves}{_left_standing(state)}", "who": who}


def _left_standing(state: RunState) -> str:
    """Return a sentence about what a closed run leaves running in a region that does not serve."""
    if state.is_open or state.drill or state.serving_region == state.recovery_region:
        return ""
    done = [step for step in state.steps.values() if step.status is StepStatus.SUCCEEDED and step.phase in BUILDS]
    names = ", ".join(sorted({str(step.component) for step in done}))
    return (
        f" What it built in {state.recovery_region} stands and costs money ({names}); a new run uses it."
        if done
        else ""
    )


def _lead(state: RunState, system: System | None) -> str:
    """Return the role that decides with its people, as the run fixed them."""
    roles = system.approval.approvers if system else ()
    named = {role: people for role in roles if isinstance(people := state.people.get(role), list | tuple)}
    told = [f"{' or '.join(map(str, people))} ({role})" for role, people in named.items()]
    return ", ".join(told) or "Whoever is on call"


def _frozen(state: RunState) -> tuple[Plan | None, System | None]:
    try:
        plan = plan_from_json(state.plan)
        return plan, thaw(plan.frozen)
    except (KeyError, ValueError, TypeError, RecoveryError):
        return None, None


def _components(state: RunState) -> list[dict[str, Any]]:
    """Return one row per component, in the order of the plan, with a cell per phase."""
    rows: dict[str, dict[str, Any]] = {}
    for step in state.steps.values():
        if step.component is not None:
            rows.setdefault(step.component, {})[step.phase] = _step(step)
    return [
        {
            "name": name,
            "gating": state.gating.get(name, True),
            "cells": [cells.get(str(phase)) for phase in Phase],
            "done": all(cell["over"] for cell in cells.values()),
        }
        for name, cells in rows.items()
    ]


def _step(step: StepState) -> dict[str, Any]:
    error = step.error
    return {
        "id": step.id,
        "status": str(step.status),
        "over": step.over,
        "attempts": step.attempts,
        "started_at": step.started_at,
        "ended_at": step.ended_at,
        "error": error.message if error and step.status is StepStatus.FAILED else "",
        "playbook": error.playbook if error and step.status is StepStatus.FAILED else "",
        "reason": step.reason,
        "verifies": step.phase == Phase.VERIFY,
        "skippable": not step.over and (step.component is not None or step.id in SKIPPABLE),
    }


def _waits(state: RunState, plan: Plan) -> Iterator[dict[str, Any]]:
    """Yield the steps that could be next, each with what it waits for and how that stands."""
    for step in plan.steps:
        found = state.steps.get(step.id)
        if found is None or found.status is not StepStatus.PENDING:
            continue
        missing = [state.steps[need] for need in step.needs if need in state.steps and not state.steps[need].over]
        if missing and any(need.status is not StepStatus.PENDING for need in missing):
            yield {"step": step.id, "for": [{"id": need.id, "status": str(need.status)} for need in missing]}


def _checks(state: RunState) -> dict[str, Any]:
    outcomes = [str(item.check.outcome) for item in state.current_checks]
    failed = [item.check for item in state.current_checks if str(item.check.outcome) != "pass"]
    return {"passed": outcomes.count("pass"), "total": len(outcomes), "failed": failed}


def _may(state: RunState) -> dict[str, bool]:
    """Return which controls make sense now; a tabletop has no steps that could wait or go another way."""
    stopped = state.control.stopped
    if state.drill == DrillKind.TABLETOP:
        return {"pause": False, "resume": False, "cancel": state.is_open and not stopped, "ungraceful": False}
    return {
        "pause": state.is_open and not stopped and state.control.paused is None,
        "resume": state.is_open and state.control.paused is not None,
        "cancel": state.is_open and not stopped,
        "ungraceful": state.is_open and not stopped and state.control.is_graceful("", declared=state.graceful is True),
    }


def _token(events: Sequence[Event]) -> str | None:
    """Return the DAG run that declared the run, by who wrote the events of its steps."""
    declared = next((event.payload for event in events if event.type is EventType.RUN_DECLARED), {})
    token = declared.get("token")
    return str(token) if token and declared.get("execution") == "airflow" else None


def _picture(state: RunState, plan: Plan | None, now: datetime) -> Picture | None:
    """Return the timeline as the report draws it; what still works ends now."""
    end = min(now, state.closed_at) if state.closed_at else now
    chain = _longest(state, plan)
    steps = [_drawn(step, end, chain) for step in state.steps.values() if step.started_at is not None]
    clocks = {name: at.isoformat() for name, at in state.clocks.items()}
    drawn: dict[str, Any] = {"clocks": clocks, "steps": steps, "client": {"outage_s": None, "outage_started_at": None}}
    return picture(drawn)


def _longest(state: RunState, plan: Plan | None) -> tuple[str, ...]:
    forecasts = state.note(EventType.RTO_FORECAST)
    told = forecasts[-1].facts.get("chain") if forecasts and plan else None
    return tuple(str(step) for step in told) if isinstance(told, list) else ()


def _drawn(step: StepState, now: datetime, chain: Sequence[str]) -> Mapping[str, Any]:
    begin = step.started_at or now
    end = step.ended_at if step.ended_at and step.status is not StepStatus.RUNNING else max(now, begin)
    return {
        "step": step.id,
        "component": step.component,
        "phase": step.phase if step.component else "system",
        "started_at": begin.isoformat(),
        "ended_at": end.isoformat(),
        "wall_s": (end - begin).total_seconds(),
        "waited_s": step.waited_s,
        "attempts": step.attempts,
        "outcome": str(step.status),
        "on_chain": step.id in chain,
        "operations": [],
    }
