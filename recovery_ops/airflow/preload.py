"""Imported once in Airflow's fork server, so that tasks start with the heavy packages in memory.

Measured on Airflow 3.3.2 with two cores: a task that imports Great Expectations itself costs about 10 s, a forked one
about 0.3 s; what Airflow itself imports in every task process before it runs anything costs another 0.5 s.
"""

import contextlib
import importlib
import os

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import recovery_ops.aws.clients
import recovery_ops.kinds
import recovery_ops.quality.suites

IN_EVERY_TASK = (
    "airflow.dag_processing.bundles.local",
    "airflow.dag_processing.dagbag",
    "airflow.executors.local_executor",
    "airflow.observability.metrics.stats_utils",
    "airflow.providers.standard.operators.hitl",
    "airflow.sdk.execution_time.hitl",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "asgiref.sync",
    "jinja2.ext",
    "setproctitle",
)
"""What Airflow's task process imports; one that a later Airflow does not have is left to the task itself."""
OURS = (
    "boto3",
    "pandas",
    "psycopg",
    "pyarrow.parquet",
    "recovery_ops.airflow.dags",
    "recovery_ops.drills.settling",
    "recovery_ops.execution.declare",
    "recovery_ops.execution.protecting",
    "recovery_ops.execution.steps",
    "recovery_ops.execution.systems",
    "recovery_ops.reporting.publish",
)

for name in IN_EVERY_TASK:
    with contextlib.suppress(ModuleNotFoundError):
        importlib.import_module(name)
for name in OURS:
    importlib.import_module(name)
recovery_ops.quality.suites.preload()
recovery_ops.kinds.all_kinds()
recovery_ops.aws.clients.preload()
