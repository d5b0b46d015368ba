"""Airflow DAGs that recover this system; edit the catalog beside this file, not this file."""

from recovery_ops.airflow.dags import system_dags

globals().update(system_dags(__file__))
