"""Convening a tabletop: its scenario and what it is judged by are frozen into a record; nothing is claimed."""

from datetime import UTC, datetime, timedelta
from typing import Any

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.execution.declare import circumstances
from recovery_ops.execution.serving import first_other, serving_region
from recovery_ops.execution.view import open_log
from recovery_ops.model.drills import DrillKind
from recovery_ops.model.events import EventType
from recovery_ops.model.plan import Mode
from recovery_ops.model.runs import RunRef
from recovery_ops.model.scenarios import Scenario
from recovery_ops.model.system import System
from recovery_ops.model.tabletops import TabletopRequest
from recovery_ops.record.log import EventLog

WRITER = "declare#1"
EXERCISE = "exercise"
NOBODY_THERE = "every participant is simulated: this proves that the scenario can be played, and nothing of people"
NO_ROLE = "the catalog names nobody for the role {role!r}; whoever answers for it is no substitute for anybody"


def convene(system: System, asked: TabletopRequest, *, now: datetime | None = None) -> RunRef:
    """Declare a tabletop; the same ``token`` on the same day finds the one that was declared first.

    Its record lies where that of a recovery would: in the first region of the catalog that does not serve.

    Raises:
        RecoveryError: The record cannot be read or written; nothing was declared.
    """
    now = now or datetime.now(UTC)
    ref = place_of(system, asked.token, now)
    with calling_as(Caller(run_id=ref.run_id, step="declare")):
        declare_in(open_log(ref, system), ref, system, asked, now)
    return ref


def place_of(system: System, token: str, now: datetime) -> RunRef:
    """Return where the record of a tabletop that is asked for with ``token`` lies."""
    serving = serving_region(system).region
    region = first_other(system, serving)
    return RunRef.asked(system, token, now, recovery_region=region, impaired_region=serving)


def declare_in(log: EventLog, ref: RunRef, system: System, asked: TabletopRequest, now: datetime) -> None:
    """Write the declaration, unless it stands there already."""
    if not any(event.type is EventType.RUN_DECLARED for event in log.events_of("declare")):
        log.writer(WRITER).append(EventType.RUN_DECLARED, _declaration(ref, system, asked, now))


def criteria_of(asked: TabletopRequest) -> dict[str, Any]:
    """Return what a tabletop is judged by, fixed before it starts, as JSON values.

    Every role decides at every inject, as the playbook supports it. Where people take part, each role is filled by
    people who decide in time; the longest of its times stands as the objective, each inject has its own.
    """
    injects = {
        inject.id: {
            "roles": list(inject.roles),
            "expected": list(inject.expected),
            "decide_within_s": inject.decide_within_s,
        }
        for inject in asked.scenario.injects
    }
    people: dict[str, float] = {}
    for inject in () if asked.simulated else asked.scenario.injects:
        for role in inject.roles:
            people[role] = max(people.get(role, 0.0), inject.decide_within_s)
    return {"injects": injects, "people": people}


def _declaration(ref: RunRef, system: System, asked: TabletopRequest, now: datetime) -> dict[str, Any]:
    due = now + timedelta(seconds=system.drills.every_s[DrillKind.TABLETOP])
    return {
        **circumstances(system, ref.recovery_region, ref.impaired_region, criteria_of(asked)),
        "mode": Mode.DRILL,
        "drill": DrillKind.TABLETOP,
        "graceful": True,
        "intent": None,
        "execution": asked.execution,
        "components": [],
        "component": None,
        "reason": asked.reason or f"tabletop: {asked.scenario.title}",
        "person": asked.person,
        "token": asked.token,
        "clocks": {"T3": now.isoformat()},
        "plan": {},
        "plan_hash": "",
        "point": None,
        "warnings": _warnings(system, asked),
        "inject": False,
        "scenario": asked.scenario.name,
        EXERCISE: _exercise(asked),
        "announced": asked.announced,
        "third_parties": list(asked.third_parties),
        "blast_radius": {"components": "none", "production": "not touched", "changes": "the record of this run alone"},
        "guards": [],
        "next_due": {"drill": str(DrillKind.TABLETOP), "due": due.isoformat(timespec="seconds")},
    }


def _exercise(asked: TabletopRequest) -> dict[str, Any]:
    prepared = {
        inject: {role: given.to_json() for role, given in answers.items()} for inject, answers in asked.prepared.items()
    }
    return {
        "scenario": asked.scenario.to_json(),
        "simulated": asked.simulated,
        "prepared": prepared,
        "lessons": [lesson.to_json() for lesson in asked.lessons],
    }


def _warnings(system: System, asked: TabletopRequest) -> list[str]:
    if asked.simulated:
        return [NOBODY_THERE]
    return [NO_ROLE.format(role=role) for role in roles_of(asked.scenario) if not system.people.get(role)]


def roles_of(scenario: Scenario) -> list[str]:
    """Return every role that is asked, in the order in which it first is."""
    return list(dict.fromkeys(role for inject in scenario.injects for role in inject.roles))
