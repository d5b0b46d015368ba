"""What components say about each other: kinds and needs that exist, and no circle."""

import graphlib
from collections.abc import Iterator, Mapping

from recovery_ops.catalog.draft import Draft, DraftComponent
from recovery_ops.catalog.kindspec import KindSpec
from recovery_ops.catalog.problems import Problem
from recovery_ops.catalog.suggest import did_you_mean


def unknown_kinds(draft: Draft, kinds: Mapping[str, KindSpec]) -> Iterator[Problem]:
    """Yield components of a kind that nobody installed."""
    for component in draft.components:
        if component.spec is None and "kind" in component.sound:
            hint = did_you_mean(component.text.kind, kinds) or f"; known kinds: {', '.join(sorted(kinds)) or 'none'}"
            yield draft.document.at((*component.place, "kind"), f"unknown kind {component.text.kind!r}{hint}")


def unknown_needs(draft: Draft) -> Iterator[Problem]:
    """Yield needs that no component answers, and needs that are there twice."""
    names = draft.names()
    for component in draft.components:
        for index, need in enumerate(component.text.needs):
            place = (*component.place, "needs", index)
            if need not in names:
                yield draft.document.at(place, f"no component {need!r}{did_you_mean(need, names)}")
            elif need in component.text.needs[:index]:
                yield draft.document.at(place, f"{need!r} is there twice")


def cycles(draft: Draft) -> Iterator[Problem]:
    """Yield every circle of needs, at the need that closes it."""
    named = draft.named()
    graph = {name: [need for need in part.text.needs if need in named] for name, part in named.items()}
    while (cycle := _cycle(graph)) is not None:
        path = _from_first(cycle, list(named))
        last, first = path[-2], path[-1]
        yield draft.document.at(_need(named[last], first), f"needs go round in a circle: {' -> '.join(path)}")
        graph[last] = [need for need in graph[last] if need != first]


def _cycle(graph: Mapping[str, list[str]]) -> list[str] | None:
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])[::-1]
    return None


def _from_first(cycle: list[str], order: list[str]) -> list[str]:
    """Turn ``cycle`` (a needs b needs a) so that it begins with its first component in the file."""
    start = min(range(len(cycle) - 1), key=lambda index: order.index(cycle[index]))
    return [*cycle[start:-1], *cycle[:start], cycle[start]]


def _need(component: DraftComponent, need: str) -> tuple[str | int, ...]:
    return (*component.place, "needs", component.text.needs.index(need))
