"""The DAG that follows the drill calendar: one drill at most, once an hour, and why when there is none."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException, DagRunTriggerException, ParamValidationError
from catalogs import catalog_text, load, write_system
from plugins.fake_library import FakeLibrary

from recovery_ops.airflow import library
from recovery_ops.airflow.form import DRILL_FIELDS, drill_form
from recovery_ops.airflow.operations import operations_dags
from recovery_ops.airflow.scheduling import ASK, CalendarOperator, StartDrillOperator, conf_of

LINE = {"kind": "component", "component": "model"}


def said(**facts: Any) -> dict[str, Any]:
    return {
        "at": "2026-12-01T10:05:00+00:00",
        "start": LINE,
        "why": "component drill of model is due: never held",
    } | facts


class Ti:
    """A task instance that pulls what the calendar said."""

    def __init__(self, found: Any) -> None:
        self.found = found

    def xcom_pull(self, task_ids: str) -> Any:
        assert task_ids == ASK
        return self.found

    def xcom_push(self, **_: Any) -> None:
        """Nobody reads links here."""


def start(found: Any) -> Any:
    operator = StartDrillOperator(task_id="start", trigger_dag_id="drill__ranking")
    with pytest.raises(DagRunTriggerException) as asked:
        operator.execute({"ti": Ti(found)})
    return asked.value


def test_the_dag_looks_every_hour_never_twice_at_once_and_never_catches_up(tmp_path: Path) -> None:
    write_system(tmp_path, "ranking", catalog_text("ranking"))
    dag = operations_dags(str(tmp_path / "operations.py"))["drills__ranking"]
    assert dag.schedule == timedelta(hours=1)
    assert (dag.max_active_runs, dag.catchup) == (1, False)
    assert dag.task_dict["start"].upstream_task_ids == {ASK}
    assert dag.task_dict["start"].trigger_dag_id == "drill__ranking"


def test_the_drill_that_is_due_is_triggered_by_its_form_once_an_hour(tmp_path: Path) -> None:
    asked = start(said())
    assert asked.trigger_dag_id == "drill__ranking"
    assert asked.dag_run_id == "calendar__20261201T10__component__model"
    assert asked.skip_when_already_exists
    assert set(asked.conf) <= set(DRILL_FIELDS)
    form = drill_form(load(tmp_path, catalog_text("ranking")))
    for name, value in asked.conf.items():
        form[name].resolve(value)
    with pytest.raises(ParamValidationError):
        form["kind"].resolve("tabletop")
    assert start(said(at="2026-12-01T10:59:59+00:00")).dag_run_id == asked.dag_run_id
    assert start(said(at="2026-12-01T11:00:01+00:00")).dag_run_id != asked.dag_run_id


def test_a_whole_drill_names_no_component() -> None:
    asked = start(said(start={"kind": "regional", "component": None}))
    assert (asked.dag_run_id, asked.conf["component"]) == ("calendar__20261201T10__regional", None)


def test_nothing_starts_without_a_drill_that_may_and_the_reason_is_told() -> None:
    operator = StartDrillOperator(task_id="start", trigger_dag_id="drill__ranking")
    with pytest.raises(AirflowSkipException, match="freeze of December"):
        operator.execute({"ti": Ti(said(start=None, why="freeze of December"))})


def test_the_calendar_is_asked_through_the_library(tmp_path: Path) -> None:
    library.install(FakeLibrary(tmp_path).as_library())
    try:
        found = CalendarOperator(task_id=ASK, system="ranking").execute({})
    finally:
        library.uninstall()
    assert (found["start"], found["why"]) == (None, "calm")


def test_whoever_reads_the_evidence_sees_that_nobody_asked() -> None:
    assert conf_of(said())["person"] == "policy:calendar"
