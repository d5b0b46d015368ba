"""Objectives and gating that follow from a catalog where it does not say them.

A tier sets defaults; what is built on a component, and the system it gates, can only tighten them.
"""

import graphlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from recovery_ops.catalog.draft import Draft, DraftComponent
from recovery_ops.catalog.quantities import UNITS_S
from recovery_ops.model.drills import DrillKind
from recovery_ops.model.objectives import FromPoint
from recovery_ops.model.system import Standby, Tier

HOUR, DAY = UNITS_S["h"], UNITS_S["d"]

RTO_S: Mapping[Tier, float] = {Tier.CRITICAL: HOUR, Tier.OPERATIONAL: 8 * HOUR, Tier.DEVELOPMENT: 3 * DAY}
RPO_S: Mapping[Tier, float] = {Tier.CRITICAL: 300.0, Tier.OPERATIONAL: 4 * HOUR, Tier.DEVELOPMENT: DAY}
EVERY_S: Mapping[Tier, float] = {Tier.CRITICAL: HOUR, Tier.OPERATIONAL: 4 * HOUR, Tier.DEVELOPMENT: DAY}
DRILL_EVERY_S: Mapping[Tier, Mapping[DrillKind, float]] = {
    tier: dict(zip(DrillKind, (days * DAY for days in cadences), strict=True))
    for tier, cadences in {
        Tier.CRITICAL: (90, 30, 90, 180),
        Tier.OPERATIONAL: (180, 90, 180, 365),
        Tier.DEVELOPMENT: (365, 180, 365, 730),
    }.items()
}
"""How often each kind of drill (tabletop, component, regional, full) is held, by the lead tier."""
LOCK_S = 7 * DAY

WITHOUT_REPLICA = (Standby.PILOT_LIGHT, Standby.COLD)
"""Standby levels whose data comes from the recovery point, so that its age is bounded by the cadence of protection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objectives:
    """What holds for one component. ``rpo_s`` is ``None`` without state."""

    rto_s: float
    rpo_s: float | None
    gates_traffic: bool
    from_point: FromPoint = field(default_factory=FromPoint)

    @property
    def point_rto_s(self) -> float:
        """Return the RTO that holds where it comes out of a recovery point."""
        return self.from_point.rto_s if self.from_point.rto_s is not None else self.rto_s


def objectives(draft: Draft) -> dict[str, Objectives]:
    """Return the objectives of every component whose name, tier and needs are sound."""
    named = draft.named()
    gating = gated(draft)
    system_rto_s = draft.header.text.rto if "rto" in draft.header.sound else None
    found: dict[str, Objectives] = {}
    for name in dependants_first(named):
        text = named[name].text
        above = [found[other].rto_s for other in found if name in named[other].text.needs]
        ceiling = [system_rto_s] if system_rto_s is not None and name in gating else []
        rto_s = text.rto or min([RTO_S[text.tier], *above, *ceiling])
        found[name] = Objectives(
            rto_s=rto_s, rpo_s=_rpo_s(named[name]), gates_traffic=name in gating, from_point=_from_point(named[name])
        )
    return found


def gated(draft: Draft) -> dict[str, str]:
    """Return every component cutover waits for -> the component that makes it so (itself, or one that needs it)."""
    named = draft.named()
    result: dict[str, str] = {}
    waiting = [(name, name) for name, component in named.items() if _gates_itself(component)]
    while waiting:
        name, because = waiting.pop()
        if name in named and name not in result:
            result[name] = because
            waiting += [(need, name) for need in named[name].text.needs]
    return result


def every_s(draft: Draft) -> float:
    """Return the cadence of protection: as written, else the lead tier's, else what the tightest RPO asks for."""
    if (written := draft.header.text.protect.every) is not None:
        return written
    tiers = [component.text.tier for component in draft.components] or [Tier.DEVELOPMENT]
    lead = min(tiers, key=lambda tier: tier.rank)
    wanted = [rpo_s for found in (bound_to_points(draft), promised_from_points(draft)) for _, rpo_s in found]
    return min([EVERY_S[lead], *wanted])


def lock_s(draft: Draft) -> float:
    """Return the object lock of a point: as written, else 7 days, never longer than points are kept."""
    protect = draft.header.text.protect
    return protect.lock if protect.lock is not None else min(LOCK_S, protect.keep)


def bound_to_points(draft: Draft) -> Iterable[tuple[DraftComponent, float]]:
    """Yield components whose data always comes from recovery points, with their RPO in seconds."""
    for component in draft.components:
        rpo_s = _rpo_s(component)
        if rpo_s is not None and "standby" in component.sound and component.text.standby in WITHOUT_REPLICA:
            yield component, rpo_s


def promised_from_points(draft: Draft) -> Iterable[tuple[DraftComponent, float]]:
    """Yield components that say what may be lost when they come out of a recovery point, with that RPO in seconds."""
    for component in draft.components:
        rpo_s = _from_point(component).rpo_s
        if rpo_s is not None and component.spec is not None and component.spec.stateful:
            yield component, rpo_s


def dependants_first(named: Mapping[str, DraftComponent]) -> list[str]:
    """Return all names, each before what it needs; in the order of the file when needs go round in a circle."""
    graph = {name: [need for need in component.text.needs if need in named] for name, component in named.items()}
    try:
        return list(graphlib.TopologicalSorter(graph).static_order())[::-1]
    except graphlib.CycleError:
        return list(named)


def _gates_itself(component: DraftComponent) -> bool:
    wish = component.text.gates_traffic
    return wish if wish is not None else component.text.tier is Tier.CRITICAL


def _from_point(component: DraftComponent) -> FromPoint:
    if "from_point" not in component.sound:
        return FromPoint()
    return FromPoint(rto_s=component.text.from_point.rto, rpo_s=component.text.from_point.rpo)


def _rpo_s(component: DraftComponent) -> float | None:
    if component.spec is None or not component.spec.stateful or not {"tier", "rpo"} <= component.sound:
        return None
    return component.text.rpo if component.text.rpo is not None else RPO_S[component.text.tier]
