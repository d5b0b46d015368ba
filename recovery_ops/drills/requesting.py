"""What a drill is to be: from a kind and a system to the request of a run."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime

from recovery_ops.errors import RequestError
from recovery_ops.execution.serving import first_other, serving_region
from recovery_ops.model.drills import DrillKind
from recovery_ops.model.plan import Intent, Mode
from recovery_ops.model.runs import RunRequest
from recovery_ops.model.system import System

INTENT = {
    DrillKind.COMPONENT: Intent.REGION_LOSS,
    DrillKind.REGIONAL: Intent.REGION_LOSS,
    DrillKind.FULL: Intent.CORRUPTION,
}
"""A full drill trusts no replica: everything comes out of the recovery point, as after corruption."""
BREAKS = (DrillKind.REGIONAL, DrillKind.FULL)


def drill_request(
    system: System,
    kind: DrillKind,
    *,
    person: str,
    token: str,
    execution: str,
    reason: str = "",
    component: str | None = None,
    region: str | None = None,
    inject: bool = True,
    point_id: str | None = None,
) -> RunRequest:
    """Return the request of a drill; it leaves the region that serves, which never notices.

    Args:
        system: What is drilled.
        kind: How much of it.
        person: Who asks.
        token: Makes the request idempotent.
        execution: ``direct`` or ``airflow``.
        reason: Why; stands in the evidence.
        component: The one of a component drill; see :func:`least_drilled`.
        region: Where it is brought up; the first region of the catalog that does not serve, unless given.
        inject: Break the region for the drill first (regional and full only).
        point_id: Restore from exactly this point, as after corruption (component drills only).

    Raises:
        RequestError: The kind is a tabletop, or the region serves.
    """
    if kind is DrillKind.TABLETOP:
        raise RequestError("a tabletop recovers nothing; it has a scenario instead of a plan")
    serving, target = leaving(system, region)
    return RunRequest(
        system=system.name,
        mode=Mode.DRILL,
        drill=kind,
        recovery_region=target,
        impaired_region=serving,
        person=person,
        reason=reason or f"{kind} drill",
        token=token,
        execution=execution,
        component=component,
        inject=inject and kind in BREAKS,
        intent=Intent.CORRUPTION if point_id else INTENT[kind],
        point_id=point_id,
    )


def leaving(system: System, region: str | None = None) -> tuple[str, str]:
    """Return the region that serves and the one in which a drill brings the system up, ``region`` if it is given.

    Raises:
        RequestError: ``region`` serves.
    """
    serving = serving_region(system).region
    target = region or first_other(system, serving)
    if target == serving:
        raise RequestError(f"{system.name} serves from {serving}; a drill brings it up in another region")
    return serving, target


def least_drilled(system: System, drilled: Sequence[tuple[str, datetime]]) -> str:
    """Return the component whose last drill is longest ago; of several, one that traffic needs and that needs most.

    ``drilled`` are components of drills with their times (aware).
    """
    last: dict[str, datetime] = {}
    for name, at in drilled:
        last[name] = max(at, last.get(name, at))
    never = datetime.min.replace(tzinfo=UTC)
    return min(
        system.components, key=lambda item: (last.get(item.name, never), not item.gates_traffic, -len(item.needs))
    ).name


def any_of(items: Sequence[str]) -> str:
    """Return one of ``items`` by chance."""
    return random.SystemRandom().choice(items)
