"""Clocks, the time a run took, and every step of it."""

from recovery_ops.model.events import EventType
from recovery_ops.model.plan import SystemStep
from recovery_ops.record.state import StepState, StepStatus
from recovery_ops.reporting.facts import Facts, Json, iso, seconds

CLOCKS = tuple(f"T{number}" for number in range(10))
UNMEASURED = (
    "wall_s",
    "modelled_s",
    "overhead_s",
    "waited_s",
    "worked_s",
    "since_t3_wall_s",
    "since_t3_modelled_s",
    "overhead_per_hop_s",
)


def clocks(facts: Facts) -> Json:
    """Return T0 to T9 as ISO 8601 in UTC, ``None`` for those that were not reached."""
    return {name: iso(facts.clock(name)) for name in CLOCKS}


def time(facts: Facts) -> Json:
    """Return how long T0 to T8 took, and what of T3 to T8 was neither waiting nor work."""
    start, begin, end = facts.clock("T0"), facts.clock("T3"), facts.clock("T8")
    if start is None or begin is None or end is None:
        nothing = dict.fromkeys(UNMEASURED)
        return {"factor": facts.factor, **nothing, "hops": [], "chain": [], "modelled_chain": []}
    whole = facts.along(SystemStep.OBSERVE, start, end)
    run = facts.along(SystemStep.OBSERVE, begin, end)
    return {
        "factor": facts.factor,
        "wall_s": seconds(whole.wall_s),
        "modelled_s": seconds(whole.modelled_s),
        "overhead_s": seconds(run.overhead_s),
        "waited_s": seconds(run.waited_s),
        "worked_s": seconds(run.worked_s),
        "since_t3_wall_s": seconds(run.wall_s),
        "since_t3_modelled_s": seconds(run.modelled_s),
        "overhead_per_hop_s": seconds(run.overhead_s / len(run.hops)) if run.hops else None,
        "hops": [{"after": hop.after or "T3", "before": hop.before, "gap_s": seconds(hop.gap_s)} for hop in run.hops],
        "chain": [
            {"step": share.id, **{name: seconds(getattr(share, name)) for name in ("wall_s", "waited_s", "worked_s")}}
            for share in run.chain
        ],
        "modelled_chain": list(whole.modelled_chain),
    }


def steps(facts: Facts) -> list[Json]:
    """Return every step of the plan and every other that left events, in the order of the plan."""
    on_chain = {span.id for span in facts.chain(SystemStep.OBSERVE)} if facts.clock("T8") else set()
    return [_step(facts, step, step.id in on_chain) for step in facts.state.steps.values()]


def _step(facts: Facts, step: StepState, on_chain: bool) -> Json:  # noqa: FBT001  one caller, above
    planned = facts.planned.get(step.id)
    whole = (step.ended_at - step.started_at).total_seconds() if step.ended_at and step.started_at else None
    return {
        "step": step.id,
        "component": step.component,
        "phase": step.phase,
        "outcome": _outcome(step),
        "started_at": iso(step.started_at),
        "ended_at": iso(step.ended_at),
        "wall_s": seconds(whole),
        "worked_s": seconds(step.worked_s),
        "waited_s": seconds(step.waited_s),
        "attempts": step.attempts,
        "on_chain": on_chain,
        "control_planes": list(planned.texts("control_planes")) if planned else [],
        "needs": list(facts.needs.get(step.id, ())),
        "tries": _tries(step),
        "operations": _operations(facts, step.id),
        "error": step.error.message if step.error else None,
        "reason": step.reason or None,
        "person": step.person or None,
    }


def _outcome(step: StepState) -> str:
    return "not-run" if step.status is StepStatus.PENDING else step.status.value


def _tries(step: StepState) -> list[Json]:
    return [
        {
            "attempt": number,
            "started_at": iso(attempt.started_at),
            "ended_at": iso(attempt.ended_at),
            "worked_s": seconds(attempt.worked_s),
            "waited_s": seconds(attempt.waited_s),
            "error": {"type": attempt.error.type, "message": attempt.error.message} if attempt.error else None,
        }
        for number, attempt in sorted(step.tries.items())
    ]


def _operations(facts: Facts, step_id: str) -> list[Json]:
    """What AWS was asked to do and how long that took, paired in order."""
    found: list[Json] = []
    for event in facts.events:
        if event.type not in (EventType.OPERATION_STARTED, EventType.OPERATION_ENDED):
            continue
        if event.payload.get("step") != step_id:
            continue
        if event.type is EventType.OPERATION_STARTED:
            ref = event.payload.get("ref")
            facts_of = dict(ref) if isinstance(ref, dict) else {}
            resource = facts_of.get("resource_id")
            found.append({"resource": resource, "started_at": iso(event.at), "ended_at": None, "state": None})
        elif found:
            found[-1] |= {"ended_at": iso(event.at), "state": event.payload.get("state")}
    return found
