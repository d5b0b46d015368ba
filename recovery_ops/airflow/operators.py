"""Operators: one library call each. ``recovery_ops.execution`` decides what a step does, records and may repeat."""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from recovery_ops.airflow.retries import POLICY, RETRIES, RETRY_DELAY
from recovery_ops.airflow.triggers import OperationTrigger
from recovery_ops.model.plan import Intent, Mode
from recovery_ops.model.runs import RunRef, RunRequest
from recovery_ops.model.settings import Settings

WAIT_IN_PLACE_S = 120.0
"""Wall seconds a task waits itself; a deferral costs about 3 s, a worker slot next to nothing for this long."""

Context = Mapping[str, Any]


class RecoveryOperator(BaseOperator):
    """Base: retries by our policy, never by count alone."""

    def __init__(self, **kwargs: Any) -> None:
        defaults = {"retries": RETRIES, "retry_delay": RETRY_DELAY, "retry_policy": POLICY}
        super().__init__(**defaults | kwargs)


class DeclareOperator(RecoveryOperator):
    """Open the run; its XCom is the ref that every other task works with."""

    def __init__(self, *, system: str, mode: str, component: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.system = system
        self.mode = mode
        self.component = component

    def execute(self, context: Context) -> dict[str, Any]:
        """Declare the run that the trigger form describes."""
        from recovery_ops.execution.declare import declare
        from recovery_ops.execution.steps import run_step
        from recovery_ops.execution.systems import load_system

        request = request_from(context, system=self.system, mode=Mode(self.mode), component=self.component)
        ref = declare(request, load_system(self.system, Settings.from_environment().catalogs))
        run_step(ref, "declare", attempt=context["ti"].try_number)
        return ref.to_json()


class StepOperator(RecoveryOperator):
    """Run one step of the plan; a wait that outlasts the limit is handed to the triggerer and resumed."""

    template_fields: Sequence[str] = ()

    def __init__(self, *, step: str, wait_limit_s: float = WAIT_IN_PLACE_S, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.step = step
        self.wait_limit_s = wait_limit_s

    def execute(self, context: Context) -> str:
        """Run the step to its recorded outcome."""
        return self._run(context, answer=None)

    def resume(self, context: Context, event: Mapping[str, Any]) -> str:  # noqa: ARG002 - AWS is asked again
        """Go on after the triggerer saw the operation end."""
        return self._run(context, answer=None)

    def _run(self, context: Context, answer: Mapping[str, Any] | None) -> str:
        from recovery_ops.execution.steps import run_step

        ref = ref_of(context)
        result = run_step(
            ref, self.step, attempt=context["ti"].try_number, wait_limit_s=self.wait_limit_s, answer=answer
        )
        if not result.finished and result.operation is not None:
            trigger = OperationTrigger(run=ref.to_json(), operation=result.operation.to_json())
            self.defer(trigger=trigger, method_name="resume")
        return result.outcome


class ApproveOperator(StepOperator):
    """Record the approval. With ``asked_in`` the answer is that of the human-in-the-loop task of this id."""

    def __init__(self, *, asked_in: str | None = None, **kwargs: Any) -> None:
        super().__init__(step="approve", **kwargs)
        self.asked_in = asked_in

    def execute(self, context: Context) -> str:
        """Record who said what, or that the policy says yes."""
        return self._run(context, answer=self._answer(context))

    def _answer(self, context: Context) -> Mapping[str, Any] | None:
        if self.asked_in is None:
            return None
        given = context["ti"].xcom_pull(task_ids=self.asked_in)
        if not given:
            return {"decision": "timeout", "person": "nobody", "comment": "no answer in time"}
        person = (given.get("responded_by_user") or {}).get("name") or "nobody"
        chosen = "approve" if "Approve" in given.get("chosen_options", []) else "decline"
        comment = (given.get("params_input") or {}).get("comment", "")
        return {"decision": chosen, "person": person, "comment": comment}


class VerdictOperator(RecoveryOperator):
    """Write the report and give the DAG run the colour of its verdict; a rejected approval must not look green."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Publish the report; fail unless the verdict is pass."""
        from recovery_ops.reporting.publish import publish

        out = os.environ.get("RECOVERY_OPS_REPORTS")
        ref = ref_of(context)
        report = publish(ref, Path(out) / ref.run_id if out else None)
        if report["verdict"] != "pass":
            reasons = "; ".join(report.get("result", {}).get("reasons", []))
            raise AirflowFailException(f"{ref.system} {ref.run_id}: verdict {report['verdict']}: {reasons}")
        return {"run_id": ref.run_id, "verdict": report["verdict"]}


class ProtectOperator(RecoveryOperator):
    """Take a consistent recovery point of a system."""

    def __init__(self, *, system: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.system = system

    def execute(self, context: Context) -> str:  # noqa: ARG002 - protection needs nothing of the DAG run
        """Protect the system where it serves; refuses while a run of it is open."""
        from recovery_ops.execution.protecting import protect
        from recovery_ops.execution.systems import load_system

        return protect(load_system(self.system, Settings.from_environment().catalogs)).id


def ref_of(context: Context) -> RunRef:
    """Return the run that the declare task of this DAG run opened."""
    return RunRef.from_json(context["ti"].xcom_pull(task_ids="declare"))


def request_from(context: Context, *, system: str, mode: Mode, component: str | None) -> RunRequest:
    """Build the request from the trigger form; the DAG run's id makes it idempotent."""
    params, dag_run = context["params"], context["dag_run"]
    return RunRequest(
        system=system,
        mode=mode,
        component=component,
        recovery_region=params["target_region"],
        person=params.get("person") or getattr(dag_run, "triggering_user_name", None) or "airflow",
        reason=params["reason"],
        token=dag_run.run_id,
        execution="airflow",
        graceful=params["graceful"],
        intent=Intent(params["intent"]),
        impact_at=_time(params.get("impact_at")),
        detected_at=_time(params.get("detected_at")),
        decided_at=_time(params.get("decided_at")),
        before=_time(params.get("before")),
        point_id=params.get("point_id"),
        override=params.get("override"),
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
