"""The verdict, by rule and never by hand: ``pass`` when no rule has anything to say."""

from collections.abc import Iterable, Iterator

from recovery_ops.model.events import EventType
from recovery_ops.model.plan import SystemStep
from recovery_ops.record.state import StepStatus
from recovery_ops.reporting.drilling import (
    clean_up,
    cost_ceiling_usd,
    guards,
    is_drill,
    is_tabletop,
    tabletop,
    unsupported,
)
from recovery_ops.reporting.facts import Facts, Json
from recovery_ops.reporting.objectives import PASS
from recovery_ops.reporting.outside import losses_by_component

Reason = tuple[str, str]
RULES = (
    "record",
    "declared",
    "outcome",
    "verification",
    "override",
    "objectives",
    "client",
    "writer",
    "protection",
    "serving",
    "close",
    "guard",
    "clean-up",
    "cost",
    "people",
    "decision",
)
"""Every rule, in the order in which reasons are listed."""


def verdict(facts: Facts, objectives: list[Json], checks: list[Json], client: Json) -> tuple[str, list[Json]]:
    """Return ``pass`` or ``fail`` and every reason for a fail as ``{rule, what}``."""
    found: list[Reason] = [
        *_record(facts),
        *_declared(facts),
        *_outcome(facts),
        *_verification(facts, checks),
        *_overrides(facts),
        *_objectives(facts, objectives),
        *_client(facts, client),
        *_writer(facts, objectives),
        *_protection(facts),
        *_serving(facts),
        *_close(facts),
        *_drill(facts),
        *_people(facts),
        *_decisions(facts),
    ]
    return ("fail" if found else "pass"), [{"rule": rule, "what": what} for rule, what in found]


def _record(facts: Facts) -> Iterator[Reason]:
    for item in facts.broken:
        yield "record", f"the record does not verify: {item.get('key', '?')}: {item.get('reason', 'no reason given')}"
    for note in facts.state.unread:
        yield "record", f"an event of {note.writer} cannot be read"


def _declared(facts: Facts) -> Iterator[Reason]:
    if facts.state.declared_at is None:
        why = "; ".join(str(note.facts.get("reason", "")) for note in facts.state.refusals)
        yield "declared", f"the run was refused: {why}" if why else "the run was never declared"


def _outcome(facts: Facts) -> Iterator[Reason]:
    """A run that moves traffic was committed; any other brought every component of its plan back."""
    for _, rolled in facts.payloads(EventType.RUN_ROLLED_BACK):
        where, why = rolled.maybe_text("to_region"), rolled.text("why")
        yield "outcome", "the run was rolled back" if where else f"traffic could not be put back: {why}"
    if SystemStep.COMMIT in facts.planned:
        if not facts.state.committed:
            yield "outcome", "the run was not committed"
        return
    for step in facts.state.steps.values():
        if step.component is not None and step.status is not StepStatus.SUCCEEDED:
            yield "outcome", f"{step.id} has not succeeded: {step.status}"


def _verification(facts: Facts, checks: list[Json]) -> Iterator[Reason]:
    gating = [check for check in checks if not check["advisory"]]
    if facts.components and not gating:
        yield "verification", "nothing was verified"
    for check in gating:
        if check["outcome"] != PASS:
            name = f"{check['component']}: {check['gate']}: {check['name']}"
            yield "verification", f"{name}: {check['outcome']}{_because(check['detail'])}"


def _overrides(facts: Facts) -> Iterator[Reason]:
    for override in facts.state.overrides:
        count = len(override.checks)
        yield "override", f"{override.person} overrode {count} failed check{'s' * (count != 1)}: {override.reason}"


def _objectives(facts: Facts, objectives: list[Json]) -> Iterator[Reason]:
    """Objectives of components that traffic does not wait for are shown and do not decide."""
    if not any(item["gating"] for item in objectives) and not is_tabletop(facts):
        yield "objectives", "no objective was fixed for anything that traffic waits for"
    for item in objectives:
        if item["gating"] and item["verdict"] != PASS:
            yield "objectives", f"{item['kind'].upper()} of {item['component']}: {_missed(item)}"


def _missed(item: Json) -> str:
    if item["objective_s"] is None:
        return "no objective was fixed"
    if item["achieved_s"] is None:
        return f"not measured, {item['objective_s']:g} s wanted"
    return f"{item['achieved_s']:.1f} s achieved, {item['objective_s']:g} s wanted"


def _client(facts: Facts, client: Json) -> Iterator[Reason]:
    """What a client outside saw, if one watched, has to be possible and to fit where the run says that traffic went."""
    if not client["measured"]:
        return
    numbers = {name: client[name] for name in ("outage_s", "requests", "failed")}
    for name, value in numbers.items():
        if value is None or value < 0:
            yield "client", f"the client outside watched and its {name} is {value}"
    requests, failed = numbers["requests"], numbers["failed"]
    if requests is not None and failed is not None and failed > requests:
        yield "client", f"the client outside counts {failed} failed of {requests} requests"
    region = facts.state.recovery_region
    if SystemStep.COMMIT in facts.planned and client["answered_by"] and not client["answered_by"].get(region):
        yield "client", f"no request of the client outside was answered by {region}"


