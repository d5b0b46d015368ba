"""Housekeeping DAGs of every system whose catalog lies beside the DAG file: readiness, and whatever drills need.

A broken catalog is reported by its own DAG file; here it is left out, and the other systems keep their DAGs.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

from airflow.sdk import DAG, Param, get_parsing_context

from recovery_ops.airflow.dags import TAG, drill_id
from recovery_ops.airflow.operators import ClearDrillsOperator, ReadinessOperator, RestoreTestOperator
from recovery_ops.airflow.scheduling import ASK, CalendarOperator, StartDrillOperator
from recovery_ops.catalog import load_catalog, system_files
from recovery_ops.errors import CatalogError
from recovery_ops.execution.systems import kind_specs
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import System

WATCH_S = 60.0
"""Modelled seconds between two looks at whether a sweep is due: a changed catalog is swept within that time."""
CLEAR_S = 300.0
"""Modelled seconds between two looks whether a drill was left behind."""
RESTORE_TEST_S = 86_400.0
"""Modelled seconds between two restore tests."""
CALENDAR_S = 3600.0
"""Wall seconds between two looks at the drill calendar, which is one of days and hours for people: never scaled."""
SHORTEST_TEST_S = 600.0
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
    description = f"Ask whether {system.name} could be recovered now"
    with _housekeeping(readiness_id(system.name), system, description, every_s, "readiness") as dag:
        ReadinessOperator(task_id="sweep", system=system.name)
    return dag


def clear_id(system: str) -> str:
    """Return the id of the DAG that ends drills of ``system`` that were left behind."""
    return f"clear_drills__{system}"


def restore_test_id(system: str) -> str:
    """Return the id of the DAG that tests recovery points of ``system``."""
    return f"restore_test__{system}"


def clear_dag(system: System) -> DAG:
    """Return the DAG that looks every five minutes for drills whose runner is gone, and ends them."""
    every_s = max(CLEAR_S * Settings.from_environment().time_factor, SHORTEST_WATCH_S)
    description = f"Remove what drills of {system.name} left behind"
    with _housekeeping(clear_id(system.name), system, description, every_s, "drill", on_behalf=True) as dag:
        ClearDrillsOperator(task_id="clear", system=system.name)
    return dag


def restore_test_dag(system: System) -> DAG:
    """Return the DAG that restores one component from one recovery point every day, both taken by chance."""
    every_s = max(RESTORE_TEST_S * Settings.from_environment().time_factor, SHORTEST_TEST_S)
    description = f"Restore a component of {system.name} from a recovery point, beside production"
    with _housekeeping(
        restore_test_id(system.name), system, description, every_s, "restore-test", on_behalf=True
    ) as dag:
        RestoreTestOperator(task_id="test", system=system.name)
    return dag


def drills_id(system: str) -> str:
    """Return the id of the DAG that starts the drills of ``system`` that are due."""
    return f"drills__{system}"


def drills_dag(system: System) -> DAG:
    """Return the DAG that asks the drill calendar every hour and starts the drill that is due, if one may start.

    It starts paused or not as ``[core] dags_are_paused_at_creation`` says; the local stack starts it paused.
    """
    description = f"Start the drill of {system.name} that is due"
    with _housekeeping(drills_id(system.name), system, description, CALENDAR_S, "drill", on_behalf=True) as dag:
        asked = CalendarOperator(task_id=ASK, system=system.name)
        asked >> StartDrillOperator(task_id="start", trigger_dag_id=drill_id(system.name))
    return dag


def _housekeeping(
    dag_id: str, system: System, description: str, every_s: float, tag: str, *, on_behalf: bool = False
) -> DAG:
    return DAG(
        dag_id=dag_id,
        description=description,
        schedule=timedelta(seconds=every_s),
        catchup=False,
        max_active_runs=1,
        tags=[TAG, system.name, tag],
        params={"person": Param(None, type=["null", "string"])} if on_behalf else {},
        default_args={"owner": TAG},
    )


def _builders(folder: Path) -> Iterator[tuple[str, Callable[[], DAG]]]:
    for name, path in sorted(system_files(folder).items()):
        try:
            system = load_catalog(path, kind_specs())
        except CatalogError:
            continue  # the DAG file beside that catalog raises this error, located
        yield readiness_id(name), partial(readiness_dag, system)
        yield clear_id(name), partial(clear_dag, system)
        yield restore_test_id(name), partial(restore_test_dag, system)
        yield drills_id(name), partial(drills_dag, system)
