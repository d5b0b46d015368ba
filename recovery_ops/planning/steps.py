"""The steps of a plan and what each waits for."""

from collections.abc import Callable, Iterable, Mapping

from recovery_ops.model.drills import DrillKind
from recovery_ops.model.plan import Mode, Phase, PhaseCost, Step, SystemStep
from recovery_ops.model.system import Component, System
from recovery_ops.planning.costs import system_cost

CostsOf = Callable[[Component], Mapping[Phase, PhaseCost]]

MOVES_TRAFFIC = (Mode.FAILOVER, Mode.FAILBACK)
"""Modes that fence writers and move traffic; a drill and a component run leave production where it is."""


DRILLED: Mapping[DrillKind, tuple[SystemStep, ...]] = {
    DrillKind.COMPONENT: (),
    DrillKind.REGIONAL: (SystemStep.CUTOVER, SystemStep.OBSERVE),
    DrillKind.FULL: (SystemStep.CUTOVER, SystemStep.OBSERVE, SystemStep.GO_BACK),
}
"""What each kind of drill does with traffic of its own."""


def steps_of(
    system: System,
    mode: Mode,
    components: tuple[Component, ...],
    costs_of: CostsOf,
    drill: DrillKind = DrillKind.REGIONAL,
) -> tuple[Step, ...]:
    """Return all steps, each after what it needs. ``components`` are in order; needs outside of them are ignored."""
    opening = _opening(mode)
    steps = _chain(system, opening, ())
    ends: dict[str, tuple[str, ...]] = {}
    for component in components:
        before = _before(component, ends) or (steps[len(opening) - 1].id,)
        phases = component_steps(component, before, costs_of(component))
        ends[component.name] = (phases[-1].id,) if phases else before
        steps += phases
    return tuple(steps + _ending(system, mode, components, ends, drill))


def _opening(mode: Mode) -> list[SystemStep]:
    """A failover fences first: the old side may wake up. A failback goes on serving until just before cutover.

    A drill builds what a real run finds standing, then breaks the region that it leaves for itself.
    """
    second = {Mode.FAILOVER: [SystemStep.FENCE], Mode.FAILBACK: [SystemStep.RECONCILE], Mode.DRILL: [SystemStep.STAGE]}
    return [SystemStep.DECLARE, *second.get(mode, [])]


def component_steps(component: Component, before: tuple[str, ...], costs: Mapping[Phase, PhaseCost]) -> list[Step]:
    """Return the steps of one component, its phases one after the other, the first after ``before``."""
    steps: list[Step] = []
    for phase in (phase for phase in Phase if phase in costs):
        step_id = f"{component.name}.{phase}"
        steps.append(_step(step_id, component.name, phase, before, costs[phase]))
        before = (step_id,)
    return steps


def _before(component: Component, ends: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the last steps of everything ``component`` needs; one without steps stands for what it needs itself."""
    return _unique(end for need in component.needs for end in ends.get(need, ()))


def _ending(
    system: System,
    mode: Mode,
    components: tuple[Component, ...],
    ends: Mapping[str, tuple[str, ...]],
    drill: DrillKind,
) -> list[Step]:
    everything = _unique(end for component in components for end in ends[component.name])
    if mode is Mode.DRILL:
        return _drill_ending(system, components, ends, drill)
    if mode not in MOVES_TRAFFIC:
        return _chain(system, [SystemStep.CLOSE], everything or (SystemStep.DECLARE,))
    gating = _unique(end for component in components if component.gates_traffic for end in ends[component.name])
    opening = _opening(mode)
    late_fence = [SystemStep.FENCE] if SystemStep.FENCE not in opening else []
    moving = [SystemStep.APPROVE, *late_fence, SystemStep.CUTOVER, SystemStep.OBSERVE, SystemStep.COMMIT]
    steps = _chain(system, moving, gating or (opening[-1],))
    steps += _chain(system, [SystemStep.ROLLBACK], (SystemStep.OBSERVE,))
    steps += _chain(system, [SystemStep.REPROTECT], (SystemStep.COMMIT,))
    aside = tuple(end for end in everything if end not in gating and end != opening[-1])
    return steps + _chain(system, [SystemStep.CLOSE], (SystemStep.REPROTECT, *aside))


def _drill_ending(
    system: System, components: tuple[Component, ...], ends: Mapping[str, tuple[str, ...]], drill: DrillKind
) -> list[Step]:
    """As of a real run, with traffic of its own, then removes all that the drill made."""
    everything = _unique(end for component in components for end in ends[component.name])
    gating = _unique(end for component in components if component.gates_traffic for end in ends[component.name])
    steps = _chain(system, DRILLED[drill], gating or (SystemStep.STAGE,))
    last = tuple(step.id for step in steps[-1:])
    before = _unique((*last, *(end for end in everything if not last or end not in gating)))
    return steps + _chain(system, [SystemStep.CLEAN_UP, SystemStep.CLOSE], before or (SystemStep.STAGE,))


def _chain(system: System, names: Iterable[SystemStep], before: tuple[str, ...]) -> list[Step]:
    steps: list[Step] = []
    for name in names:
        steps.append(_step(str(name), None, name, tuple(map(str, before)), system_cost(name, system)))
        before = (name,)
    return steps


def _step(step_id: str, component: str | None, phase: str, needs: tuple[str, ...], cost: PhaseCost) -> Step:
    return Step(
        id=step_id,
        component=component,
        phase=str(phase),
        needs=needs,
        estimate_s=float(cost.estimate_s),
        budget_s=float(cost.budget_s),
        control_planes=tuple(cost.control_planes),
    )


def _unique(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
