"""A DAG run that is told to carry on an open run takes it over and declares nothing."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from catalogs import catalog_text, load

from recovery_ops.airflow import library
from recovery_ops.airflow.form import recovery_form
from recovery_ops.airflow.operators import DeclareOperator, RollbackOperator
from recovery_ops.errors import RequestError
from recovery_ops.execution import runners
from recovery_ops.execution.steps import StepResult
from recovery_ops.model.runs import RunRef

REF = RunRef(system="ranking", run_id="r-20261125-1a2b3c", recovery_region="w", impaired_region="e", record_bucket="b")


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    monkeypatch.setattr(runners, "_acting_as", [])
    system, calls = load(tmp_path, catalog_text("ranking")), []

    def take_over(*facts: Any) -> RunRef:
        calls.append((*facts[1:], runners.current_runner()))
        return REF

    library.install(replace(library.REAL, load_system=lambda _name: system, take_over=take_over))
    yield calls
    library.uninstall()


def execute(**conf: Any) -> Any:
    system = library.library().load_system("ranking")
    form = {name: param.value for name, param in recovery_form(system).items()}
    run = SimpleNamespace(run_id="manual__2", conf=conf, triggering_user_name="alice")
    dag = SimpleNamespace(task_ids=["declare", "store.verify", "close", "verdict"])
    operator = DeclareOperator(task_id="declare", system="ranking", mode="failover")
    return operator.execute({"params": form | {"reason": "Airflow was rebuilt"} | conf, "dag_run": run, "dag": dag})


def test_it_takes_the_run_over_with_the_steps_it_has(asked: list[Any]) -> None:
    assert execute(resume_run=REF.run_id) == REF.to_json()
    steps = {"declare", "store.verify", "close"}
    assert asked == [(REF.run_id, "alice", "Airflow was rebuilt", steps, "airflow:manual__2")]


def test_unknown_keys_are_refused_here_too(asked: list[Any]) -> None:
    with pytest.raises(RequestError, match="did you mean 'resume_run'"):
        execute(resume_run=REF.run_id, resume_rnu="x")
    assert asked == []


@pytest.mark.parametrize("moved", [True, False])
def test_the_record_says_whether_there_is_a_move_to_take_back(monkeypatch: pytest.MonkeyPatch, moved: bool) -> None:
    """Of this DAG run no task may have moved anything: the runner before it did."""
    monkeypatch.setattr(runners, "_acting_as", [])
    done: list[str] = []

    def run_step(_ref: RunRef, step: str, **_: Any) -> StepResult:
        done.append(step)
        return StepResult(finished=True, outcome="succeeded")

    library.install(replace(library.REAL, must_roll_back=lambda ref: ref == REF and moved, run_step=run_step))
    task = SimpleNamespace(xcom_pull=lambda task_ids: REF.to_json(), try_number=1)
    operator, context = RollbackOperator(task_id="rollback"), {"ti": task, "dag_run": SimpleNamespace(run_id="m__2")}
    try:
        if moved:
            assert operator.execute(context) == "succeeded"
        else:
            with pytest.raises(AirflowSkipException):
                operator.execute(context)
    finally:
        library.uninstall()
    assert done == (["rollback"] if moved else [])
