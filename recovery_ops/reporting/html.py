"""A report as one page: no script, no request to anywhere, readable on paper. Made from ``report.json`` alone."""

import json
from collections.abc import Mapping
from datetime import datetime
from itertools import groupby

from recovery_ops.reporting.facts import Json
from recovery_ops.reporting.timeline import picture

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
ABSENT = "not measured"
MINUS, DASH = "\u2212", "\u2013"


def render(report: Json) -> str:
    """Return the HTML page of a report from :func:`recovery_ops.reporting.report`; everything in it is escaped."""
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
        "clock": clock,
        "day": day,
        "value": value,
        "offset": offset,
        "short": short,
    }
    page = environment.get_template(TEMPLATE)
    return page.render(
        r=report,
        clock_names=CLOCKS,
        picture=picture(report),
        bars=[bar(item) for item in report["objectives"]],
        checks_of=checks_of(report),
        headline=headline(report),
    )


def duration(seconds: float | None) -> str:
    """Return seconds as people say them: ``0.34 s``, ``12.4 s``, ``4 min 12 s``, ``1 h 05 min``, ``3 d 2 h``."""
    if seconds is None:
        return ABSENT
    sign, length = (MINUS if seconds < 0 else ""), abs(seconds)
    if length < 1:
        return f"{sign}{length:.2f}\u00a0s"
    if length < 59.95:
        return f"{sign}{length:.1f}\u00a0s".replace(".0\u00a0s", "\u00a0s")
    whole = round(length)
    if whole < 3600:
        return f"{sign}{whole // 60}\u00a0min" + (f"\u00a0{whole % 60:02d}\u00a0s" if whole % 60 else "")
    if whole < 86400:
        return f"{sign}{whole // 3600}\u00a0h" + (f"\u00a0{whole % 3600 // 60:02d}\u00a0min" if whole % 3600 else "")
    return f"{sign}{whole // 86400}\u00a0d" + (f"\u00a0{whole % 86400 // 3600}\u00a0h" if whole % 86400 // 3600 else "")


def clock(at: str | None) -> str:
    """Return the time of day with milliseconds."""
    return ABSENT if at is None else f"{datetime.fromisoformat(at):%H:%M:%S.%f}"[:-3]


def day(at: str | None) -> str:
    """Return date and minute."""
    return ABSENT if at is None else f"{datetime.fromisoformat(at):%d %B %Y, %H:%M:%S} UTC".lstrip("0")


def offset(at: str | None, since: str | None) -> str:
    """Return how long after ``since`` something was."""
    if at is None or since is None:
        return ""
    found = duration((datetime.fromisoformat(at) - datetime.fromisoformat(since)).total_seconds())
    return found if found.startswith(MINUS) else f"+{found}"


def value(given: object) -> str:
    """Return a value of a check as text: numbers to six digits, structures as JSON."""
    if given is None:
        return DASH
    if isinstance(given, bool):
        return "yes" if given else "no"
    if isinstance(given, float):
        return f"{given:.6g}"
    if isinstance(given, str):
        return given
    return json.dumps(given, ensure_ascii=False, sort_keys=True)


def short(digest: str | None, length: int = 12) -> str:
    """Return the beginning of a hash."""
    return DASH if not digest else digest[:length]


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
    what = {"failover": "Failover", "failback": "Failback", "drill": "Drill", "component": "Component recovery"}
    return {
        "what": what.get(str(report["classification"]["mode"]), "Run"),
        "route": f"{scope['impaired_region'] or '?'} \u2192 {scope['recovery_region'] or '?'}",
        "where": report["result"]["serving_region"],
    }
