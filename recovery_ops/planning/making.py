"""From a system and a direction to a plan. Pure: the same input gives the same plan."""

from collections.abc import Sequence
from typing import Any

from recovery_ops.errors import RequestError
from recovery_ops.model.drills import DrillKind
from recovery_ops.model.freezing import content_hash, content_of, freeze
from recovery_ops.model.plan import Intent, Mode, Plan, Step
from recovery_ops.model.system import Component, System
from recovery_ops.planning.estimates import estimates
from recovery_ops.planning.order import in_order, with_needs
from recovery_ops.planning.requests import refuse_regions, wanted_component
from recovery_ops.planning.steps import CostsOf, steps_of


def plan(
    system: System,
    *,
    mode: Mode,
    impaired_region: str,
    recovery_region: str,
    costs_of: CostsOf,
    component: str | None = None,
    intent: Intent = Intent.REGION_LOSS,
    drill: DrillKind = DrillKind.REGIONAL,
) -> Plan:
    """Return the plan that brings ``system`` from ``impaired_region`` to ``recovery_region``.

    Args:
        system: What the catalog describes.
        mode: ``failover`` and ``failback`` move traffic; ``drill`` brings components up beside production and removes
            them again; ``component`` brings one back.
        impaired_region: Where we leave.
        recovery_region: Where we go.
        costs_of: Phases of a component and what each costs with this intent; asked once per component of the plan.
        component: Name of the one component, for mode ``component`` and a drill of kind ``component``.
        intent: ``corruption`` goes back in time, which a member of a consistency group must not do alone; it has
            objectives of its own where the catalog says so.
        drill: How much a drill takes in, for mode ``drill`` only.

    Raises:
        RequestError: The request can never become a plan; nothing was changed.
    """
    refuse_regions(system, mode, impaired_region, recovery_region)
    alone = wanted_component(system, mode, component, intent, drill)
    components = _components(system, mode, alone)
    steps = steps_of(system, mode, components, costs_of, drill)
    if alone is not None and not any(step.component for step in steps):
        raise RequestError(f"{alone.name!r} has no phase of its own; there is nothing to recover", component=alone.name)
    return Plan(
        system=system.name,
        mode=mode,
        impaired_region=impaired_region,
        recovery_region=recovery_region,
        steps=steps,
        estimates=estimates(system, steps, intent),
        hash=content_hash(_content(system, mode, (impaired_region, recovery_region), steps)),
        frozen=freeze(system),
        intent=intent,
    )


def _components(system: System, mode: Mode, alone: Component | None) -> tuple[Component, ...]:
    """A drill of one component also brings up what it needs: it cannot use what production has."""
    if alone is None:
        return in_order(system)
    return with_needs(system, alone) if mode is Mode.DRILL else (alone,)


def _content(system: System, mode: Mode, regions: tuple[str, str], steps: Sequence[Step]) -> dict[str, Any]:
    """Return what the hash covers: structure and settings; estimates may be corrected without a new plan."""
    return {
        "system": content_of(system),
        "mode": str(mode),
        "regions": list(regions),
        "steps": [
            {"id": step.id, "needs": sorted(step.needs), "control_planes": sorted(step.control_planes)}
            for step in steps
        ],
    }
