"""From a DAG run to a request: what the trigger form said, who said it, and what is refused before anything changes."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from recovery_ops.airflow.form import DRILL_FIELDS, FIELDS
from recovery_ops.catalog.suggest import did_you_mean
from recovery_ops.errors import RequestError
from recovery_ops.model.drills import DrillKind
from recovery_ops.model.plan import Intent, Mode
from recovery_ops.model.runs import RunRequest
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import System


def request_from(context: Mapping[str, Any], system: System, mode: Mode, component: str | None) -> RunRequest:
    """Build the request of a DAG run; its id is the token, so that a repeated task finds the same run.

    Raises:
        RequestError: The configuration has keys that the form does not know, or a time without an offset.
    """
    params, dag_run = context["params"], context["dag_run"]
    refuse_unknown(dag_run.conf or {})
    return RunRequest(
        system=system.name,
        mode=mode,
        component=component,
        recovery_region=params["target_region"],
        person=person_of(context),
        reason=params["reason"],
        token=dag_run.run_id,
        graceful=params["graceful"],
        intent=Intent(params["intent"]),
        point_id=params["point_id"],
        override=params["override"],
        impact_at=_time(params, "impact_at"),
        detected_at=_time(params, "detected_at"),
        decided_at=_time(params, "decided_at"),
        before=_time(params, "before"),
    )


def drill_from(context: Mapping[str, Any], system: System) -> RunRequest:
    """Build the request of a DAG run that is a drill; a component drill names its component.

    Raises:
        RequestError: The configuration has keys that the form does not know, or the region serves.
    """
    from recovery_ops.aws.breaking import can_break
    from recovery_ops.drills.requesting import drill_request

    params, dag_run = context["params"], context["dag_run"]
    refuse_unknown(dag_run.conf or {}, DRILL_FIELDS)
    return drill_request(
        system,
        DrillKind(params["kind"]),
        person=person_of(context),
        token=dag_run.run_id,
        execution="airflow",
        reason=params["reason"],
        component=params["component"],
        region=params["target_region"],
        inject=bool(params["inject"]) and can_break(Settings.from_environment()),
    )


def person_of(context: Mapping[str, Any]) -> str:
    """Return on whose behalf a DAG run acts: as the form says, or who triggered it."""
    return str(context["params"]["person"] or context["dag_run"].triggering_user_name or "airflow")


def refuse_unknown(conf: Mapping[str, Any], fields: Collection[str] = FIELDS) -> None:
    """Refuse keys that no field of the form has: Airflow takes them silently, and a typo would change the run.

    Raises:
        RequestError: Names every unknown key.
    """
    unknown = sorted(set(conf) - set(fields))
    if unknown:
        named = "; ".join(f"{key!r}{did_you_mean(key, fields)}" for key in unknown)
        raise RequestError(f"the configuration of this DAG run has unknown keys: {named}")


def _time(params: Mapping[str, Any], name: str) -> datetime | None:
    text = params[name]
    if not text:
        return None
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise RequestError(f"{name} is {text}, which has no offset from UTC; write it like 2026-11-23T09:00:00+00:00")
    return at
