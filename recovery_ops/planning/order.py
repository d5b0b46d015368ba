"""The order in which components come back: needs first, then the most critical."""

import heapq
from collections.abc import Mapping

from recovery_ops.errors import RequestError
from recovery_ops.model.system import Component, System


def in_order(system: System) -> tuple[Component, ...]:
    """Return the components so that each comes after what it needs; critical first, then by name.

    A component is as urgent as the most critical one that needs it.

    Raises:
        RequestError: Needs go round in a circle, or name a component that is not there.
    """
    by_name = {component.name: component for component in system.components}
    _refuse_unknown(by_name)
    ranks = urgency(system)
    open_needs = {name: set(component.needs) for name, component in by_name.items()}
    ready = [(ranks[name], name) for name, needs in open_needs.items() if not needs]
    heapq.heapify(ready)
    order: list[Component] = []
    while ready:
        _, done = heapq.heappop(ready)
        order.append(by_name[done])
        for name, needs in open_needs.items():
            if done in needs:
                needs.discard(done)
                if not needs:
                    heapq.heappush(ready, (ranks[name], name))
    _refuse_circle([name for name in by_name if open_needs[name]])
    return tuple(order)


def with_needs(system: System, component: Component) -> tuple[Component, ...]:
    """Return ``component`` and all that it needs, directly or not, in their order."""
    wanted = {component.name, *system.needs_of(component)}
    return tuple(item for item in in_order(system) if item.name in wanted)


def urgency(system: System) -> dict[str, int]:
    """Return the rank of every component (0 is critical): its own, or a lower one of whatever needs it."""
    ranks = {component.name: component.tier.rank for component in system.components}
    by_name = {component.name: component for component in system.components}
    for component in sorted(system.components, key=lambda item: item.tier.rank):
        waiting = list(component.needs)
        while waiting:
            name = waiting.pop()
            if ranks[name] > component.tier.rank:
                ranks[name] = component.tier.rank
                waiting += by_name[name].needs
    return ranks


def _refuse_unknown(by_name: Mapping[str, Component]) -> None:
    for component in by_name.values():
        for need in component.needs:
            if need not in by_name:
                raise RequestError(f"{component.name!r} needs {need!r}, which is not in the system")


def _refuse_circle(left: list[str]) -> None:
    if left:
        raise RequestError(f"needs go round in a circle among {', '.join(sorted(left))}")
