"""The page of one system: how its components hang together, what they could come back from, and how that changes."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from recovery_ops.model.findings import Severity
from recovery_ops.model.plan import Mode
from recovery_ops.model.readiness import Sweep
from recovery_ops.model.system import Component, System
from recovery_ops.reporting.dashboard import Lookout
from recovery_ops.reporting.dashboard_overview import overview, worst_rpo

SWEEPS, POINTS, RUNS = 40, 8, 20
BOX, GAP_X, GAP_Y = (148.0, 44.0), 66.0, 16.0
LANE = 6.0
"""Height of a way through a column, for what is needed further to the right."""
CHART = (420.0, 120.0)
SEVERITIES = (Severity.BLOCKER, Severity.WARNING, Severity.INFO)
"""The worst first."""


def system_page(lookout: Lookout, points: Mapping[str, Sequence[str]], now: datetime) -> dict[str, Any]:
    """Return everything the page of a system shows; ``points`` are ids of recovery points by region, newest first."""
    system, sweeps = lookout.system, lookout.sweeps(SWEEPS)
    newest = sweeps[0] if sweeps else None
    return {
        "line": overview(lookout, now),
        "system": system,
        "graph": graph(system, newest),
        "components": [_component(system, name, newest) for name in (item.name for item in system.components)],
        "findings": sorted(newest.open, key=lambda item: SEVERITIES.index(item.finding.severity)) if newest else [],
        "points": {region: [_point(point, now) for point in found[:POINTS]] for region, found in points.items()},
        "history": [run for run in lookout.summaries() if run.mode != Mode.DRILL][:RUNS],
        "trends": [chart for chart in (_rto_trend(system, sweeps), _rpo_trend(sweeps)) if chart],
    }


def graph(system: System, sweep: Sweep | None) -> dict[str, Any]:
    """Return boxes and edges of the components, in columns: each to the right of everything it needs.

    An edge over more than one column has a lane of its own in every column between, so that no box lies on it.
    """
    depth: dict[str, int] = {}
    for component in _ordered(system):
        depth[component.name] = max((depth[need] + 1 for need in component.needs if need in depth), default=0)
    needs = {
        name: [need for need in system.component(name).needs if depth.get(need, depth[name]) < depth[name]]
        for name in depth
    }
    columns = _slots(depth, needs)
    full = max((sum(height + GAP_Y for height in column.values()) for column in columns), default=0.0)
    middle = [_middles(column, full) for column in columns]
    boxes = [_box(system.component(name), sweep, level, middle[level][name]) for name, level in depth.items()]
    edges = [_edge(need, name, depth, middle) for name in depth for need in needs[name]]
    width = len(columns) * (BOX[0] + GAP_X) - GAP_X + 2
    return {"boxes": boxes, "edges": edges, "width": width, "height": round(full + 2, 1)}


def _slots(depth: Mapping[str, int], needs: Mapping[str, Sequence[str]]) -> list[dict[str, float]]:
    """Return the slots of each column with their heights, from the top: near what leads to them.

    A slot has the name of its component; a lane that of the component whose edges pass there.
    """
    columns: list[dict[str, float]] = [{} for _ in range(max(depth.values(), default=-1) + 1)]
    for name, level in depth.items():
        columns[level][name] = BOX[1]
        for need in needs[name]:
            for between in range(depth[need] + 1, level):
                columns[between][need] = LANE
    for left, right in pairwise(columns):
        place = {name: number / len(left) for number, name in enumerate(left)}
        heights = dict(right)
        right.clear()
        right.update(sorted(heights.items(), key=lambda slot: _beside(slot[0], needs, place)))
    return columns


def _beside(slot: str, needs: Mapping[str, Sequence[str]], place: Mapping[str, float]) -> float:
    """Return the mean place of what leads to a slot from the column on its left."""
    leading = [place[name] for name in ([slot] if slot in place else needs[slot]) if name in place]
    return sum(leading) / max(len(leading), 1)


def _middles(column: Mapping[str, float], full: float) -> dict[str, float]:
    """Return the middle of each slot of a column that stands in the middle of ``full``."""
    y = (full - sum(height + GAP_Y for height in column.values())) / 2
    found = {}
    for name, height in column.items():
        found[name] = round(y + (GAP_Y + height) / 2 + 1, 1)
        y += height + GAP_Y
    return found


def _box(component: Component, sweep: Sweep | None, level: int, middle: float) -> dict[str, Any]:
    return {
        "name": component.name, "x": _left(level), "y": middle - BOX[1] / 2, "w": BOX[0], "h": BOX[1],
        "kind": component.kind, "tier": str(component.tier), "needs": component.needs,
        "state": str(sweep.component_state(component.name)) if sweep else "not-known",
    }  # fmt: skip


def _left(level: int) -> float:
    return level * (BOX[0] + GAP_X) + 1


def _ordered(system: System) -> list[Any]:
    left, done, found = list(system.components), set[str](), []
    while left:
        ready = [item for item in left if set(item.needs) <= done] or left[:1]
        found += ready
        done |= {item.name for item in ready}
        left = [item for item in left if item.name not in done]
    return found


def _edge(need: str, name: str, depth: Mapping[str, int], middle: Sequence[Mapping[str, float]]) -> str:
    """Return the path from what is needed to what needs it: straight through lanes, bent only between columns."""
    x, y = _left(depth[need]) + BOX[0], middle[depth[need]][need]
    path = f"M{x:.1f} {y:.1f}"
    for level in range(depth[need] + 1, depth[name] + 1):
        last = level == depth[name]
        left, at = _left(level), middle[level][name if last else need]
        bend = (left - x) / 2
        path += f" C{x + bend:.1f} {y:.1f} {left - bend:.1f} {at:.1f} {left:.1f} {at:.1f}"
        x, y = left + BOX[0], at
        path += "" if last else f" H{x:.1f}"
    return path


def _component(system: System, name: str, sweep: Sweep | None) -> dict[str, Any]:
    component = system.component(name)
    ways = [way for way in sweep.directions if way.answered] if sweep else []
    live = worst_rpo([item for way in ways for item in way.recoverable if item.component == name])
    rto = max((found for way in ways if (found := way.prediction(name, "rto"))), key=lambda item: item.late_s or 0.0,
              default=None)  # fmt: skip
    return {
        "component": component,
        "rto": rto,
        "live": live,
        "state": str(sweep.component_state(name)) if sweep else "not-known",
        "findings": len(sweep.of(name)) if sweep else 0,
    }


def _point(point_id: str, now: datetime) -> dict[str, Any]:
    """The time stands in the id: ``p-<yyyymmddthhmmssz>-<4 hex>``."""
    try:
        at = datetime.strptime(point_id.split("-")[1], "%Y%m%dt%H%M%Sz").replace(tzinfo=UTC)
    except (ValueError, IndexError):
        return {"id": point_id, "at": None, "age_s": None}
    return {"id": point_id, "at": at, "age_s": (now - at).total_seconds()}


def _rto_trend(system: System, sweeps: Sequence[Sweep]) -> dict[str, Any] | None:
    found = []
    for sweep in reversed(sweeps):
        ways = [way for way in sweep.directions if way.answered]
        late = [item.late_s for way in ways for item in way.predictions
                if item.objective == "rto" and item.name in ("system", system.name) and item.late_s]  # fmt: skip
        if late:
            found.append((sweep.at, max(late)))
    return chart("Predicted RTO of the system", found, system.rto_s)


def _rpo_trend(sweeps: Sequence[Sweep]) -> dict[str, Any] | None:
    """Live RPO as share of its objective, worst component of each sweep."""
    found = []
    for sweep in reversed(sweeps):
        worst = worst_rpo([item for way in sweep.directions if way.answered for item in way.recoverable])
        if worst and worst.age_s is not None and worst.objective_s:
            found.append((sweep.at, worst.age_s / worst.objective_s * 100))
    return chart("Live RPO, worst component, in percent of its objective", found, 100.0, unit="%")


def chart(
    title: str, values: Sequence[tuple[datetime, float]], objective: float, unit: str = "s"
) -> dict[str, Any] | None:
    """Return a line with its objective in user units of ``CHART``; ``None`` for fewer than two values."""
    if len(values) < 2:
        return None
    width, height = CHART
    begin, length_s = values[0][0], max((values[-1][0] - values[0][0]).total_seconds(), 1.0)
    top = max(objective, *(value for _, value in values)) * 1.15
    points = [
        (round((at - begin).total_seconds() / length_s * width, 1), round(height - value / top * height, 1))
        for at, value in values
    ]
    return {
        "title": title,
        "unit": unit,
        "points": " ".join(f"{x},{y}" for x, y in points),
        "last": points[-1],
        "objective_y": round(height - objective / top * height, 1),
        "objective": objective,
        "newest": values[-1][1],
        "least": min(value for _, value in values),
        "most": max(value for _, value in values),
        "from": begin,
        "until": values[-1][0],
        "width": width,
        "height": height,
        "missed": values[-1][1] > objective,
    }
