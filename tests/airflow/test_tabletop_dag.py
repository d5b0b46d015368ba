"""The DAG of tabletops: one pair of tasks per inject, forms for people, and what becomes of their answers."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowSkipException, ParamValidationError
from catalogs import catalog_text, load
from plugins.fake_library import FakeLibrary

from recovery_ops.airflow import library, tabletop
from recovery_ops.airflow.dags import tabletop_dag
from recovery_ops.airflow.form import TABLETOP_FIELDS
from recovery_ops.airflow.tabletop import AnswerOperator, ConveneOperator, LessonsOperator, ShowOperator
from recovery_ops.drills.scenario_files import SHIPPED, find_scenario, scenario_names
from recovery_ops.errors import RequestError
from recovery_ops.model.runs import RunRef

REF = RunRef(system="ranking", run_id="r-1", recovery_region="b", impaired_region="a", record_bucket="c")
QUESTION = {
    "inject": "alarm", "role": "sre-lead", "known": "{{ 7 * 7 }} <b>", "question": "What {now}?", "within_s": 300.0,
    "choices": ["act", "wait"], "people": ["bob"], "host": "carol",
}  # fmt: skip
LONGEST = max(len(find_scenario(name).injects) for name in scenario_names())


@pytest.fixture
def dag(tmp_path: Path) -> DAG:
    return tabletop_dag(load(tmp_path, catalog_text("ranking")))


@pytest.fixture
def fake(tmp_path: Path) -> FakeLibrary:
    made = FakeLibrary(tmp_path)
    library.install(made.as_library())
    yield made
    library.uninstall()


def context(**params: Any) -> dict[str, Any]:
    task = SimpleNamespace(xcom_pull=lambda task_ids: REF.to_json(), id="0", task_id="answer-1")
    run = SimpleNamespace(run_id="manual__1", conf=params, triggering_user_name="alice")
    return {"ti": task, "task_instance": task, "dag_run": run, "params": {"patience_minutes": 5} | params}


def answering(**changes: Any) -> AnswerOperator:
    return AnswerOperator(
        task_id="answer-1", question=QUESTION | changes, patience_s=60.0, params=tabletop.ANSWER_FIELDS
    )


def answered(chosen: str = "act", **fields: str) -> dict[str, Any]:
    by = {"id": "bob", "name": "bob"}
    at = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
    form = {"decided_by": "", "comment": ""} | fields
    return {"chosen_options": [chosen], "params_input": form, "responded_at": at, "responded_by_user": by}


def test_each_inject_is_shown_and_then_asked_in_order_whatever_the_scenario(dag: DAG) -> None:
    pairs = [name for number in range(1, LONGEST + 1) for name in (f"show-{number}", f"answer-{number}")]
    chain = ["declare", *pairs, "lessons", "close", "verdict"]
    assert sorted(dag.task_ids) == sorted(chain)
    for before, after in itertools.pairwise(chain):
        assert after in dag.get_task(before).downstream_task_ids
    rules = {name: dag.get_task(name).trigger_rule for name in dag.task_ids}
    assert {rules[name] for name in ("close", "verdict")} == {"all_done"}
    assert {rule for name, rule in rules.items() if name.startswith("show") or name == "lessons"} == {"none_failed"}


def test_nothing_of_a_tabletop_is_a_step_of_a_plan(dag: DAG) -> None:
    names = {getattr(task, "operator_name", type(task).__name__) for task in dag.tasks}
    assert not {"StepOperator", "DeclareOperator", "RollbackOperator"} & names


def test_the_form_offers_every_scenario_and_refuses_others(dag: DAG) -> None:
    assert set(dag.params) == set(TABLETOP_FIELDS)
    assert dag.params.get_param("scenario").schema["enum"] == scenario_names()
    with pytest.raises(ParamValidationError):
        dag.params["scenario"] = "the end of the world"


def test_scenarios_of_the_system_are_offered_and_a_broken_one_breaks_no_dag(tmp_path: Path) -> None:
    own = tmp_path / "ranking" / "scenarios"
    own.mkdir(parents=True)
    text = (SHIPPED / "regional-loss.yaml").read_text().replace("scenario: regional-loss", "scenario: ours", 1)
    for number in range(LONGEST):
        text += (
            f"  - {{id: more-{number}, after: 1m, known: k, question: q, roles: [r], choices: [a, b], expected: [a], "
            "points: [p]}\n"
        )
    (own / "ours.yaml").write_text(text)
    (own / "broken.yaml").write_text("scenario: broken\n")
    made = tabletop_dag(load(tmp_path, catalog_text("ranking")))
    assert made.params.get_param("scenario").schema["enum"] == sorted([*scenario_names(), "ours"])
    assert f"show-{2 * LONGEST}" in made.task_ids


def test_what_stands_in_a_scenario_is_never_a_template(dag: DAG) -> None:
    form = answering()
    assert form.template_fields == ()
    assert form.body.startswith("{{ 7 * 7 }} <b>\n\n**What {now}?**")
    assert tuple(dag.get_task("lessons").template_fields) == ()


def test_people_of_the_role_and_the_host_may_answer_and_anybody_for_a_role_of_nobody() -> None:
    assert answering().assigned_users == [{"id": "bob", "name": "bob"}, {"id": "carol", "name": "carol"}]
    assert answering(people=[]).assigned_users is None
    assert answering().response_timeout == timedelta(seconds=60)
    assert list(answering().params) == ["decided_by", "comment"]


def test_an_answer_is_recorded_with_its_person_and_time(fake: FakeLibrary) -> None:
    answering().execute_complete(context(), answered(comment="now"))
    answering(role="owner").execute_complete(context(), answered("wait", decided_by="erin"))
    (lead,), (owner,) = fake.asked("r-1", "alarm sre-lead"), fake.asked("r-1", "alarm owner")
    assert lead | {"step": ""} == {
        "step": "", "decision": "act", "person": "bob", "comment": "now", "entered_by": "",
        "at": "2026-11-26T09:00:00+00:00",
    }  # fmt: skip
    assert (owner["decision"], owner["person"], owner["entered_by"]) == ("wait", "erin", "bob")


def test_whoever_lets_the_time_pass_has_not_decided_and_the_exercise_goes_on(fake: FakeLibrary) -> None:
    late = {"error": "no response", "error_type": "timeout"}
    assert answering().execute_complete(context(), late) is None
    assert fake.steps("r-1") == []
    assert LessonsOperator(task_id="lessons", params=tabletop.LESSON_FIELDS).execute_complete(context(), late) == []


def test_a_task_that_died_after_the_answer_was_recorded_does_not_ask_again(fake: FakeLibrary) -> None:
    answering().execute_complete(context(), answered())
    assert answering().execute(context()) is None


def test_forms_are_those_of_the_inject_and_the_end_of_the_scenario_is_skipped(fake: FakeLibrary) -> None:
    (first, second) = ShowOperator(task_id="show-1", number=1).execute(context())
    assert (first["question"]["role"], second["question"]["role"], first["patience_s"]) == (
        "sre-lead",
        "nobody's",
        300.0,
    )
    assert json.loads(json.dumps(first)) == first
    with pytest.raises(AirflowSkipException):
        ShowOperator(task_id="show-3", number=3).execute(context())


def test_unknown_keys_are_refused_before_anything_is_declared(
    fake: FakeLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RequestError, match="did you mean 'scenario'"):
        ConveneOperator(task_id="declare", system="ranking").execute(context(scenarios="regional-loss"))
    assert fake.steps("r-1") == []


def test_a_day_that_is_none_stays_in_the_words_of_the_lesson() -> None:
    form = {"lessons": "print it | bob | soon\n |\n\nask the bank|dave", "learnt": " an old one \n"}
    found = tabletop.lessons_from({"params_input": form, "responded_by_user": {"name": "bob"}})
    assert [(item["what"], item["owner"], item["due"], item["mended"]) for item in found] == [
        ("an old one", "", None, True),
        ("print it | bob | soon", "", None, False),
        ("ask the bank", "dave", None, False),
    ]
