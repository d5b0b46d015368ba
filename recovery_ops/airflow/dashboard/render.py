"""From data to pages: templates of ours, everything escaped, nothing loaded from outside.

A page is sent whole; after that its script asks for the parts that live, which are the blocks named ``live_…``.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from recovery_ops.airflow.dashboard import PREFIX
from recovery_ops.airflow.dashboard.access import Visitor
from recovery_ops.reporting.html import CLOCKS
from recovery_ops.reporting.phrases import coded, duration, short, value

LIVE = "live_"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'self'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
DOCUMENT = HEADERS | {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; "
    "base-uri 'none'"
}
"""Of reports and playbooks: pages that bring their own style and have no script."""


def page(request: Request, name: str, who: Visitor, facts: Mapping[str, Any], *, status: int = 200) -> Response:
    """Return a page, or its living parts as JSON when the request asks with ``?live=1``."""
    template = environment().get_template(f"{name}.html.jinja")
    known = {
        "who": who, "prefix": PREFIX, "clock_names": CLOCKS, "active": name, "problem": None,
        "here": f"{PREFIX}{request.url.path.removeprefix(PREFIX)}", **facts,
    }  # fmt: skip
    if request.query_params.get("live"):
        context = template.new_context(known)
        parts = {
            block.removeprefix(LIVE): "".join(draw(context)).strip()
            for block, draw in template.blocks.items()
            if block.startswith(LIVE)
        }
        return JSONResponse({"parts": parts}, headers=HEADERS)
    return HTMLResponse(template.render(known), status_code=status, headers=HEADERS)


def document(html: str | bytes) -> Response:
    """Return a page that was made elsewhere in this project and needs no script."""
    return HTMLResponse(html, headers=DOCUMENT)


@cache
def environment() -> Environment:
    """Return the templates with the words and numbers that all pages share."""
    made = Environment(
        loader=PackageLoader("recovery_ops.airflow.dashboard", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"coded": coded, "duration": duration, "short": short, "value": value}
    made.filters |= {"time": _time, "moment": _moment, "ago": ago}
    macros = made.get_template("macros.html.jinja").module
    made.globals["ui"] = macros
    return made


def ago(seconds: float | None) -> str:
    """Return an age in coarse words."""
    if seconds is None:
        return "never"
    return "just now" if seconds < 10 else f"{duration(float(round(seconds)))} ago"


def _time(at: datetime | None) -> str:
    return "–" if at is None else f"{at:%H:%M:%S}"  # noqa: RUF001 - a dash of the right length


def _moment(at: datetime | None) -> str:
    return "–" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"  # noqa: RUF001 - a dash of the right length
