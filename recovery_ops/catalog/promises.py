"""Objectives that contradict each other, or what protection can give."""

from collections.abc import Iterator

from recovery_ops.catalog.dependencies import cycles
from recovery_ops.catalog.draft import Draft, DraftComponent
from recovery_ops.catalog.objectives import (
    bound_to_points,
    every_s,
    gated,
    lock_s,
    objectives,
    promised_from_points,
)
from recovery_ops.catalog.problems import Place, Problem
from recovery_ops.catalog.quantities import in_words


def state(draft: Draft) -> Iterator[Problem]:
    """Yield stateless components that promise an RPO."""
    for component in draft.components:
        if component.spec is None or component.spec.stateful:
            continue
        written: dict[Place, float | None] = {
            ("rpo",): component.text.rpo,
            ("from_point", "rpo"): component.text.from_point.rpo,
        }
        for place, rpo_s in written.items():
            if rpo_s is not None:
                what = f"kind {component.text.kind!r} keeps no state and has no RPO; remove it"
                yield draft.document.at_key((*component.place, *place), what)


def gating(draft: Draft) -> Iterator[Problem]:
    """Yield components that cutover should not wait for although something that gates it needs them."""
    because = gated(draft)
    for name, component in draft.named().items():
        if component.text.gates_traffic is False and name in because:
            what = f"is false, but {because[name]!r}, which gates traffic, needs {name!r}"
            yield draft.document.at((*component.place, "gates_traffic"), what)


def rto_of_needs(draft: Draft) -> Iterator[Problem]:
    """Yield components that promise to be back before something they need."""
    named, found = draft.named(), objectives(draft)
    for name, component in named.items():
        for need in component.text.needs:
            if need in found and _comparable(draft, component, named[need]) and found[name].rto_s < found[need].rto_s:
                what = f"{_rto(component, found[name].rto_s)} is shorter than that of {need!r}, which it needs "
                yield draft.document.at(_at_rto(component), what + f"({in_words(found[need].rto_s)})")


def rto_of_system(draft: Draft) -> Iterator[Problem]:
    """Yield components that gate traffic and may take longer than the system."""
    found, limit_s = objectives(draft), draft.header.text.rto
    for name, component in draft.named().items():
        if _rto_known(component) and found[name].gates_traffic and found[name].rto_s > limit_s:
            what = f"{_rto(component, found[name].rto_s)} is longer than the system's ({in_words(limit_s)})"
            yield draft.document.at(_at_rto(component), f"{what}, and traffic waits for {name!r}")


def point_rto_of_needs(draft: Draft) -> Iterator[Problem]:
    """Yield components that promise to be back out of a recovery point before something they need is.

    Where neither of the two says anything about points, :func:`rto_of_needs` has said it.
    """
    named, found = draft.named(), objectives(draft)
    for name, component in named.items():
        for need in component.text.needs:
            if need not in found or not _comparable(draft, component, named[need]):
                continue
            own_s, other_s = found[name].point_rto_s, found[need].point_rto_s
            said = _says_point_rto(component, named[need]) and _points_known(component, named[need])
            if said and own_s < other_s:
                what = f"{_point_rto(component, own_s)} is shorter than that of {need!r}, which it needs, from a point "
                yield draft.document.at(_at_point_rto(component), what + f"({in_words(other_s)})")


def point_rto_of_system(draft: Draft) -> Iterator[Problem]:
    """Yield components that gate traffic and may take longer out of a recovery point than the system then.

    Where neither of the two says anything about points, :func:`rto_of_system` has said it.
    """
    found, header = objectives(draft), draft.header.text
    limit_s = header.from_point.rto or header.rto
    for name, component in draft.named().items():
        said = _points_known(component) and (header.from_point.rto is not None or _says_point_rto(component))
        if said and _rto_known(component) and found[name].gates_traffic and found[name].point_rto_s > limit_s:
            what = f"{_point_rto(component, found[name].point_rto_s)} is longer than the system's from a point "
            yield draft.document.at(
                _at_point_rto(component), f"{what}({in_words(limit_s)}), and traffic waits for {name!r}"
            )


def point_rpo_of_cadence(draft: Draft) -> Iterator[Problem]:
    """Yield components that promise to lose less out of a recovery point than lies between two of them."""
    cadence_s = every_s(draft)
    for component, rpo_s in promised_from_points(draft):
        if rpo_s < cadence_s:
            what = f"{in_words(rpo_s)} cannot be met: protect.every is {in_words(cadence_s)}"
            yield draft.document.at((*component.place, "from_point", "rpo"), what)


def rpo_of_cadence(draft: Draft) -> Iterator[Problem]:
    """Yield components without a live replica whose RPO is shorter than the time between two points."""
    cadence_s = every_s(draft)
    for component, rpo_s in bound_to_points(draft):
        if rpo_s < cadence_s:
            default = "" if component.text.rpo is not None else f", the default of tier {component.text.tier},"
            place: Place = (*component.place, "rpo")
            what = f"{in_words(rpo_s)}{default} cannot be met: standby {component.text.standby} recovers from points, "
            yield draft.document.at(place, what + f"and protect.every is {in_words(cadence_s)}")


def lock_and_keep(draft: Draft) -> Iterator[Problem]:
    """Yield a lock that outlasts the point, and a point that is gone before the next one is there."""
    protect = draft.header.text.protect
    if lock_s(draft) > protect.keep:
        what = f"{in_words(lock_s(draft))} is longer than protect.keep ({in_words(protect.keep)})"
        yield draft.document.at(("protect", "lock"), what)
    if protect.keep < every_s(draft):
        what = f"{in_words(protect.keep)} is shorter than protect.every ({in_words(every_s(draft))})"
        yield draft.document.at(("protect", "keep"), what)


def _comparable(draft: Draft, component: DraftComponent, need: DraftComponent) -> bool:
    """Defaults follow from what is built on a component; in a circle nothing follows, and only written ones count."""
    if not (_rto_known(component) and _rto_known(need)):
        return False
    return None not in (component.text.rto, need.text.rto) or next(cycles(draft), None) is None


def _rto_known(component: DraftComponent) -> bool:
    return {"tier", "rto"} <= component.sound


def _points_known(*components: DraftComponent) -> bool:
    return all("from_point" in component.sound for component in components)


def _says_point_rto(*components: DraftComponent) -> bool:
    return any(component.text.from_point.rto is not None for component in components)


def _at_point_rto(component: DraftComponent) -> Place:
    """Where the objective stands that holds out of a point; without one of its own it is the ordinary one."""
    return (*component.place, "from_point", "rto") if _says_point_rto(component) else _at_rto(component)


def _point_rto(component: DraftComponent, rto_s: float) -> str:
    return in_words(rto_s) if _says_point_rto(component) else _rto(component, rto_s)


def _at_rto(component: DraftComponent) -> Place:
    return (*component.place, "rto")


def _rto(component: DraftComponent, rto_s: float) -> str:
    default = "" if component.text.rto is not None else f" (default of tier {component.text.tier})"
    return f"{in_words(rto_s)}{default}"
