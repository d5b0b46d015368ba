"""The drill calendar in Airflow: what it says now, and the start of at most one drill."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from recovery_ops.airflow.library import library
from recovery_ops.airflow.operators import RecoveryOperator, TriggerOnceOperator, said

PERSON = "policy:calendar"
"""On whose behalf a drill is held that nobody asked for."""
ASK = "ask"


class CalendarOperator(RecoveryOperator):
    """Ask the calendar of a system; what it says is the XCom that the start acts on."""

    def __init__(self, *, system: str, **kwargs: Any) -> None:
        super().__init__(execution_timeout=timedelta(minutes=5), **kwargs)
        self.system = system

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - a look needs nothing of it
        """Return the calendar, with the drill to start now if there is one."""
        return said(dict(library().agenda(self.system)))


class StartDrillOperator(TriggerOnceOperator):
    """Trigger the drill that the calendar asks for; the same drill of the same hour is triggered once."""

    def wanted(self, context: Any) -> tuple[str, dict[str, Any]]:
        """Return the drill; skip with the reason why nothing starts now."""
        found = context["ti"].xcom_pull(task_ids=ASK)
        if found["start"] is None:
            raise AirflowSkipException(found["why"])
        return dag_run_id(found), conf_of(found)


def dag_run_id(found: Mapping[str, Any]) -> str:
    """Return the DAG run of a drill: its kind, its component and the hour in which the calendar asked for it."""
    line = found["start"]
    hour = "".join(char for char in str(found["at"])[:13] if char.isalnum())
    return "__".join(part for part in ("calendar", hour, line["kind"], line["component"]) if part)


def conf_of(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of the drill, as a person would fill in its form."""
    line = found["start"]
    return {"kind": line["kind"], "component": line["component"], "reason": found["why"], "person": PERSON}
