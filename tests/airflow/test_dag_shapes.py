"""What DAGs look like: ids, tasks, edges, rules, weights and the trigger form."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import ParamValidationError
from catalogs import catalog_text, load

from recovery_ops.airflow.dags import component_dag, debts_dag, failback_dag, failover_dag, protect_dag
from recovery_ops.airflow.form import FIELDS, recovery_form
from recovery_ops.airflow.operators import NO_STEPS
from recovery_ops.execution.systems import plan_for
from recovery_ops.model.plan import Mode
from recovery_ops.model.system import System


@pytest.fixture
def ranking(tmp_path: Path) -> System:
    return load(tmp_path, catalog_text("ranking"))


@pytest.fixture
def failover(ranking: System) -> DAG:
    return failover_dag(ranking)


def after(dag: DAG, task_id: str) -> set[str]:
    return set(dag.get_task(task_id).downstream_task_ids)


def test_every_step_of_the_plan_is_a_task_of_the_same_name(ranking: System, failover: DAG) -> None:
    steps = {step.id for step in plan_for(ranking, "us-west-2").steps}
    assert set(failover.task_ids) == steps | {"verdict"}


def test_every_need_of_the_plan_is_an_edge(ranking: System, failover: DAG) -> None:
    for step in plan_for(ranking, "us-west-2").steps:
        assert set(step.needs) <= failover.get_task(step.id).upstream_task_ids


def test_no_task_only_joins_others(failover: DAG) -> None:
    assert {type(task).__name__ for task in failover.tasks} == {
        "DeclareOperator", "StepOperator", "RollbackOperator", "VerdictOperator",
    }  # fmt: skip


def test_traffic_moves_after_every_gating_component_and_after_no_other(failover: DAG) -> None:
    assert failover.get_task("approve").upstream_task_ids == {"base.verify", "model.verify"}
    assert after(failover, "approve") == {"cutover"}


def test_close_waits_until_no_component_works_any_more(failover: DAG) -> None:
    assert {"base.verify", "model.verify", "notes.verify", "reprotect", "rollback"} == (
        failover.get_task("close").upstream_task_ids
    )
    assert failover.get_task("close").trigger_rule == "all_done"


def test_verdict_is_the_only_end_and_always_runs(failover: DAG) -> None:
    assert [task.task_id for task in failover.leaves] == ["verdict"]
    assert failover.get_task("verdict").trigger_rule == "all_done"


def test_rollback_follows_a_failed_cutover_soak_or_commit(failover: DAG) -> None:
    rollback = failover.get_task("rollback")
    assert rollback.upstream_task_ids == {"cutover", "observe", "commit"}
    assert rollback.trigger_rule == "one_failed"


def test_whatever_moves_traffic_needs_every_step_before_it(failover: DAG) -> None:
    for task_id in ("approve", "cutover", "observe", "commit", "reprotect"):
        assert failover.get_task(task_id).trigger_rule == "all_success"


def test_critical_components_go_first_and_what_most_has_to_wait_for(failover: DAG) -> None:
    weights = {task.task_id: task.priority_weight for task in failover.tasks}
    assert weights["declare"] > weights["model.verify"] > weights["notes.rehydrate"]
    assert weights["base.verify"] > weights["model.rehydrate"] > weights["model.verify"]  # the longer way to go
    assert {str(task.weight_rule) for task in failover.tasks} <= {"absolute"} or all(
        "Absolute" in type(task.weight_rule).__name__ for task in failover.tasks
    )


def test_what_the_longest_chain_does_not_wait_for_leaves_it_the_processor(failover: DAG) -> None:
    yielding = {task.task_id for task in failover.tasks if not getattr(task, "on_longest_chain", True)}
    assert yielding == {"notes.rehydrate", "notes.verify"}


def test_each_component_is_a_group_of_its_name(failover: DAG) -> None:
    assert {"base", "model", "notes"} <= set(failover.task_group.get_task_group_dict())


def test_a_component_alone_has_the_same_tasks_as_in_the_whole(ranking: System, failover: DAG) -> None:
    alone = component_dag(ranking, ranking.component("model"))
    assert set(alone.task_ids) == {"declare", "model.rehydrate", "model.verify", "close", "verdict"}
    for task_id in ("model.rehydrate", "model.verify"):
        assert facts(alone.get_task(task_id)) == facts(failover.get_task(task_id))


def facts(task: Any) -> Mapping[str, Any]:
    names = ("step", "retries", "retry_delay", "wait_limit_s", "trigger_rule")
    return {name: getattr(task, name) for name in names} | {"type": type(task)}


def test_recovery_dags_are_never_paused_and_run_once_at_a_time(failover: DAG) -> None:
    assert failover.is_paused_upon_creation is False
    assert failover.max_active_runs == 1
    assert failover.schedule is None


def test_points_are_taken_on_the_cadence_of_the_catalog(ranking: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECOVERY_OPS_TIME_FACTOR", raising=False)
    assert protect_dag(ranking).schedule.total_seconds() == 900
    monkeypatch.setenv("RECOVERY_OPS_TIME_FACTOR", "0.05")
    assert protect_dag(ranking).schedule.total_seconds() == 45


def test_the_form_offers_the_regions_of_the_catalog_and_knows_its_fields(ranking: System) -> None:
    form = recovery_form(ranking)
    assert form["target_region"].schema["enum"] == ["us-east-1", "us-west-2"]
    assert set(form) == set(FIELDS)


@pytest.mark.parametrize(
    ("field", "value"),
    [("target_region", "us-moon-1"), ("reason", "no"), ("reason", None), ("intent", "panic"), ("impact_at", "noon")],
)
def test_the_form_refuses_what_does_not_fit(ranking: System, field: str, value: object) -> None:
    with pytest.raises(ParamValidationError):
        recovery_form(ranking)[field].resolve(value)


def test_people_are_asked_when_the_policy_says_so(tmp_path: Path) -> None:
    asking = failover_dag(load(tmp_path, catalog_text("ranking", approval="ask"))).get_task("approve")
    assert type(asking).__name__ == "ApproveOperator"
    assert [user["id"] for user in asking.assigned_users] == ["alice", "bob"]
    assert asking.defaults == ["Reject"]
    assert asking.response_timeout.total_seconds() == 180


def test_somebody_forecasts_the_rto_while_people_are_asked_and_nothing_waits_for_that(tmp_path: Path) -> None:
    system = load(tmp_path, catalog_text("ranking", approval="ask"))
    asking = failover_dag(system)
    assert asking.get_task("watch").upstream_task_ids == asking.get_task("approve").upstream_task_ids
    assert after(asking, "watch") == set()
    steps = {step.id for step in plan_for(system, "us-west-2").steps}
    assert set(asking.task_ids) - steps == {"watch", "verdict"}
    assert set(asking.task_ids) - NO_STEPS == steps


def test_a_question_stays_open_long_enough_when_time_is_scaled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOVERY_OPS_TIME_FACTOR", "0.01")
    asking = failover_dag(load(tmp_path, catalog_text("ranking", approval="ask"))).get_task("approve")
    assert asking.response_timeout.total_seconds() == 10


def test_every_task_repeats_by_our_policy(failover: DAG) -> None:
    for task in failover.tasks:
        assert task.retries >= 2
        assert task.retry_delay.total_seconds() <= 5
        assert task.retry_policy is not None


def test_the_question_asks_for_a_comment_and_nothing_of_the_form(tmp_path: Path) -> None:
    asking = failover_dag(load(tmp_path, catalog_text("ranking", approval="ask"))).get_task("approve")
    assert set(asking.serialized_params) == {"comment"}


def test_a_failback_pays_and_protects_first_and_fences_just_before_traffic_moves(ranking: System) -> None:
    dag = failback_dag(ranking)
    plan = plan_for(ranking, "us-east-1", mode=Mode.FAILBACK)
    assert set(dag.task_ids) == {step.id for step in plan.steps} | {"prepare", "verdict"}
    assert after(dag, "prepare") == {"declare"}
    assert after(dag, "declare") >= {"reconcile"}
    assert after(dag, "approve") == {"fence"}
    assert after(dag, "fence") == {"cutover"}
    assert dag.params["target_region"] == "us-east-1"
    assert dag.params["graceful"] is True


def test_debts_are_looked_at_again_and_again(ranking: System) -> None:
    dag = debts_dag(ranking)
    assert dag.task_ids == ["pay"]
    assert dag.max_active_runs == 1
