"""Operators: one library call each. ``recovery_ops.execution`` decides what a step does, records and may repeat."""

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar, cast

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from recovery_ops.airflow.form import DRILL_FIELDS, FIELDS
from recovery_ops.airflow.library import library
from recovery_ops.airflow.requests import drill_from, person_of, refuse_unknown, request_from
from recovery_ops.airflow.retries import POLICY, RETRIES, RETRY_DELAY
from recovery_ops.airflow.triggers import OperationTrigger, PeopleTrigger
from recovery_ops.execution.runners import AIRFLOW, act_as
from recovery_ops.model.plan import NOT_PLANNED, Mode, SystemStep
from recovery_ops.model.runs import RunRef
from recovery_ops.record.envelope import plain

WAIT_IN_PLACE_S = 120.0
"""Wall seconds a task waits itself: a deferral costs about 3 s, a worker slot next to nothing for this long."""

BACKGROUND = 10
"""Niceness of steps that are not on the longest chain: they get about a tenth of a processor that it wants too."""

NO_STEPS = {"prepare", "verdict", "watch"}
"""Tasks of the DAG of a run that are no steps of its plan."""

Context = Mapping[str, Any]
T = TypeVar("T")


def retrying(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return operator arguments with our retry policy under what is ``given``."""
    return {"retries": RETRIES, "retry_delay": RETRY_DELAY, "retry_policy": POLICY} | dict(given)


def said(result: T) -> T:
    """Return what a task gives to XCom, which anybody who sees the DAG run may read: plain values without secrets."""
    return cast("T", plain(result))


class RecoveryOperator(BaseOperator):
    """Base: repeats what the library calls retryable, and nothing else of the library's errors."""

    template_fields: Sequence[str] = ()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**retrying(kwargs))


