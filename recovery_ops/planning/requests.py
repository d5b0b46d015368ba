"""Requests that can never become a plan; refused before anything changes."""

import difflib

from recovery_ops.errors import RequestError
from recovery_ops.model.drills import DrillKind
from recovery_ops.model.plan import Intent, Mode
from recovery_ops.model.system import Component, System


def refuse_regions(system: System, mode: Mode, impaired_region: str, recovery_region: str) -> None:
    """Refuse a direction that the catalog does not know.

    Raises:
        RequestError: A region is not in the catalog, both are the same, or a failback does not go home.
    """
    for role, region in (("recovery", recovery_region), ("impaired", impaired_region)):
        if region not in system.regions:
            listed = ", ".join(system.regions)
            hint = _hint(region, system.regions)
            raise RequestError(f"{role} region {region!r} is not in the catalog of {system.name} ({listed}){hint}")
    if impaired_region == recovery_region:
        message = f"{system.name} cannot recover in {recovery_region}: it is the impaired region itself"
        raise RequestError(message, region=recovery_region)
    if mode is Mode.FAILBACK and recovery_region != system.home:
        raise RequestError(f"a failback of {system.name} goes home, to {system.home}, and not to {recovery_region}")


def wanted_component(
    system: System, mode: Mode, component: str | None, intent: Intent, drill: DrillKind = DrillKind.REGIONAL
) -> Component | None:
    """Return the component of a component run or drill, ``None`` for every other mode.

    Raises:
        RequestError: The component is missing, unknown, or would leave its consistency group behind in time; or the
            drill is none that has a plan.
    """
    if mode is Mode.DRILL and drill is DrillKind.TABLETOP:
        raise RequestError(f"a tabletop of {system.name} has no plan: nothing is recovered")
    one = mode is Mode.COMPONENT or (mode is Mode.DRILL and drill is DrillKind.COMPONENT)
    if not one:
        if component is not None:
            what = f"{drill} {mode}" if mode is Mode.DRILL else mode
            raise RequestError(f"a {what} takes the whole system; only mode component takes {component!r} alone")
        return None
    if component is None:
        what = "run" if mode is Mode.COMPONENT else "drill"
        raise RequestError(f"a component {what} of {system.name} needs the name of a component")
    found = next((item for item in system.components if item.name == component), None)
    if found is None:
        names = [item.name for item in system.components]
        hint = _hint(component, names)
        raise RequestError(f"{system.name} has no component {component!r} (it has {', '.join(names)}){hint}")
    if intent is Intent.CORRUPTION and mode is Mode.COMPONENT:
        _refuse_member(system, component)
    return found


def _refuse_member(system: System, component: str) -> None:
    for group in system.consistency:
        if component in group:
            others = ", ".join(name for name in group if name != component)
            message = f"{component!r} cannot go back in time alone: it is consistent with {others}; recover the system"
            raise RequestError(message, component=component)


def _hint(word: str, known: tuple[str, ...] | list[str]) -> str:
    nearest = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""
