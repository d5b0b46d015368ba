"""The one file Airflow scans for plugins: it registers what lies in ``recovery_ops.airflow``."""

from airflow.plugins_manager import AirflowPlugin

from recovery_ops.airflow import warming


class RecoveryOpsPlugin(AirflowPlugin):
    """Keeps the fork server warm."""

    name = "recovery_ops"
    listeners = [warming]  # noqa: RUF012 - Airflow's own way to declare it