def _writer(facts: Facts, objectives: list[Json]) -> Iterator[Reason]:
    """Acknowledged writes may be gone only as far as the RPO of their component covers it."""
    rpo = {item["component"]: item for item in objectives if item["kind"] == "rpo"}
    for name, loss in losses_by_component(facts).items():
        if loss.acknowledged is None or loss.served is None or loss.lost is None:
            yield "writer", f"{name}: the loss of acknowledged writes was counted and is not known"
            continue
        if loss.lost < 0 or loss.acknowledged - loss.served != loss.lost:
            counted = f"{loss.acknowledged} acknowledged, {loss.served} served and {loss.lost} lost"
            yield "writer", f"{name}: {counted} do not add up"
        if loss.lost > 0:
            yield from _uncovered(facts, name, loss.lost, rpo.get(name))


def _uncovered(facts: Facts, name: str, lost: int, objective: Json | None) -> Iterator[Reason]:
    if objective is None or objective["verdict"] != PASS:
        yield "writer", f"{name}: {lost} acknowledged writes are gone and no met RPO covers them"
    elif (age_s := _oldest_lost_s(facts, name)) is not None and age_s > objective["objective_s"]:
        old = f"the oldest {age_s:.1f} s before T0"
        yield "writer", f"{name}: {lost} acknowledged writes are gone, {old}; the RPO is {objective['objective_s']:g} s"


def _oldest_lost_s(facts: Facts, name: str) -> float | None:
    """AWS seconds from the oldest lost write to T0, when the count says so (``oldest_lost_at``)."""
    counts = [loss for _, loss in facts.payloads(EventType.DATA_LOSS_COUNTED) if loss.text("component") == name]
    oldest, impact = counts[-1].time("oldest_lost_at"), facts.clock("T0")
    if oldest is None or impact is None:
        return None
    return (impact - oldest).total_seconds() / (facts.factor or 1.0)


def _protection(facts: Facts) -> Iterator[Reason]:
    if SystemStep.REPROTECT in facts.planned and facts.clock("T9") is None:
        yield "protection", "T9 was not reached: the system is not protected outside the impaired region"


def _serving(facts: Facts) -> Iterator[Reason]:
    """A system that nobody serves is the worst that a run can leave behind; its report says so first thing."""
    for _, closed in facts.payloads(EventType.RUN_CLOSED):
        if closed.flag("answers") is False:
            yield "serving", closed.text("detail") or "nothing serves"


def _close(facts: Facts) -> Iterator[Reason]:
    if facts.state.closed_at is None:
        yield "close", "the run is not closed"
    elif facts.state.released is not True:
        yield "close", "close did not release the claim of the system"


def _drill(facts: Facts) -> Iterator[Reason]:
    """A drill harms nothing, leaves nothing behind, proves that it does not, and costs what it may."""
    for item in guards(facts):
        yield "guard", f"{item['guard']} stopped the drill: {item['observed']}, limit {item['limit']}"
    cleaned = clean_up(facts, [])
    if cleaned["leftovers"]:
        yield "clean-up", f"things left behind: {len(cleaned['leftovers'])}"
    if is_drill(facts) and not is_tabletop(facts) and cleaned["cleaned_up_at"] is None:
        yield "clean-up", "nothing says that the drill was cleaned up"
    ceiling, spent = cost_ceiling_usd(facts), cleaned["run_cost"]
    if ceiling is not None and spent is None:
        yield "cost", f"what the run cost is not measured, {ceiling:g} USD were allowed"
    elif ceiling is not None and spent > ceiling:
        yield "cost", f"{spent:g} USD spent, {ceiling:g} USD were allowed"


def _people(facts: Facts) -> Iterator[Reason]:
    """Every question of a tabletop has an answer, and where people were wanted, one of a person."""
    found = tabletop(facts)
    if found is None:
        return
    if not found["injects"]:
        yield "people", "no inject was shown"
    for name in found["not_shown"]:
        yield "people", f"inject {name} was not shown"
    for inject in found["injects"]:
        if not inject["decisions"]:
            yield "people", f"nobody decided on inject {inject['inject']}"
            continue
        for role in inject["undecided"]:
            yield "people", f"{role} did not decide on inject {inject['inject']}"
    yield from _filled(found)


def _filled(found: Json) -> Iterator[Reason]:
    for role in found["people"]:
        if role["required"] and role["verdict"] != PASS:
            counted = f"{role['answered_by_people']} of {role['asked']} injects answered by a person"
            slow = f", the slowest after {role['slowest_s']:g} s" if role["slowest_s"] is not None else ""
            yield "people", f"{role['role']}: {counted}{slow}"


def _decisions(facts: Facts) -> Iterator[Reason]:
    """Whoever decides otherwise than the playbook says has found something: in people, or in the playbook."""
    for inject, made in unsupported(tabletop(facts)):
        said = f"{made['role']} decided {made['decision']!r} on inject {inject['inject']}"
        yield "decision", f"{said}, which the playbook does not support"


def _because(detail: str) -> str:
    return f" ({detail})" if detail else ""


def listed(reasons: Iterable[Json]) -> str:
    """Return reasons as one line of text."""
    return "; ".join(str(reason["what"]) for reason in reasons)
