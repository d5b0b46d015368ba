"""A report as one page: no script, no request to anywhere, readable on paper. Made from ``report.json`` alone."""

from collections.abc import Mapping
from itertools import groupby
from typing import TYPE_CHECKING

from recovery_ops.reporting.facts import Json
from recovery_ops.reporting.phrases import change, clock, coded, day, duration, offset, short, value
from recovery_ops.reporting.story import story
from recovery_ops.reporting.timeline import picture
from recovery_ops.reporting.trend import kind_of
from recovery_ops.reporting.trend_picture import trend_picture

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATE = "report.html.jinja"
CLOCKS = {
    "T0": "impact",
    "T1": "detected",
    "T2": "decided",
    "T3": "run started",
    "T4": "data rehydrated",
    "T5": "models serving",
    "T6": "verified",
    "T7": "cutover effective, as a client sees it",
    "T8": "healthy, and stayed so for the soak",
    "T9": "protected again outside the impaired region",
}


def render(report: Json) -> str:
    """Return the HTML page of a report from :func:`recovery_ops.reporting.report`; everything in it is escaped."""
    return _template(TEMPLATE).render(
        r=report,
        clock_names=CLOCKS,
        picture=picture(report),
        bars=[bar(item) for item in report["objectives"]],
        checks_of=checks_of(report),
        headline=headline(report),
        story=story(report),
    )


def render_summary(report: Json) -> str:
    """Return one page for those who decide and do not operate."""
    return _template("summary.html.jinja").render(r=report, headline=headline(report), story=story(report))


def render_trend(trend: Json) -> str:
    """Return the page of :func:`recovery_ops.reporting.trend.trend`."""
    return _template("trend.html.jinja").render(t=trend, picture=trend_picture(trend))


def _template(name: str) -> "Template":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("recovery_ops.reporting", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "duration": duration,
        "change": change,
        "clock": clock,
        "coded": coded,
        "day": day,
        "value": value,
        "offset": offset,
        "short": short,
        "kind_of": kind_of,
    }
    return environment.get_template(name)


def bar(item: Json) -> Json:
    """Return an objective with the lengths of its bar: achieved and objective in percent of what is longer."""
    longest = max(item["objective_s"] or 0.0, item["achieved_s"] or 0.0) * 1.04 or 1.0
    achieved, objective = item["achieved_s"], item["objective_s"]
    return item | {
        "achieved_pc": None if achieved is None else round(max(achieved / longest * 100, 0.6), 2),
        "objective_pc": None if objective is None else round(objective / longest * 100, 2),
    }


def checks_of(report: Json) -> list[tuple[str, list[Json]]]:
    """Return the checks by component, components in the order of the plan."""
    order = {name: number for number, name in enumerate(report["scope"]["components"])}
    ranked = sorted(report["verification"], key=lambda check: order.get(check["component"], len(order)))
    return [(name, list(checks)) for name, checks in groupby(ranked, key=lambda check: str(check["component"]))]


def headline(report: Json) -> Mapping[str, str | None]:
    """Return what ran, from where to where, and where clients are answered now."""
    scope = report["scope"]
    drill = report["classification"]["drill_type"]
    what = {"failover": "Failover", "failback": "Failback", "drill": "Drill", "component": "Component recovery"}
    route = f"{scope['impaired_region'] or '?'} \u2192 {scope['recovery_region'] or '?'}"
    return {
        "what": f"{drill} drill".capitalize() if drill else what.get(str(report["classification"]["mode"]), "Run"),
        "route": "which was not touched" if report["tabletop"] else route,
        "where": report["result"]["serving_region"],
    }
