"""Grafana dashboards as JSON, made from the list of metrics: one for whoever is on call, one with every metric.

``python -m recovery_ops.reporting.grafana deploy/grafana/dashboards`` writes them. They refer to the data source by a
variable, so that they work in any Grafana.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recovery_ops.reporting.metric_list import METRICS, Group, Kind, Metric

Json = dict[str, Any]

SOURCE = {"type": "prometheus", "uid": "${source}"}
SYSTEMS = '{system=~"$system"}'
SCHEMA_VERSION = 39
"""Of Grafana 11 and later."""
COLUMNS = 24
READY = ', state=~"ready.*"'
RED, AMBER, GREEN = "red", "orange", "green"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel. ``queries`` are PromQL with their legends; ``red_from`` colours values from there on."""

    title: str
    queries: Sequence[tuple[str, str]]
    unit: str = "short"
    kind: str = "timeseries"
    text: str = ""
    width: int = 8
    red_from: float | None = None
    good_is: float | None = None
    row: str = ""


def _of(name: str, labels: str = "") -> str:
    return f'recovery_ops_{name}{{system=~"$system"{labels}}}'


ON_CALL = (
    Panel(
        row="Is everything all right?", title="Can be recovered now", kind="stat", good_is=1, width=4,
        queries=[(f"max by (system) ({_of('readiness', READY)})", "{{system}}")],
    ),
    Panel(
        title="RPO used (worst)", kind="stat", unit="percentunit", red_from=1, width=4,
        queries=[(f"max by (system) (recovery_ops:rpo_used:ratio{SYSTEMS})", "{{system}}")],
    ),
    Panel(
        title="Predicted RTO used", kind="stat", unit="percentunit", red_from=1, width=4,
        queries=[('recovery_ops:predicted_rto:ratio{system=~"$system", component=""}', "{{system}} to {{region}}")],
    ),
    Panel(
        title="Plan proven", kind="stat", good_is=1, width=4,
        queries=[(_of("plan_proven"), "{{system}} to {{region}}")],
    ),
    Panel(
        title="Open debts", kind="stat", red_from=1, width=4,
        queries=[(f"sum by (system) ({_of('open_debts')})", "{{system}}")],
    ),
    Panel(
        title="Since the last full drill", kind="stat", unit="s", width=4, text="More than 50 years means never.",
        queries=[(f"recovery_ops:drill_age:seconds{SYSTEMS}", "{{system}}")],
    ),
    Panel(
        row="The run that is open", title="RTO: used, forecast, objective", unit="s", width=12,
        queries=[
            (_of("run_rto_elapsed_seconds"), "{{system}} used"),
            (_of("run_rto_forecast_seconds"), "{{system}} forecast"),
            (_of("run_rto_objective_seconds"), "{{system}} objective"),
        ],
    ),
    Panel(
        title="State of the run", kind="state-timeline", width=12,
        queries=[(f"{_of('run_state')} == 1", "{{system}} {{slot}} {{state}}")],
    ),
    Panel(
        row="Protection", title="RPO: age against objective", unit="s", width=12,
        queries=[
            (_of("rpo_age_seconds"), "{{system}} {{component}} in {{region}}"),
            (_of("rpo_objective_seconds"), "{{system}} {{component}} objective"),
        ],
    ),
    Panel(
        title="Points that failed", width=6,
        queries=[(f"increase({_of('protection_failures_total')}[1h])", "{{system}}")],
    ),
    Panel(
        title="Findings", width=6,
        queries=[(f"sum by (system, severity) ({_of('findings')})", "{{system}} {{severity}}")],
    ),
    Panel(
        row="What recoveries take", title="Steps, ninetieth percentile", unit="s", width=12,
        queries=[(f"recovery_ops:step_duration_seconds:p90{SYSTEMS}", "{{system}} {{component}}.{{phase}}")],
    ),
    Panel(
        title="Predicted RTO against objective", unit="s", width=12,
        queries=[
            (_of("predicted_rto_late_seconds", ', component=""'), "{{system}} to {{region}}"),
            (_of("rto_objective_seconds", ', component=""'), "{{system}} objective"),
        ],
    ),
)  # fmt: skip


def dashboards() -> dict[str, Json]:
    """Return every dashboard by the name of its file."""
    return {
        "on-call.json": _dashboard("recovery-ops-on-call", "Recovery: on call", ON_CALL),
        "all-metrics.json": _dashboard("recovery-ops-all", "Recovery: every metric", list(_every_metric())),
    }


