"""The approval: asked of people through Airflow's human-in-the-loop, recorded by the library."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.sdk import Param

from recovery_ops.airflow.library import library
from recovery_ops.airflow.operators import Context, RecoveryOperator, StepOperator, ref_of, retrying, said
from recovery_ops.airflow.triggers import QuestionTrigger
from recovery_ops.errors import RecoveryError
from recovery_ops.execution.runners import AIRFLOW, act_as
from recovery_ops.model.plan import SystemStep
from recovery_ops.model.system import SHORTEST_QUESTION_S, ApprovalMode, OnTimeout, System
from recovery_ops.record.envelope import redacted

NOBODY = "nobody"
WATCH = "watch"
"""Id of the task that forecasts the RTO while people are asked."""

BODY = """Every gate that traffic needs has passed. **{{ params.reason }}**

Approving moves traffic of the system to {{ params.target_region }}; it is the point of no return.
"""


class ApproveOperator(ApprovalOperator):
    """Ask the approvers, then record their answer; the task fails, and traffic stays, unless the answer is yes."""

    def __init__(self, *, system: System, timeout: timedelta, **kwargs: Any) -> None:
        proceed = system.approval.on_timeout is OnTimeout.PROCEED
        super().__init__(
            **retrying(kwargs),
            subject=f"Move traffic of {system.name} to {{{{ params.target_region }}}}?",
            body=BODY,
            defaults=self.APPROVE if proceed else self.REJECT,
            response_timeout=timeout,
            assigned_users=[{"id": name, "name": name} for name in approvers(system)],
        )

    def execute(self, context: Context) -> Any:
        """Let the record know that people are asked, then ask them."""
        library().ask(ref_of(context), self.response_timeout.total_seconds())
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Validate the answer as Airflow does, and let the library record it and decide what follows."""
        given: dict[str, Any] = HITLOperator.execute_complete(self, context, event)
        answer = answer_from(given, timed_out=bool(event.get("timedout")))
        attempt = context["ti"].try_number
        act_as(f"{AIRFLOW}:{context['dag_run'].run_id}")
        library().run_step(ref_of(context), SystemStep.APPROVE, attempt=attempt, answer=answer)
        return said(answer)


class WatchOperator(RecoveryOperator):
    """Forecast the RTO while Airflow waits for the answer: no process of the run works then that could.

    Nothing waits for it, and it never fails: whether the answer came is the business of the task that asks.
    """

    def execute(self, context: Context) -> None:
        """Watch from the triggerer until the question is answered or the run is over."""
        ref = ref_of(context)
        with suppress(RecoveryError):
            if library().is_unanswered(ref):
                self.defer(trigger=QuestionTrigger(run=ref.to_json()), method_name="resume")

    def resume(self, context: Context, event: Mapping[str, Any]) -> None:  # noqa: ARG002 - the record is asked again
        """Go on after the triggerer saw the answer, or has looked long enough."""
        self.execute(context)


def approvers(system: System) -> list[str]:
    """Return the user ids that may answer: everybody who has one of the approving roles."""
    return sorted({name for role in system.approval.approvers for name in system.people.get(role, ())})


def answer_from(given: Mapping[str, Any], *, timed_out: bool) -> dict[str, Any]:
    """Return Airflow's answer in the library's words: ``decision``, ``person``, ``comment`` without secrets."""
    approved = ApprovalOperator.APPROVE in given["chosen_options"]
    comment = redacted(str((given.get("params_input") or {}).get("comment") or ""))
    if timed_out:
        comment = "no answer in time"
    person = (given.get("responded_by_user") or {}).get("name") or NOBODY
    decision = "approve" if approved else "timeout" if timed_out else "decline"
    return {"decision": decision, "person": person, "comment": comment}


def approval_task(system: System, time_factor: float, **kwargs: Any) -> StepOperator | ApproveOperator:
    """Return the task for the policy of the system's most critical tier: a question, or a step that says yes itself."""
    if system.approval.mode_for(system.lead_tier) is ApprovalMode.AUTO:
        return StepOperator(step=SystemStep.APPROVE, **kwargs)
    timeout = timedelta(seconds=max(system.approval.timeout_s * time_factor, SHORTEST_QUESTION_S))
    comment = Param("", type="string", title="Comment", description="It stands in the evidence.")
    return ApproveOperator(system=system, timeout=timeout, params={"comment": comment}, **kwargs)
