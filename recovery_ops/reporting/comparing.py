"""A run beside those before it: what changed in the plan, and what became faster or slower."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median

from recovery_ops.model.events import Event, EventType
from recovery_ops.record.payload import Payload
from recovery_ops.reporting.facts import Facts, Json, iso, seconds
from recovery_ops.reporting.objectives import SYSTEM
from recovery_ops.reporting.outlines import outline

SAME = ("component", "kind", "basis")
"""What two objectives must have in common to be compared: a restore out of a point is not slower than a replica."""
LONGEST_LIST = 200
"""Changes of a plan that are listed one by one."""


def wanted(facts: Facts) -> tuple[str, ...]:
    """Return the runs that this one is compared with, as its close fixed them."""
    closed = facts.payloads(EventType.RUN_CLOSED)
    return closed[-1][1].texts("earlier") if closed else ()


def before(facts: Facts, earlier: Iterable[Sequence[Event]]) -> list[Facts]:
    """Return ``earlier`` runs as they stood when this one closed: closed by then, later events left out."""
    until = facts.state.closed_at
    if until is None:
        return []
    cut = [[event for event in events if event.at <= until] for events in earlier]
    found = [Facts.of(events) for events in cut if events]
    done = {run.state.run_id: run for run in found if run.state.closed_at is not None}
    return [done[run_id] for run_id in wanted(facts) if run_id in done]


def previous_report(runs: Sequence[Facts]) -> str | None:
    """Return the id of the report of the run before, as of the close of this one."""
    return f"{runs[0].state.run_id}-{runs[0].log_hash[:12]}" if runs else None


def comparison(facts: Facts, objectives: list[Json], runs: Sequence[Facts]) -> Json:
    """Return earlier runs of the same plan, and each objective against their median and best."""
    same = [outline(run) for run in runs if run.state.plan_hash == facts.state.plan_hash]
    names = wanted(facts)
    known = {run.state.run_id for run in runs}
    return {
        "cutoff": iso(facts.state.closed_at),
        "not_read": [name for name in names if name not in known],
        "runs": same,
        "objectives": [_against(item, same) for item in objectives] if same else [],
    }


def _against(item: Json, runs: Sequence[Json]) -> Json:
    found = [
        other["achieved_s"]
        for run in runs
        for other in run["objectives"]
        if all(other[name] == item[name] for name in SAME) and other["achieved_s"] is not None
    ]
    middle = seconds(median(found)) if found else None
    now = item["achieved_s"]
    return {
        "component": item["component"],
        "kind": item["kind"],
        "achieved_s": now,
        "median_s": middle,
        "best_s": min(found, default=None),
        "change_s": seconds(now - middle) if now is not None and middle is not None else None,
        "runs": len(found),
    }


def plan_changes(facts: Facts, runs: Sequence[Facts]) -> Json:
    """Return how plan and catalog differ from the run before; ``None`` when none is known.

    Steps are compared when both runs went the same way in the same mode, the frozen system always.
    """
    due = facts.declared.part("next_due").everything
    changes: Json = {"compared_with": None, "same_plan": None, "altered": None, "more": 0, "next_due": due or None}
    if not runs:
        return changes
    last = runs[0]
    found = list(_changed(_flat(_plan(last, facts)), _flat(_plan(facts, last))))
    return changes | {
        "compared_with": last.state.run_id,
        "same_plan": last.state.plan_hash == facts.state.plan_hash,
        "altered": found[:LONGEST_LIST],
        "more": max(0, len(found) - LONGEST_LIST),
    }


def _plan(facts: Facts, other: Facts) -> Mapping[str, object]:
    alike = all(getattr(facts.state, name) == getattr(other.state, name) for name in ("mode", "recovery_region"))
    steps = [step.everything for step in facts.planned.values()] if alike else []
    return {SYSTEM: facts.frozen.everything, "steps": steps}


def _changed(old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[Json]:
    for where in sorted({*old, *new}):
        if where not in old:
            yield {"change": "added", "where": where, "before": None, "after": new[where]}
        elif where not in new:
            yield {"change": "removed", "where": where, "before": old[where], "after": None}
        elif old[where] != new[where]:
            yield {"change": "changed", "where": where, "before": old[where], "after": new[where]}


def _flat(value: object, at: str = "") -> dict[str, object]:
    """Values by path; things in lists go by name or id, so that a new one in the middle moves none of the others."""
    if isinstance(value, Mapping) and value:
        named = {str(name): item for name, item in value.items()}
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        named = {_name(item, number): item for number, item in enumerate(value)}
    else:
        return {at: value}
    found: dict[str, object] = {}
    for name, item in named.items():
        found |= _flat(item, f"{at}.{name}" if at else name)
    return found


def _name(item: object, number: int) -> str:
    facts = Payload(item)
    return facts.maybe_text("name") or facts.maybe_text("id") or str(number)
