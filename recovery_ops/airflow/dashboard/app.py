"""The application that Airflow mounts at ``/recovery-ops``; every route asks Airflow who asks."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from recovery_ops.airflow.dashboard import METRICS, PREFIX, access, actions, pages
from recovery_ops.airflow.dashboard.render import HEADERS, environment
from recovery_ops.airflow.metrics import app as metrics
from recovery_ops.errors import RecoveryError

app = FastAPI(title="recovery-ops", docs_url=None, redoc_url=None, openapi_url=None)
app.include_router(pages.router)
app.include_router(actions.router)
OURS = "Runs go on without it. The log of Airflow's API server says why; `recovery-ops runs list` shows the same runs."


@app.exception_handler(HTTPException)
def refused(request: Request, error: HTTPException) -> Response:
    """Say what was refused, on a page with a way on."""
    unknown = error.status_code == 404 and error.detail == HTTPStatus.NOT_FOUND.phrase
    words = f"there is no page {request.url.path}" if unknown else str(error.detail)
    return _problem(request, error.status_code, words)


@app.exception_handler(RecoveryError)
def failed(request: Request, error: RecoveryError) -> Response:
    """Say what did not work."""
    return _problem(request, 503, error.message)


@app.exception_handler(Exception)
def broken(request: Request, error: Exception) -> Response:
    """Say that the fault is ours; Airflow logs it with its trace."""
    return _problem(request, 500, f"This page is broken ({type(error).__name__}). {OURS}")


def _problem(request: Request, status: int, words: str) -> Response:
    """Answer with a page that asks again by itself when waiting may help, and nothing would be done twice."""
    again = status == 503 and request.method == "GET"
    template = environment().get_template("problem.html.jinja")
    html = template.render(status=status, words=words, prefix=PREFIX, again=again)
    return HTMLResponse(html, status_code=status, headers=HEADERS)


def routes() -> list[dict[str, str]]:
    """Return every route of ours as ``docs/reference/routes.json`` lists it: method, path, role.

    Metrics have no role of Airflow: whoever scrapes shows a token.
    """
    scraped = [
        {"method": method, "path": f"{METRICS}{route.path}", "role": "token"}
        for route in metrics.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods)
    ]
    return scraped + [
        {"method": method, "path": f"{PREFIX}{route.path}", "role": access.role_of(_calls(route))}
        for route in app.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods)
    ]


def _calls(route: APIRoute) -> list[Callable[..., Any]]:
    return [item.call for item in route.dependant.dependencies if item.call is not None]
