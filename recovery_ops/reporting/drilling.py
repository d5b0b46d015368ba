"""What only drills leave behind: faults, guards, the clean-up, and the decisions of a tabletop."""

from collections.abc import Iterable, Iterator

from recovery_ops.model.events import Event, EventType
from recovery_ops.model.plan import Mode
from recovery_ops.record.payload import Payload
from recovery_ops.reporting.facts import Facts, Json, iso
from recovery_ops.reporting.objectives import FAIL, NOT_MEASURED, PASS

TABLETOP = "tabletop"


def is_drill(facts: Facts) -> bool:
    """Return whether the run was practice."""
    return facts.state.mode == Mode.DRILL


def is_tabletop(facts: Facts) -> bool:
    """Return whether only people acted and nothing was recovered."""
    return facts.declared.text("drill") == TABLETOP or bool(facts.payloads(EventType.INJECT_SHOWN))


def faults(facts: Facts) -> list[Json]:
    """Return the faults that the drill itself injected, and whom each could hit."""
    names = ("what", "region", "scope", "person")
    return [
        {"at": iso(event.at)} | {name: _said(fact, name) for name in names}
        for event, fact in facts.payloads(EventType.FAULT_INJECTED)
    ]


def guards(facts: Facts) -> list[Json]:
    """Return the guards that stopped the drill, with what each saw and its limit."""
    names = ("guard", "observed", "limit")
    return [
        {"at": iso(event.at)} | {name: _said(fact, name) for name in names}
        for event, fact in facts.payloads(EventType.GUARD_TRIPPED)
    ]


def clean_up(facts: Facts, debts: list[Json]) -> Json:
    """Return what the run created or adopted, what was removed of it, what is left, and what it cost in USD.

    The newest clean-up says what is left; ``None`` everywhere when there was none.
    """
    made = [{"step": step.id, "resource": item} for step in facts.state.steps.values() for item in step.resources]
    owed = [item for item in debts if item["debt"] == "clean-up"]
    cleaned = facts.payloads(EventType.CLEANED_UP)
    removed = [item for _, fact in cleaned for item in fact.items("removed")]
    return {
        "resources": made,
        "owed": owed,
        "deleted": removed if cleaned else None,
        "leftovers": list(cleaned[-1][1].items("leftovers")) if cleaned else None,
        "run_cost": cleaned[-1][1].number("spent_usd") if cleaned else None,
        "standby_cost": None,
        "cleaned_up_at": iso(cleaned[-1][0].at) if cleaned else None,
    }


def cost_ceiling_usd(facts: Facts) -> float | None:
    """Return what the run may cost, as it was fixed before the start."""
    return facts.declared.part("criteria").number("cost_ceiling_usd")


def tabletop(facts: Facts) -> Json | None:
    """Return every inject with the decisions on it, and the objectives of people; ``None`` for any other run."""
    if not is_tabletop(facts):
        return None
    shown = facts.payloads(EventType.INJECT_SHOWN)
    decided = facts.payloads(EventType.DECISION_TAKEN)
    fixed = facts.declared.part("criteria").part("injects")
    injects = [_inject(event, fact, decided, fixed.part(fact.text("inject"))) for event, fact in shown]
    return {
        "injects": injects,
        "not_shown": [name for name in fixed.everything if name not in {item["inject"] for item in injects}],
        "people": _people(facts, injects),
        "lessons": [_lesson(event, fact) for event, fact in facts.payloads(EventType.LESSON_NOTED)],
    }


def _inject(event: Event, fact: Payload, decided: Iterable[tuple[Event, Payload]], fixed: Payload) -> Json:
    """What was told and decided; ``fixed`` is what the inject is judged by."""
    name = fact.text("inject")
    mine = [_decision(at, item, fixed) for at, item in decided if item.text("inject") == name]
    roles = list(fact.texts("roles"))
    return {
        "inject": name,
        "at_s": fact.number("at_s"),
        "shown_at": iso(event.at),
        "known": fact.everything.get("known"),
        "question": fact.maybe_text("question"),
        "roles": roles,
        "undecided": [role for role in roles if role not in {item["role"] for item in mine}],
        "within_s": fixed.number("decide_within_s"),
        "decisions": mine,
    }


def _decision(event: Event, fact: Payload, fixed: Payload) -> Json:
    texts = {name: fact.maybe_text(name) for name in ("role", "person", "decision", "comment")}
    times = {"after_s": fact.number("after_s"), "at": iso(event.at)}
    supported = fact.text("decision") in fixed.texts("expected") if fixed.has("expected") else None
    return texts | times | {"simulated": fact.flag("simulated") is True, "supported": supported}


def _lesson(event: Event, fact: Payload) -> Json:
    texts = {name: fact.maybe_text(name) for name in ("what", "person", "owner", "due")}
    return texts | {"mended": fact.flag("mended") is True, "at": iso(event.at)}


def unsupported(found: Json | None) -> Iterator[tuple[Json, Json]]:
    """Yield every decision of a tabletop that the playbook does not support, each after its inject."""
    for inject in (found or {"injects": []})["injects"]:
        yield from ((inject, made) for made in inject["decisions"] if made["supported"] is False)


def _people(facts: Facts, injects: list[Json]) -> list[Json]:
    """One per role that the injects, or the criteria, expect; a simulated participant is nobody."""
    wanted = facts.declared.part("criteria").part("people")
    roles = dict.fromkeys([*wanted.everything, *(role for inject in injects for role in inject["roles"])])
    return [_role(role, wanted.has(role), wanted.number(role), injects) for role in roles]


def _role(role: str, required: bool, within_s: float | None, injects: list[Json]) -> Json:  # noqa: FBT001  above
    """An inject with a time of its own is judged by that; the slowest answer is the one latest by its own measure."""
    asked = [inject for inject in injects if role in inject["roles"]]
    decisions = [(inject, item) for inject in injects for item in inject["decisions"] if item["role"] == role]
    real = [(inject, item) for inject, item in decisions if not item["simulated"]]
    answered = [inject for inject in asked if any(inject is other for other, _ in real)]
    times = [(item["after_s"], inject["within_s"] or within_s) for inject, item in real if item["after_s"] is not None]
    slowest_s, limit_s = max(times, key=_lateness, default=(None, within_s))
    verdict = PASS
    if not real or len(answered) < len(asked) or (within_s is not None and len(times) < len(real)):
        verdict = NOT_MEASURED
    elif within_s is not None and slowest_s is not None and slowest_s > (limit_s or within_s):
        verdict = FAIL
    return {
        "role": role,
        "required": required,
        "asked": len(asked),
        "answered_by_people": len(answered),
        "simulated": len(decisions) - len(real),
        "within_s": limit_s if required else within_s,
        "slowest_s": slowest_s,
        "verdict": verdict,
    }


def _lateness(time: tuple[float, float | None]) -> float:
    """Seconds beyond what was allowed; without a limit, since the question."""
    after_s, limit_s = time
    return after_s - (limit_s or 0.0)


def _said(fact: Payload, name: str) -> object:
    return fact.everything.get(name)
