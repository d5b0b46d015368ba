"""Housekeeping DAGs of every system whose catalog lies beside the DAG file: so far, readiness sweeps.

A broken catalog is reported by its own DAG file; here it is left out, and the other systems keep their DAGs.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

from airflow.sdk import DAG, get_parsing_context

from recovery_ops.airflow.dags import TAG
from recovery_ops.airflow.operators import ReadinessOperator
from recovery_ops.catalog import load_catalog, system_files
from recovery_ops.errors import CatalogError
from recovery_ops.execution.systems import kind_specs
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import System

WATCH_S = 60.0
"""Modelled seconds between two looks at whether a sweep is due: a changed catalog is swept within that time."""
SHORTEST_WATCH_S = 30.0
"""Wall seconds between two looks at least, however much time is scaled."""


def operations_dags(dag_file: str) -> dict[str, DAG]:
    """Return the housekeeping DAGs of every catalog in the folder of ``dag_file``, by DAG id."""
    wanted = get_parsing_context().dag_id
    return {dag_id: build() for dag_id, build in _builders(Path(dag_file).parent) if wanted in (None, dag_id)}


def readiness_id(system: str) -> str:
    """Return the id of the DAG that sweeps the readiness of ``system``."""
    return f"readiness__{system}"


def readiness_dag(system: System) -> DAG:
    """Return the DAG that sweeps every 15 minutes, and within a minute after the catalog has changed.

    It starts paused or not as ``[core] dags_are_paused_at_creation`` says; the local stack starts it paused.
    """
    every_s = max(WATCH_S * Settings.from_environment().time_factor, SHORTEST_WATCH_S)
    with DAG(
        dag_id=readiness_id(system.name),
        description=f"Ask whether {system.name} could be recovered now",
        schedule=timedelta(seconds=every_s),
        catchup=False,
        max_active_runs=1,
        tags=[TAG, system.name, "readiness"],
        default_args={"owner": TAG},
    ) as dag:
        ReadinessOperator(task_id="sweep", system=system.name)
    return dag


def _builders(folder: Path) -> Iterator[tuple[str, Callable[[], DAG]]]:
    for name, path in sorted(system_files(folder).items()):
        try:
            system = load_catalog(path, kind_specs())
        except CatalogError:
            continue  # the DAG file beside that catalog raises this error, located
        yield readiness_id(name), partial(readiness_dag, system)
