"""The page of one system: how its components hang together, what they could come back from, and how that changes."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from recovery_ops.model.findings import Severity
from recovery_ops.model.plan import Mode
from recovery_ops.model.readiness import Sweep
from recovery_ops.model.system import System
from recovery_ops.reporting.dashboard import Lookout
from recovery_ops.reporting.dashboard_overview import overview, worst_rpo

SWEEPS, POINTS, RUNS = 40, 8, 20
BOX, GAP_X, GAP_Y = (148.0, 44.0), 66.0, 16.0
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
    """Return boxes and edges of the components, in columns: each to the right of everything it needs."""
    depth: dict[str, int] = {}
    for component in _ordered(system):
        depth[component.name] = max((depth[need] + 1 for need in component.needs if need in depth), default=0)
    columns: dict[int, list[str]] = {}
    for name, level in depth.items():
        columns.setdefault(level, []).append(name)
    width, height = BOX
    tallest = max((len(names) for names in columns.values()), default=1)
    full = tallest * (height + GAP_Y)
    boxes: dict[str, dict[str, Any]] = {}
    for level, names in columns.items():
        top = (full - len(names) * (height + GAP_Y)) / 2
        for number, name in enumerate(names):
            y = top + number * (height + GAP_Y) + GAP_Y / 2
            component = system.component(name)
            state = str(sweep.component_state(name)) if sweep else "not-known"
            boxes[name] = {
                "name": name, "x": level * (width + GAP_X) + 1, "y": round(y, 1), "w": width, "h": height,
                "kind": component.kind, "tier": str(component.tier), "state": state, "needs": component.needs,
            }  # fmt: skip
    edges = [_edge(boxes[need], boxes[name]) for name in boxes for need in boxes[name]["needs"] if need in boxes]
    full_width = (max(columns, default=0) + 1) * (width + GAP_X) - GAP_X + 2
    return {"boxes": list(boxes.values()), "edges": edges, "width": full_width, "height": round(full + 2, 1)}


def _ordered(system: System) -> list[Any]:
    left, done, found = list(system.components), set[str](), []
    while left:
        ready = [item for item in left if set(item.needs) <= done] or left[:1]
        found += ready
        done |= {item.name for item in ready}
        left = [item for item in left if item.name not in done]
    return found


def _edge(start: Mapping[str, Any], end: Mapping[str, Any]) -> str:
    x1, y1 = start["x"] + start["w"], start["y"] + start["h"] / 2
    x2, y2 = end["x"], end["y"] + end["h"] / 2
    bend = max((x2 - x1) / 2, 20.0)
    return f"M{x1:.1f} {y1:.1f} C{x1 + bend:.1f} {y1:.1f} {x2 - bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"


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
