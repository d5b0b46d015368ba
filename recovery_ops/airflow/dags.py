"""From a catalog to DAGs: one that fails the system over, one per component, one that protects it.

A broken catalog raises in its own DAG file only, and the other files load.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, BaseOperator, TaskGroup, get_parsing_context

from recovery_ops.airflow.form import recovery_form
from recovery_ops.airflow.operators import (
    ApproveOperator,
    DeclareOperator,
    ProtectOperator,
    StepOperator,
    VerdictOperator,
)
from recovery_ops.catalog import load_catalog
from recovery_ops.execution.systems import kind_specs, plan_for
from recovery_ops.model.plan import Mode, Plan, Step, SystemStep
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import ApprovalMode, Component, System, Tier

WEIGHTS = {Tier.CRITICAL: 100, Tier.OPERATIONAL: 50, Tier.DEVELOPMENT: 10}
TAG = "recovery-ops"


def system_dags(dag_file: str) -> dict[str, DAG]:
    """Return the DAGs of the catalog that lies beside ``dag_file``, by DAG id.

    While a task runs, Airflow parses the file again for one DAG; only that one is built then.

    Raises:
        CatalogError: The catalog has problems; all of them, located. Airflow shows it as the file's import error.
    """
    system = load_catalog(Path(dag_file).with_suffix(".yaml"), kind_specs())
    wanted = get_parsing_context().dag_id
    return {dag_id: build() for dag_id, build in _builders(system) if wanted in (None, dag_id)}


def _builders(system: System) -> Iterator[tuple[str, Any]]:
    yield f"failover__{system.name}", lambda: failover_dag(system)
    for component in system.components:
        yield f"recover__{system.name}__{component.name}", lambda one=component: component_dag(system, one)
    yield f"protect__{system.name}", lambda: protect_dag(system)


def failover_dag(system: System) -> DAG:
    """Return the DAG that moves the whole system to another region."""
    plan = plan_for(system, _target(system), mode=Mode.FAILOVER)
    with _dag(f"failover__{system.name}", system, f"Fail {system.name} over to another region") as dag:
        _Builder(system, plan, Mode.FAILOVER).build()
    return dag


def component_dag(system: System, component: Component) -> DAG:
    """Return the DAG that recovers one component and leaves traffic alone."""
    plan = plan_for(system, _target(system), mode=Mode.COMPONENT, component=component.name)
    dag_id = f"recover__{system.name}__{component.name}"
    with _dag(dag_id, system, f"Recover {component.name} of {system.name} alone") as dag:
        _Builder(system, plan, Mode.COMPONENT, component.name).build()
    return dag


def protect_dag(system: System) -> DAG:
    """Return the DAG that takes consistent recovery points on the catalog's cadence."""
    every = timedelta(seconds=max(system.protection.every_s * Settings.from_environment().time_factor, 10))
    with DAG(
        dag_id=f"protect__{system.name}",
        description=f"Take a consistent recovery point of {system.name}",
        schedule=every,
        catchup=False,
        max_active_runs=1,
        tags=[TAG, "protect"],
    ) as dag:
        ProtectOperator(task_id="protect", system=system.name)
    return dag


def _target(system: System) -> str:
    return next(region for region in system.regions if region != system.home)


def _dag(dag_id: str, system: System, description: str) -> DAG:
    return DAG(
        dag_id=dag_id,
        description=description,
        schedule=None,
        params=recovery_form(system),
        max_active_runs=1,
        render_template_as_native_obj=False,
        tags=[TAG, system.name],
        default_args={"owner": "sre"},
    )


class _Builder:
    """Tasks of one plan, wired by what its steps need."""

    def __init__(self, system: System, plan: Plan, mode: Mode, component: str | None = None) -> None:
        self.system, self.plan, self.mode, self.component = system, plan, mode, component
        self.groups: dict[str, TaskGroup] = {}
        self.tasks: dict[str, BaseOperator] = {}

    def build(self) -> None:
        """Make every task, then every edge."""
        for step in self.plan.steps:
            self.tasks[step.id] = self._task(step)
        for step in self.plan.steps:
            for need in step.needs:
                self._first(step) << self.tasks[need]
        self.tasks["close"] >> VerdictOperator(task_id="verdict", trigger_rule="all_done", priority_weight=200)
        self._undo()

    def _first(self, step: Step) -> BaseOperator:
        return self.tasks.get(f"ask:{step.id}", self.tasks[step.id])

    def _undo(self) -> None:
        if SystemStep.ROLLBACK in self.tasks:
            self.tasks[SystemStep.CUTOVER] >> self.tasks[SystemStep.ROLLBACK]
            self.tasks[SystemStep.ROLLBACK] >> self.tasks[SystemStep.CLOSE]

    def _task(self, step: Step) -> BaseOperator:
        if step.component is not None:
            return self._component_task(step)
        common: dict[str, Any] = {"task_id": step.id, "priority_weight": 150, "weight_rule": "absolute"}
        if step.id == SystemStep.DECLARE:
            return DeclareOperator(system=self.system.name, mode=self.mode, component=self.component, **common)
        if step.id == SystemStep.APPROVE:
            return self._approval(common)
        return StepOperator(step=step.id, trigger_rule=_RULES.get(step.id, "all_success"), **common)

    def _component_task(self, step: Step) -> BaseOperator:
        component = self.system.component(step.component or "")
        group = self.groups.get(component.name)
        if group is None:
            group = self.groups[component.name] = TaskGroup(group_id=component.name, tooltip=component.kind)
        with group:
            return StepOperator(
                task_id=step.phase,
                step=step.id,
                priority_weight=WEIGHTS[component.tier],
                weight_rule="absolute",
            )

    def _approval(self, common: dict[str, Any]) -> BaseOperator:
        policy = self.system.approval
        if policy.mode_for(self.system.lead_tier) is ApprovalMode.AUTO:
            return ApproveOperator(**common)
        seconds = max(policy.timeout_s * Settings.from_environment().time_factor, 10)
        people = sorted({name for role in policy.approvers for name in self.system.people.get(role, ())})
        asked = ApprovalOperator(
            task_id="ask",
            subject=f"Move traffic of {self.system.name} to {{{{ params.target_region }}}}?",
            body="Every gate has passed. Reason of the run: {{ params.reason }}",
            response_timeout=timedelta(seconds=seconds),
            defaults="Reject",
            assigned_users=[{"id": name, "name": name} for name in people],
            fail_on_reject=False,
            ignore_downstream_trigger_rules=False,
        )
        self.tasks["ask:approve"] = asked
        task = ApproveOperator(asked_in="ask", trigger_rule="none_failed", **common)
        asked >> task
        return task


_RULES: dict[str, str] = {SystemStep.ROLLBACK: "one_failed", SystemStep.CLOSE: "all_done"}
