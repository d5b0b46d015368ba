"""The one file Airflow scans for plugins: it registers what lies in ``recovery_ops.airflow``."""

import sys
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from recovery_ops.airflow import warming
from recovery_ops.airflow.dashboard import METRICS, PREFIX, VIEWS, dashboard


def _apps() -> list[dict[str, Any]]:
    """Return the web applications; only the api-server needs them, and nobody else should pay for the import."""
    if "airflow.api_fastapi.app" not in sys.modules:
        return []
    from recovery_ops.airflow.metrics import app as metrics

    return [
        {"app": dashboard, "url_prefix": PREFIX, "name": "recovery-ops"},
        {"app": metrics, "url_prefix": METRICS, "name": "recovery-ops-metrics"},
    ]


class RecoveryOpsPlugin(AirflowPlugin):
    """Keeps the fork server warm, shows the dashboard and the metrics."""

    name = "recovery_ops"
    listeners = [warming]  # noqa: RUF012 - Airflow's own way to declare it
    fastapi_apps = _apps()
    external_views = VIEWS
