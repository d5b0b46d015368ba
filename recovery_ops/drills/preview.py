"""What a drill would do and what could stop it, before anybody starts it. Changes nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.cost.prices import AS_OF
from recovery_ops.drills.scheduling import Agenda
from recovery_ops.errors import NoRecoveryPointError, RecoveryError
from recovery_ops.execution.drill_limits import blast_radius, guard_limits
from recovery_ops.execution.spending import HOUR_S, NOT_COUNTED, priced
from recovery_ops.kinds import StepContext, driver
from recovery_ops.model.drill_hours import blocked_by
from recovery_ops.model.drills import RUN, DrillKind
from recovery_ops.model.plan import Plan
from recovery_ops.model.points import Capture
from recovery_ops.model.runs import RunRequest
from recovery_ops.model.system import System
from recovery_ops.planning import plan_to_json
from recovery_ops.planning.drill_calendar import Due, DueState
from recovery_ops.protection.choice import Choice, choose_point

Json = dict[str, Any]


def starting_point(system: System, request: RunRequest, plan: Plan, now: datetime) -> tuple[Choice | None, str]:
    """Return the recovery point that a drill would begin from now, or why there is none."""
    with calling_as(Caller(run_id="dry-run", step="declare", forbidden_region=plan.impaired_region)):
        try:
            return choose_point(system, request, impact_at=now), ""
        except RecoveryError as error:
            return None, error.message


def preview(system: System, request: RunRequest, plan: Plan, agenda: Agenda) -> Json:
    """Return plan, isolation, blast radius, guards, cost and whether the drill may start at ``agenda.at``.

    ``may_start`` is what a person may do now; ``due`` is what the calendar says of this drill, which starts none that
    is not due, blocked or held back. A person may start one that the calendar would not.
    """
    found = _line(agenda, request)
    choice, no_point = starting_point(system, request, plan, agenda.at)
    captures = choice.point.captures if choice else {}
    obstacle = agenda.held_up or no_point
    contexts = [_context(system, request, plan, name, captures) for name in plan.components]
    return {
        "system": system.name,
        "kind": str(request.drill),
        "component": request.component,
        "region": plan.recovery_region,
        "production_region": plan.impaired_region,
        "plan": plan_to_json(plan),
        "point": choice.point.id if choice else None,
        "isolated": _isolated(system, request, contexts),
        "blast_radius": blast_radius(system, request, plan),
        "guards": guard_limits(system),
        "cost": _cost(system, plan, contexts),
        "due": found.to_json() if found else None,
        "may_start": not obstacle,
        "why_not": obstacle or None,
        "calendar_would_start": _by_calendar(agenda, found),
        "calendar_says": agenda.held_up or _blocked(system, agenda, found),
    }


def _line(agenda: Agenda, request: RunRequest) -> Due | None:
    component = request.component if request.drill is DrillKind.COMPONENT else ""
    return next(
        (line for line in agenda.lines if (line.kind, line.component) == (request.drill, component or "")), None
    )


def _by_calendar(agenda: Agenda, line: Due | None) -> bool:
    return not agenda.held_up and line is not None and line.state is DueState.DUE


def _blocked(system: System, agenda: Agenda, line: Due | None) -> str:
    """Return what the calendar says of a drill; blocked hours and alarms too when it is not due."""
    hours = blocked_by(system.drills, agenda.at)
    if line is None:
        return "not in the calendar"
    return line.why if line.state is not DueState.LATER or hours is None else f"{line.why}; {hours[0]}"


def _isolated(system: System, request: RunRequest, contexts: Sequence[StepContext]) -> Json:
    """Return the names that a drill uses; ``{run}`` in them stands for its run id."""
    moves = request.drill is not DrillKind.COMPONENT
    own = system.traffic.drill
    return {
        "components": {ctx.component.name: list(driver(ctx.component).names(ctx)) for ctx in contexts},
        "host": own.host or None,
        "traffic": (own.name or None) if moves else None,
    }


def _context(
    system: System, request: RunRequest, plan: Plan, component: str, captures: Mapping[str, Capture]
) -> StepContext:
    return StepContext(
        system=system, component=system.component(component), run_id=RUN, isolated=True, intent=request.intent,
        source_region=plan.impaired_region, target_region=plan.recovery_region,
        capture=captures.get(component), captures=captures,
    )  # fmt: skip


def _cost(system: System, plan: Plan, contexts: Iterable[StepContext]) -> Json:
    """Return the ceiling, and what instances cost for as long as the plan is expected to take, at list prices."""
    hours = sum(step.estimate_s for step in plan.steps) / HOUR_S
    usd, unknown = priced(_hourly(contexts), plan.recovery_region, hours)
    return {
        "ceiling_usd": system.drills.ceiling_usd,
        "estimate_usd": round(usd, 2),
        "at_most_hours": round(hours, 2),
        "prices_of": AS_OF,
        "not_priced": [NOT_COUNTED, *unknown],
    }


def _hourly(contexts: Iterable[StepContext]) -> Iterator[tuple[str, float]]:
    """Yield what is paid for by the hour; without a recovery point nobody knows how much of it."""
    for ctx in contexts:
        try:
            yield from driver(ctx.component).hourly(ctx).items()
        except NoRecoveryPointError:
            yield f"{ctx.component.kind} without a recovery point", 1.0
