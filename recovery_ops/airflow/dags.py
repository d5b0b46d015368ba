"""From a catalog to DAGs: to fail the system over, to recover each component, to protect it, to publish its playbook.

A broken catalog raises in its own DAG file only, and the other files load.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

from airflow.sdk import DAG, Param, get_parsing_context

from recovery_ops.airflow.detecting import FailOverOperator, JudgeOperator, TellOperator, detection_schedule
from recovery_ops.airflow.form import drill_form, recovery_form, tabletop_form
from recovery_ops.airflow.operators import PayDebtsOperator, PlaybookOperator, PrepareOperator, ProtectOperator
from recovery_ops.airflow.tabletop import build, tabletop_id
from recovery_ops.airflow.wiring import Wiring
from recovery_ops.catalog import load_catalog
from recovery_ops.drills.scenario_files import own_folder, playable
from recovery_ops.execution.systems import kind_specs, plan_for
from recovery_ops.model.detection import Detection
from recovery_ops.model.drills import DrillKind
from recovery_ops.model.plan import Mode
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import Component, System

TAG = "recovery-ops"
PLAYBOOK_EVERY = timedelta(hours=1)
DEBTS_EVERY_S = 60.0
"""AWS seconds between two looks whether a region is back."""
SHORTEST_CADENCE_S = 10.0
"""Points are not taken more often in wall seconds, however much time is scaled."""


def system_dags(dag_file: str) -> dict[str, DAG]:
    """Return the DAGs of the catalog that lies beside ``dag_file``, by DAG id.

    While a task runs, Airflow parses the file again for one DAG; only that one is built then.

    Raises:
        CatalogError: The catalog has problems; all of them, located. Airflow shows it as the file's import error.
        SettingsError: The environment has problems; shown the same way, before a run needs it.
    """
    Settings.from_environment()
    system = load_catalog(Path(dag_file).with_suffix(".yaml"), kind_specs())
    wanted = get_parsing_context().dag_id
    return {dag_id: build() for dag_id, build in _builders(system) if wanted in (None, dag_id)}


def failover_id(system: str) -> str:
    """Return the id of the DAG that moves ``system`` to another region."""
    return f"failover__{system}"


def failback_id(system: str) -> str:
    """Return the id of the DAG that brings ``system`` home."""
    return f"failback__{system}"


def drill_id(system: str) -> str:
    """Return the id of the DAG that holds drills of ``system``."""
    return f"drill__{system}"


def debts_id(system: str) -> str:
    """Return the id of the DAG that pays what ``system`` owes."""
    return f"debts__{system}"


def recover_id(system: str, component: str) -> str:
    """Return the id of the DAG that recovers one component of ``system``."""
    return f"recover__{system}__{component}"


def protect_id(system: str) -> str:
    """Return the id of the DAG that takes recovery points of ``system``."""
    return f"protect__{system}"


def playbook_id(system: str) -> str:
    """Return the id of the DAG that publishes the playbook of ``system``."""
    return f"playbook__{system}"


def detect_id(system: str) -> str:
    """Return the id of the DAG that judges the region that serves ``system``."""
    return f"detect__{system}"


def _builders(system: System) -> Iterator[tuple[str, Callable[[], DAG]]]:
    yield failover_id(system.name), partial(failover_dag, system)
    yield failback_id(system.name), partial(failback_dag, system)
    yield drill_id(system.name), partial(drill_dag, system)
    yield tabletop_id(system.name), partial(tabletop_dag, system)
    for component in system.components:
        yield recover_id(system.name, component.name), partial(component_dag, system, component)
    yield protect_id(system.name), partial(protect_dag, system)
    yield playbook_id(system.name), partial(playbook_dag, system)
    yield debts_id(system.name), partial(debts_dag, system)
    if system.detection is not None:
        yield detect_id(system.name), partial(detect_dag, system, system.detection)


def failover_dag(system: System) -> DAG:
    """Return the DAG that moves the whole system to another region."""
    plan = plan_for(system, _target(system), mode=Mode.FAILOVER)
    with _dag(failover_id(system.name), system, f"Fail {system.name} over to another region, or home") as dag:
        Wiring(system, plan).build()
    return dag


def failback_dag(system: System) -> DAG:
    """Return the DAG that brings the system home: debts and a recovery point first, then the moves of a failback."""
    plan = plan_for(system, system.home, mode=Mode.FAILBACK, impaired_region=_target(system))
    form = recovery_form(system, homeward=True)
    with _dag(failback_id(system.name), system, f"Bring {system.name} home to {system.home}", form) as dag:
        wiring = Wiring(system, plan)
        wiring.build()
        PrepareOperator(task_id="prepare", system=system.name) >> wiring.tasks["declare"]
    return dag


def drill_dag(system: System) -> DAG:
    """Return the DAG that holds drills of every kind: the tasks of a full one, of which smaller ones skip some."""
    plan = plan_for(system, _target(system), mode=Mode.DRILL, drill=DrillKind.FULL)
    description = f"Practise the recovery of {system.name} beside production, and remove it again"
    with _dag(drill_id(system.name), system, description, drill_form(system)) as dag:
        Wiring(system, plan).build()
    return dag


def tabletop_dag(system: System) -> DAG:
    """Return the DAG in which people talk through a scenario; one that is broken is not offered, and breaks no DAG."""
    scenarios = playable(own_folder(system))
    form = tabletop_form([scenario.name for scenario in scenarios])
    description = f"Talk through a disaster of {system.name}; nothing is touched"
    return build(_dag(tabletop_id(system.name), system, description, form), system, scenarios)


def component_dag(system: System, component: Component) -> DAG:
    """Return the DAG that recovers one component and leaves traffic alone."""
    plan = plan_for(system, _target(system), mode=Mode.COMPONENT, component=component.name)
    with _dag(recover_id(system.name, component.name), system, f"Recover {component.name} of {system.name}") as dag:
        Wiring(system, plan, component.name).build()
    return dag


def protect_dag(system: System) -> DAG:
    """Return the DAG that takes consistent recovery points on the catalog's cadence.

    It starts paused or not as ``[core] dags_are_paused_at_creation`` says; the local stack starts it paused.
    """
    every_s = max(system.protection.every_s * Settings.from_environment().time_factor, SHORTEST_CADENCE_S)
    with DAG(
        dag_id=protect_id(system.name),
        description=f"Take a consistent recovery point of {system.name}",
        schedule=timedelta(seconds=every_s),
        catchup=False,
        max_active_runs=1,
        tags=[TAG, system.name, "protect"],
    ) as dag:
        ProtectOperator(task_id="protect", system=system.name)
    return dag


def playbook_dag(system: System) -> DAG:
    """Return the DAG that publishes the playbook to every region, every hour and whenever it is triggered."""
    with DAG(
        dag_id=playbook_id(system.name),
        description=f"Publish the playbook of {system.name} to every region",
        schedule=PLAYBOOK_EVERY,
        catchup=False,
        max_active_runs=1,
        tags=[TAG, system.name, "playbook"],
    ) as dag:
        PlaybookOperator(task_id="publish", system=system.name)
    return dag


def debts_dag(system: System) -> DAG:
    """Return the DAG that looks every minute whether a region is back and pays what is owed there.

    The minute is how long a returned region may take writes of its own before it is fenced.
    """
    with DAG(
        dag_id=debts_id(system.name),
        description=f"Pay what {system.name} owes to regions that are back",
        schedule=timedelta(seconds=max(DEBTS_EVERY_S * Settings.from_environment().time_factor, SHORTEST_CADENCE_S)),
        catchup=False,
        max_active_runs=1,
        tags=[TAG, system.name, "debts"],
    ) as dag:
        PayDebtsOperator(task_id="pay", system=system.name)
    return dag


def detect_dag(system: System, policy: Detection) -> DAG:
    """Return the DAG that judges the region that serves: at once when an alarm changes, and on the policy's cadence.

    It starts paused or not as ``[core] dags_are_paused_at_creation`` says; the local stack starts it paused.
    """
    every_s = max(policy.every_s * Settings.from_environment().time_factor, SHORTEST_CADENCE_S)
    with DAG(
        dag_id=detect_id(system.name),
        description=f"Judge the health of {system.name} from outside, and act by policy",
        schedule=detection_schedule(system, policy, timedelta(seconds=every_s)),
        catchup=False,
        max_active_runs=1,
        tags=[TAG, system.name, "detection"],
        default_args={"owner": TAG, "weight_rule": "absolute"},
    ) as dag:
        judged = JudgeOperator(task_id="judge", system=system.name)
        judged >> FailOverOperator(task_id="fail-over", trigger_dag_id=failover_id(system.name))
        judged >> TellOperator(task_id="tell", system=system.name)
    return dag


def _target(system: System) -> str:
    """Return the region to build for: every direction has the same steps, and the run's own plan decides the rest."""
    return next(region for region in system.regions if region != system.home)


def _dag(dag_id: str, system: System, description: str, form: dict[str, Param] | None = None) -> DAG:
    """Return an empty recovery DAG; never paused, because a run of a paused DAG stays queued on the worst day."""
    return DAG(
        dag_id=dag_id,
        description=description,
        schedule=None,
        params=form or recovery_form(system),
        max_active_runs=1,
        is_paused_upon_creation=False,
        tags=[TAG, system.name],
        default_args={"owner": TAG, "weight_rule": "absolute"},
    )
