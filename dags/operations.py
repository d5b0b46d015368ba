"""Airflow DAGs that keep every system recoverable; they come from the catalogs in this folder."""

from recovery_ops.airflow.operations import operations_dags

globals().update(operations_dags(__file__))
