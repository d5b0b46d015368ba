"""From a plan to tasks: a group per component, a task per step, an edge per need."""

from typing import Any

from airflow.sdk import BaseOperator, TaskGroup

from recovery_ops.airflow.approval import WATCH, ApproveOperator, WatchOperator, approval_task
from recovery_ops.airflow.notifying import RunNotifier
from recovery_ops.airflow.operators import DeclareOperator, RollbackOperator, StepOperator, VerdictOperator
from recovery_ops.model.plan import Mode, Plan, Step, SystemStep
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import Component, System, Tier
from recovery_ops.planning.estimates import remaining_s

LONGEST = 10_000
"""More seconds than the rest of a plan usually takes: tiers are further apart than steps of one tier."""
WEIGHTS = {Tier.CRITICAL: 3 * LONGEST, Tier.OPERATIONAL: 2 * LONGEST, Tier.DEVELOPMENT: LONGEST}
SYSTEM_WEIGHT = 4 * LONGEST
"""System steps go first: everybody waits for them."""


class Wiring:
    """Makes the tasks of ``plan`` in the DAG that is open; task ids are step ids.

    Used for the whole system and for one component alike, so that a component recovers the same way in both.
    """

    def __init__(self, system: System, plan: Plan, component: str | None = None) -> None:
        self.system, self.plan, self.component = system, plan, component
        self.remaining_s = remaining_s(plan.steps)
        self.groups: dict[str, TaskGroup] = {}
        self.tasks: dict[str, BaseOperator] = {}

    def build(self) -> None:
        """Make every task, then every edge."""
        self.tasks |= {step.id: self._task(step) for step in self.plan.steps}
        for step in self.plan.steps:
            for need in step.needs:
                self.tasks[step.id].set_upstream(self.tasks[need])
        self._watch()
        self._undo()
        self._end()

    def _watch(self) -> None:
        asks = self.tasks.get(SystemStep.APPROVE)
        if isinstance(asks, ApproveOperator):
            WatchOperator(task_id=WATCH).set_upstream([self.tasks[need] for need in sorted(asks.upstream_task_ids)])

    def _undo(self) -> None:
        if SystemStep.ROLLBACK in self.tasks:
            self.tasks[SystemStep.ROLLBACK].set_upstream([self.tasks[step] for step in RollbackOperator.AFTER])

    def _end(self) -> None:
        """Close when no step runs any more, whatever became of each, and judge after that."""
        close = self.tasks[SystemStep.CLOSE]
        first_of_all = self.tasks.get(SystemStep.CLEAN_UP, close)
        lasts = {step.component: step.id for step in self.plan.steps if step.component}
        waited_for = {*lasts.values(), *({SystemStep.ROLLBACK} & self.tasks.keys())} - first_of_all.upstream_task_ids
        first_of_all.set_upstream([self.tasks[step_id] for step_id in sorted(waited_for)])
        verdict = VerdictOperator(
            task_id="verdict",
            trigger_rule="all_done",
            priority_weight=SYSTEM_WEIGHT,
            on_success_callback=self._telling("resolved"),
            on_failure_callback=self._telling("update"),
        )
        verdict.set_upstream(close)

    def _task(self, step: Step) -> BaseOperator:
        if step.component is not None:
            return self._component_task(step, self.system.component(step.component))
        common: dict[str, Any] = {"task_id": step.id, "priority_weight": SYSTEM_WEIGHT}
        match SystemStep(step.id):
            case SystemStep.DECLARE:
                return DeclareOperator(
                    system=self.system.name,
                    mode=self.plan.mode,
                    component=self.component,
                    on_success_callback=self._telling("declared"),
                    **common,
                )
            case SystemStep.APPROVE:
                return approval_task(self.system, Settings.from_environment().time_factor, **common)
            case SystemStep.ROLLBACK:
                return RollbackOperator(**common)
            case SystemStep.CLEAN_UP | SystemStep.CLOSE:
                return StepOperator(step=step.id, trigger_rule="all_done", **common)
        return StepOperator(step=step.id, **self._rule, **common)

    @property
    def _rule(self) -> dict[str, Any]:
        """A drill has tasks for more than it may take in; those that it does without are skipped, not in the way."""
        return {"trigger_rule": "none_failed"} if self.plan.mode is Mode.DRILL else {}

    def _telling(self, moment: str) -> list[RunNotifier]:
        """Return who tells people when a task has ended; nobody when the catalog names nobody."""
        return [RunNotifier(system=self.system.name, moment=moment)] if self.system.notify else []

    def _component_task(self, step: Step, component: Component) -> BaseOperator:
        group = self.groups.get(component.name)
        if group is None:
            tooltip = f"{component.kind}, {component.tier}"
            group = self.groups[component.name] = TaskGroup(group_id=component.name, tooltip=tooltip)
        with group:
            return StepOperator(
                task_id=step.phase,
                step=step.id,
                priority_weight=WEIGHTS[component.tier] + min(LONGEST - 1, int(self.remaining_s[step.id])),
                on_longest_chain=step.id in self.plan.estimates[0].chain,
                **self._rule,
            )
