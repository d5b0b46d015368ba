"""The one file Airflow scans for plugins; recovery-ops needs none yet, so that it registers a name only."""

from airflow.plugins_manager import AirflowPlugin


class RecoveryOpsPlugin(AirflowPlugin):
    """Shows recovery-ops in the list of plugins."""

    name = "recovery_ops"