class DeclareOperator(RecoveryOperator):
    """Open the run; its XCom is the ref that every other task works with."""

    def __init__(self, *, system: str, mode: str, component: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.system = system
        self.mode = mode
        self.component = component

    def execute(self, context: Context) -> dict[str, Any]:
        """Declare the run that the trigger form describes, or take over the open one that it names."""
        calls = library()
        system = calls.load_system(self.system)
        act_as(f"{AIRFLOW}:{context['dag_run'].run_id}")
        drill = self.mode == Mode.DRILL
        if run_id := context["params"].get("resume_run"):
            refuse_unknown(context["dag_run"].conf or {}, DRILL_FIELDS if drill else FIELDS)
            steps = set(context["dag"].task_ids) - NO_STEPS
            return said(
                calls.take_over(system, run_id, person_of(context), context["params"]["reason"], steps).to_json()
            )
        if drill:
            return said(calls.declare(drill_from(context, system), system).to_json())
        request = request_from(context, system, Mode(self.mode), self.component)
        return said(calls.declare(request, system).to_json())


class StepOperator(RecoveryOperator):
    """Run one step of the plan; a wait that outlasts ``wait_limit_s`` goes to the triggerer and is resumed.

    A step that the end of the run does not wait for leaves the processor to those on the plan's longest chain.
    """

    def __init__(
        self, *, step: str, wait_limit_s: float = WAIT_IN_PLACE_S, on_longest_chain: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.step = step
        self.wait_limit_s = wait_limit_s
        self.on_longest_chain = on_longest_chain

    def execute(self, context: Context) -> str:
        """Run the step to its recorded outcome, or wait for AWS or people in the triggerer."""
        if not self.on_longest_chain:
            os.setpriority(os.PRIO_PROCESS, 0, BACKGROUND)
        ref = ref_of(context)
        act_as(f"{AIRFLOW}:{context['dag_run'].run_id}")
        result = library().run_step(
            ref, self.step, attempt=context["ti"].try_number, wait_limit_s=self.wait_limit_s, answer=None
        )
        if not result.finished and result.operation is not None:
            trigger = OperationTrigger(run=ref.to_json(), operation=result.operation.to_json())
            self.defer(trigger=trigger, method_name="resume")
        if not result.finished:
            self.log.info("%s waits for people: %s", self.step, result.outcome)
            self.defer(trigger=PeopleTrigger(run=ref.to_json(), step=self.step), method_name="resume")
        if result.outcome == NOT_PLANNED:
            raise AirflowSkipException(f"{self.step} is no part of this drill")
        return said(result.outcome)

    def resume(self, context: Context, event: Mapping[str, Any]) -> str:  # noqa: ARG002 - AWS is asked again
        """Go on after the triggerer saw the operation end."""
        return self.execute(context)


class RollbackOperator(StepOperator):
    """Roll back when cutover, the soak or the commit did not succeed and the record says that traffic may have moved.

    Airflow's rule ``one_failed`` also fires when they never ran because something before them failed. What its tasks
    did says little then: another runner, whose run this one carries on, may have moved traffic before.
    """

    AFTER = (SystemStep.CUTOVER, SystemStep.OBSERVE, SystemStep.COMMIT)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(step=SystemStep.ROLLBACK, trigger_rule="one_failed", **kwargs)

    def execute(self, context: Context) -> str:
        """Roll back, or skip when traffic never moved or is back already."""
        if not library().must_roll_back(ref_of(context)):
            raise AirflowSkipException("there is no move of traffic to take back")
        return super().execute(context)


class VerdictOperator(RecoveryOperator):
    """Write the report and give the DAG run the colour of its verdict; a declined approval must not look green."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Publish the report; fail unless the verdict is pass."""
        found = context["ti"].xcom_pull(task_ids=SystemStep.DECLARE)
        if found is None:
            raise AirflowFailException("the run was refused before it was declared; the log of declare says why")
        ref = RunRef.from_json(found)
        report = library().publish(ref)
        if report["verdict"] != "pass":
            reasons = "; ".join(reason["what"] for reason in report.get("result", {}).get("reasons", []))
            raise AirflowFailException(f"{ref.system} {ref.run_id}: verdict {report['verdict']}: {reasons}")
        return said({"run_id": ref.run_id, "verdict": report["verdict"]})


class ProtectOperator(RecoveryOperator):
    """Take a consistent recovery point of a system where it serves; refused while a run of it is open."""

    def __init__(self, *, system: str, **kwargs: Any) -> None:
        super().__init__(execution_timeout=timedelta(hours=6), **kwargs)
        self.system = system

    def execute(self, context: Context) -> str:  # noqa: ARG002 - protection needs nothing of the DAG run
        """Return the id of the new point."""
        return said(library().protect(self.system))


class ReadinessOperator(RecoveryOperator):
    """Sweep the readiness of a system when that is due; skipped when it is not.

    A system that is not ready does not fail the task: the sweep itself worked, and the record holds what it found.
    """

    def __init__(self, *, system: str, **kwargs: Any) -> None:
        super().__init__(execution_timeout=timedelta(minutes=15), **kwargs)
        self.system = system

    def execute(self, context: Context) -> str:  # noqa: ARG002 - a sweep needs nothing of the DAG run
        """Return the state that the sweep found."""
        state = library().sweep(self.system)
        if state is None:
            raise AirflowSkipException(f"the last sweep of {self.system} is recent and of the same catalog")
        return said(state)


class PlaybookOperator(RecoveryOperator):
    """Publish the playbook of a system to every region; fails, and is tried again, while a copy is missing."""

    def __init__(self, *, system: str, **kwargs: Any) -> None:
        super().__init__(execution_timeout=timedelta(minutes=15), **kwargs)
        self.system = system

    def execute(self, context: Context) -> list[str]:  # noqa: ARG002 - a playbook needs nothing of the DAG run
        """Return where the copies are."""
        return said(library().publish_playbook(self.system))


class PrepareOperator(RecoveryOperator):
    """Pay every debt and take a point where the system serves, before a failback is declared."""

    def __init__(self, *, system: str, **kwargs: Any) -> None:
        super().__init__(execution_timeout=timedelta(hours=6), **kwargs)
        self.system = system

    def execute(self, context: Context) -> str | None:
        """Return the id of the point; refused while a debt cannot be paid. Ungraceful or taken over: do nothing."""
        params = context["params"]
        if params.get("resume_run") or not params["graceful"]:
            return None
        return said(library().prepare(self.system, person_of(context)))


class PayDebtsOperator(RecoveryOperator):
    """Pay what can be paid of a system's debts; what cannot is tried again by the next run."""

    def __init__(self, *, system: str, **kwargs: Any) -> None:
        super().__init__(execution_timeout=timedelta(hours=1), **kwargs)
        self.system = system

    def execute(self, context: Context) -> dict[str, list[str]]:  # noqa: ARG002 - debts need nothing of the DAG run
        """Return what was paid and what is left."""
        return said(dict(library().pay_debts(self.system)))


def ref_of(context: Context) -> RunRef:
    """Return the run that the declare task of this DAG run opened; skips the task when it opened none."""
    found = context["ti"].xcom_pull(task_ids=SystemStep.DECLARE)
    if found is None:
        raise AirflowSkipException("no run was declared; there is nothing to do")
    return RunRef.from_json(found)


class TriggerOnceOperator(TriggerDagRunOperator):
    """Trigger the DAG run that an earlier task asks for; the same one is triggered once, however often it is asked for.

    Subclasses say in :meth:`wanted` which it is.
    """

    template_fields: Sequence[str] = ()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(skip_when_already_exists=True, logical_date=None, **kwargs)

    def wanted(self, context: Any) -> tuple[str, dict[str, Any]]:
        """Return id and configuration of the DAG run; raises ``AirflowSkipException`` when there is none to trigger."""
        raise NotImplementedError(f"{type(self).__name__} must say which DAG run it triggers")

    def execute(self, context: Any) -> None:
        """Trigger, or skip with the reason."""
        self.trigger_run_id, self.conf = self.wanted(context)
        super().execute(context)


class ClearDrillsOperator(RecoveryOperator):
    """End drills that their runner has left behind: remove what they made, close them, publish their reports."""

    def __init__(self, *, system: str, **kwargs: Any) -> None:
        super().__init__(execution_timeout=timedelta(hours=2), **kwargs)
        self.system = system

    def execute(self, context: Context) -> list[str]:  # noqa: ARG002 - needs nothing of the DAG run
        """Return what became of each; fails when something is left or a report could not be made."""
        found = library().clear_drills(self.system)
        if found is None:
            raise AirflowSkipException(f"no drill of {self.system} was left behind")
        told, clean = found
        if not clean:
            raise AirflowFailException("; ".join(told))
        return said(told)


class RestoreTestOperator(RecoveryOperator):
    """Restore a component by chance from a point by chance, beside production; fails when it does not come back."""

    def __init__(self, *, system: str, **kwargs: Any) -> None:
        super().__init__(execution_timeout=timedelta(hours=6), **kwargs)
        self.system = system

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the result, which stands with the point."""
        result = dict(library().restore_test(self.system, person_of(context)))
        if result["verdict"] != "pass":
            raise AirflowFailException(f"{result['component']} from {result['point_id']}: {result['why']}")
        return said(result)
