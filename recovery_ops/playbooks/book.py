"""From a system, its plans and its history to everything a playbook says, as plain values for the page templates."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from recovery_ops.aws.traffic import switch_place
from recovery_ops.catalog.freeze import catalog_hash
from recovery_ops.catalog.quantities import in_words
from recovery_ops.errors import StepRejectedError
from recovery_ops.execution.systems import plan_for
from recovery_ops.kinds import all_kinds
from recovery_ops.model.plan import Mode, Plan
from recovery_ops.model.system import Component, System
from recovery_ops.playbooks import by_hand, content
from recovery_ops.playbooks.commands import commands_of
from recovery_ops.playbooks.content import Page, Scenario
from recovery_ops.playbooks.drawing import tree
from recovery_ops.playbooks.history import NO_HISTORY, History
from recovery_ops.playbooks.messages import Audience, Moment, render_message
from recovery_ops.playbooks.people import roles
from recovery_ops.playbooks.texts import fill

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """Where a recovery comes from and goes to, with its plan and what is typed for it."""

    source: str
    target: str
    plan: Plan
    commands: Mapping[str, str]
    opening: tuple[by_hand.Block, ...]
    traffic: tuple[by_hand.Block, ...]


def book(system: System, *, history: History = NO_HISTORY, made_at: datetime) -> Json:
    """Return everything that the playbook of ``system`` says.

    Args:
        system: The system as its catalog describes it.
        history: What earlier runs took, if a region of the record answers.
        made_at: When it is rendered, aware; printed on the first screen.
    """
    ways = tuple(_directions(system))
    main = ways[0]
    facts = _facts(system, main)
    return {
        "system": system,
        "hash": catalog_hash(system),
        "made_at": made_at,
        "main": main,
        "ways": ways,
        "facts": facts,
        "history": history,
        "roles": roles(system),
        "scenarios": [_scenario(item, facts) for item in content.scenarios()],
        "components": [_component(system, item, ways, history) for item in system.components],
        "steps": [_step(step, history) for step in main.plan.steps],
        "errors": [_page(item, facts) for item in content.errors()],
        "alerts": [_page(item, facts) for item in content.alerts()],
        "messages": [_message(system, main, audience, moment) for audience in Audience for moment in Moment],
        "checklists": checklists(system, main),
        "estimate": main.plan.estimates[0],
    }


def _directions(system: System) -> Iterator[Direction]:
    away = [region for region in system.regions if region != system.home]
    yield from (_direction(system, system.home, region, Mode.FAILOVER) for region in away)
    yield from (_direction(system, region, system.home, Mode.FAILBACK) for region in away)


def _direction(system: System, source: str, target: str, mode: Mode) -> Direction:
    return Direction(
        source=source,
        target=target,
        plan=plan_for(system, target, mode=mode, impaired_region=source),
        commands=commands_of(system, source, target),
        opening=by_hand.opening(system, source, target),
        traffic=by_hand.traffic_blocks(system, source, target),
    )


def _facts(system: System, main: Direction) -> Json:
    groups = "; ".join(", ".join(group) for group in system.consistency)
    return {
        **main.commands,
        "system": system,
        "home": system.home,
        "target": main.target,
        "regions": ", ".join(system.regions),
        "rto": in_words(system.rto_s),
        "forecast": in_words(main.plan.estimates[0].estimate_s),
        "lock": in_words(system.protection.lock_s),
        "approval_timeout": in_words(system.approval.timeout_s),
        "max_failed": f"{system.traffic.max_failed_ratio:.0%}",
        "approvers": _names(system, system.approval.approvers),
        "method": str(system.traffic.method),
        "gating": ", ".join(item.name for item in system.components if item.gates_traffic),
        "groups": groups or "no group is named in the catalog",
        "switch": _switch(system, main),
    }


def _names(system: System, wanted: Sequence[str]) -> str:
    people = [person for role in wanted for person in system.people.get(role, ())]
    return " or ".join(dict.fromkeys(people)) or "the approvers"


def _switch(system: System, main: Direction) -> str:
    try:
        bucket, key = switch_place(system.traffic, main.target)
    except StepRejectedError:
        return f"There is no health switch in {main.target}."
    return f"aws s3api put-object --region {main.target} --bucket {bucket} --key {key}"


def _scenario(item: Scenario, facts: Json) -> Json:
    say = functools.partial(fill, facts=facts)
    rungs = tuple(replace(rung, ask=say(rung.ask), do=say(rung.do)) for rung in item.rungs)
    said = replace(
        item,
        signs=say(item.signs),
        rungs=rungs,
        otherwise=say(item.otherwise),
        now=tuple(map(say, item.now)),
        then=tuple(map(say, item.then)),
    )
    return {"page": said, "svg": tree(said)}


def _page(item: Page, facts: Json) -> Page:
    return replace(item, means=fill(item.means, facts), do=tuple(fill(line, facts) for line in item.do))


def _component(system: System, component: Component, ways: Sequence[Direction], history: History) -> Json:
    kind = all_kinds()[component.kind]
    steps = [step for step in ways[0].plan.steps if step.component == component.name]
    group = next((group for group in system.consistency if component.name in group), ())
    return {
        "it": component,
        "steps": [_step(step, history) for step in steps],
        "needed_by": [item.name for item in system.components if component.name in item.needs],
        "group": [name for name in group if name != component.name],
        "gates": sorted(str(gate) for gate in kind.gates),
        "goals": _goals(component),
        "actions": sorted(kind.aws_actions),
        "doc": (kind.__doc__ or "").strip().split("\n\n")[0],
        "recover": [
            (way, way.commands["component_run"].replace("COMPONENT", component.name)) for way in ways if not group
        ],
        "by_hand": [(way, by_hand.component_blocks(system, component, way.source, way.target)) for way in ways],
    }


def _goals(component: Component) -> list[tuple[str, str]]:
    """Return what the catalog demands of a verified component beside its gates."""
    verify = component.settings.get("verify")
    if not isinstance(verify, Mapping):
        return []
    return [(name.replace("_", " "), _value(value)) for name, value in verify.items() if value is not None]


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {item}" for name, item in value.items() if item is not None)
    return str(value)


def _step(step: Any, history: History) -> Json:
    return {"it": step, "last_s": history.steps.get(step.id)}


def _message(system: System, main: Direction, audience: Audience, moment: Moment) -> Json:
    facts = {"impaired_region": main.source, "recovery_region": main.target, "serving_region": main.target}
    return {"audience": audience, "moment": moment, "text": render_message(system, audience, moment, facts)}


def checklists(system: System, main: Direction) -> list[tuple[str, list[str]]]:
    """Return what is ticked off: before declaring, before traffic moves, after it, and before the run is closed."""
    traffic = system.traffic
    verified = [
        f"{item.name}: {', '.join(sorted(str(gate) for gate in all_kinds()[item.kind].gates))}"
        for item in system.components
        if item.gates_traffic
    ]
    return [
        (
            "Before you declare",
            [
                "T0 is known: when were users first hit?",
                f"{main.source} was probed from outside, and {main.target} answers",
                "No other run is open",
                "Loss or damage? Damage needs a point from before it",
                "The lead is named, and somebody writes messages",
            ],
        ),
        (
            "Before traffic moves (not run is not passed)",
            [
                *verified,
                "The age of the recovery point is acceptable",
                "Writers in the old region are fenced, or a debt",
            ],
        ),
        (
            "After traffic moved",
            [
                f"{traffic.name} is answered by {main.target}, seen from outside, not from the command",
                f"Soak of {in_words(traffic.soak_s)}: at least {traffic.min_probes} probes, "
                f"at most {traffic.max_failed_ratio:.0%} failed",
                "Customers are told",
            ],
        ),
        (
            "Before you go to bed",
            [
                "A complete, locked recovery point exists outside the impaired region",
                "Debts are listed with an owner: fences, replication back, clean-up",
                f"Retraining and deployments stay frozen in {main.source}",
                "The report is made; objectives missed are said out loud",
                "A date for failback and one for the review stand in the calendar",
            ],
        ),
    ]
