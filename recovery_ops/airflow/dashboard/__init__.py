"""The dashboard as Airflow's api-server serves it. Only :mod:`recovery_ops.airflow.dashboard.app` imports FastAPI."""

from typing import Any

PREFIX = "/recovery-ops"
"""Where Airflow mounts the pages."""
METRICS = "/recovery-ops-metrics"
"""Where it mounts the scrape endpoint."""
VIEWS = [
    {
        "name": "Recovery",
        "href": f"{PREFIX}/",
        "destination": "nav",
        "url_route": "recovery-ops",
        "nav_top_level": True,
        "icon": f"{PREFIX}/static/icon.svg",
        "icon_dark_mode": f"{PREFIX}/static/icon-dark.svg",
    },
    {
        "name": "Recovery",
        "href": f"{PREFIX}/dag-runs/{{DAG_ID}}/{{RUN_ID}}",
        "destination": "dag_run",
        "url_route": "recovery-run",
        "icon": f"{PREFIX}/static/icon.svg",
        "icon_dark_mode": f"{PREFIX}/static/icon-dark.svg",
    },
]
"""What Airflow's own pages link to: an entry of the navigation, and a tab of every DAG run."""


async def dashboard(scope: Any, receive: Any, send: Any) -> None:
    """Answer one request. Pages are imported at the first: scheduler and workers read plugins too, and need none."""
    from recovery_ops.airflow.dashboard.app import app

    await app(scope, receive, send)