def _every_metric() -> Iterable[Panel]:
    for group in Group:
        row = str(group)
        for metric in METRICS:
            if metric.group is group:
                yield replace(_panel_of(metric), row=row)
                row = ""


def _panel_of(metric: Metric) -> Panel:
    chosen = SYSTEMS if "system" in metric.labels else ""
    legend = " ".join(f"{{{{{name}}}}}" for name in metric.labels) or metric.name
    if metric.kind is Kind.HISTOGRAM:
        labels = ", ".join(metric.labels)
        query = f"histogram_quantile(0.9, sum by (le, {labels}) ({metric.name}_bucket{chosen}))"
    elif metric.kind is Kind.COUNTER:
        query = f"increase({metric.name}{chosen}[1h])"
    elif metric.unit == "timestamp":
        query = f"time() - ({metric.name}{chosen} > 0)"
    else:
        query = f"{metric.name}{chosen}"
    unit = "s" if metric.unit in ("seconds", "timestamp") else "short"
    return Panel(title=metric.name, queries=[(query, legend)], unit=unit, text=metric.help)


def _dashboard(uid: str, title: str, panels: Sequence[Panel]) -> Json:
    return {
        "uid": uid,
        "title": title,
        "tags": ["recovery-ops"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": False,
        "refresh": "15s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "utc",
        "templating": {"list": [_source(), _system()]},
        "panels": list(_placed(panels)),
    }


def _source() -> Json:
    return {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"}


def _system() -> Json:
    query = "label_values(recovery_ops_record_readable, system)"
    return {
        "name": "system", "label": "System", "type": "query", "datasource": SOURCE, "query": query, "definition": query,
        "refresh": 2, "includeAll": True, "allValue": ".*", "multi": True, "sort": 1,
        "current": {"text": ["All"], "value": ["$__all"]},
    }  # fmt: skip


def _placed(panels: Sequence[Panel]) -> Iterable[Json]:
    """Yield panels with rows, left to right and top to bottom."""
    number, x, y, height = 0, 0, 0, 8
    for panel in panels:
        if panel.row:
            y += height if x else 0
            number += 1
            yield {
                "id": number, "type": "row", "title": panel.row, "collapsed": False, "panels": [],
                "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": y},
            }  # fmt: skip
            x, y = 0, y + 1
        if x + panel.width > COLUMNS:
            x, y = 0, y + height
        number += 1
        yield _drawn(panel, number, {"h": height, "w": panel.width, "x": x, "y": y})
        x += panel.width


def _drawn(panel: Panel, number: int, place: Json) -> Json:
    targets = [
        {"refId": chr(ord("A") + index), "datasource": SOURCE, "expr": expression, "legendFormat": legend}
        for index, (expression, legend) in enumerate(panel.queries)
    ]
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.text,
        "datasource": SOURCE,
        "gridPos": place,
        "targets": targets,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, **_colours(panel)}, "overrides": []},
        "options": _options(panel),
    }


def _colours(panel: Panel) -> Json:
    if panel.good_is is not None:
        steps = [{"color": RED, "value": None}, {"color": GREEN, "value": panel.good_is}]
        words = {"0": {"text": "no", "color": RED}, "1": {"text": "yes", "color": GREEN}}
        return {"thresholds": {"mode": "absolute", "steps": steps}, "mappings": [{"type": "value", "options": words}]}
    steps = [{"color": GREEN, "value": None}]
    if panel.red_from is not None:
        near = [{"color": AMBER, "value": 0.8 * panel.red_from}] if panel.unit == "percentunit" else []
        steps += [*near, {"color": RED, "value": panel.red_from}]
    return {"thresholds": {"mode": "absolute", "steps": steps}, "mappings": []}


def _options(panel: Panel) -> Json:
    if panel.kind == "stat":
        return {"colorMode": "background", "textMode": "value_and_name", "reduceOptions": {"calcs": ["lastNotNull"]}}
    return {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}


def as_text(dashboard: Json) -> str:
    """Return a dashboard as the text of its file."""
    return json.dumps(dashboard, indent=2) + "\n"


def main(folder: Path) -> None:
    """Write every dashboard to ``folder``."""
    for name, dashboard in dashboards().items():
        (folder / name).write_text(as_text(dashboard))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
