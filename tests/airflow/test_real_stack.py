"""Whole DAG runs on a real Airflow. The library is fake: what is tried here is what Airflow makes of the DAGs."""

from contextlib import suppress

import pytest
from stack_world import DagRun, StackWorld, until

from recovery_ops.errors import RequestError

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(400)]

FIELDS = {"decided_by": "", "comment": ""}
MOVING = ["approve", "cutover", "observe", "commit", "reprotect", "close", "publish"]


def test_a_failover_runs_every_step_in_order_and_waits_long_in_the_triggerer(stack: StackWorld) -> None:
    run = stack.trigger("failover__ranking", "a region is gone; slow=base.rehydrate interrupt=model.verify hold=commit")
    assert run.ended() == "success", run.states()
    steps = run.steps()
    assert steps[:2] == ["declare", "fence"]
    assert steps[-8:] == [*MOVING[:4], *MOVING[3:]]
    assert sum("held" in line for line in run.lines()) == 2
    assert steps.index("base.verify") < steps.index("model.rehydrate")
    assert steps.count("base.rehydrate") == 2
    assert sum("looked_at" in line for line in run.lines()) == 2
    assert [line["attempt"] for line in run.asked("model.verify")] == [1, 2]
    assert run.states()["rollback"] == "skipped"
    assert run.asked("declare")[0]["person"] == "alice"


def test_a_failed_verification_stops_before_traffic_moves_and_still_closes(stack: StackWorld) -> None:
    run = stack.trigger("failover__ranking", "a region is gone; fail=base.verify")
    assert run.ended() == "failed"
    states = run.states()
    assert states["base.verify"] == "failed"
    assert {states[name] for name in ("approve", "cutover", "observe", "commit", "reprotect")} == {"upstream_failed"}
    assert states["rollback"] == "skipped"
    assert not {"approve", "cutover", "rollback"} & set(run.steps())
    assert run.steps()[-2:] == ["close", "publish"]
    assert "notes.verify" in run.steps()
    assert len(run.asked("base.verify")) == 1


def test_a_failed_soak_is_rolled_back(stack: StackWorld) -> None:
    run = stack.trigger("failover__ranking", "a region is gone; fail=observe")
    assert run.ended() == "failed"
    assert run.states()["rollback"] == "success"
    assert run.steps()[-4:] == ["observe", "rollback", "close", "publish"]


def test_a_component_recovers_alone(stack: StackWorld) -> None:
    run = stack.trigger("recover__ranking__model", "the model is damaged")
    assert run.ended() == "success", run.states()
    assert run.steps() == ["declare", "model.rehydrate", "model.verify", "close", "publish"]


def test_traffic_moves_when_an_approver_says_yes(stack: StackWorld) -> None:
    run = stack.trigger("failover__pricing", "a region is gone", user="carol")
    run.awaits_an_answer()
    assert sum("asks_for_s" in line for line in run.lines()) == 1
    until(lambda: sum("watches" in line for line in run.lines()) > 1, "a look at the question from the triggerer")
    with pytest.raises(RequestError, match="403"):
        stack.api("carol").answer(run.dag_id, run.run_id, "approve", approve=True)
    answer(stack, run, "bob", approve=True, comment="numbers look right")
    assert run.ended() == "success", run.states()
    assert run.asked("approve")[0]["answer"] == {
        "decision": "approve",
        "person": "bob",
        "comment": "numbers look right",
    }
    assert run.asked("declare")[0]["person"] == "carol"
    assert run.steps()[-7:] == MOVING
    assert run.states()["watch"] == "success"


def answer(stack: StackWorld, run: DagRun, user: str, *, approve: bool, comment: str) -> None:
    """Answer, and again when Airflow asks again because the answer came before it had parked the task."""

    def done() -> bool:
        state = run.states().get("approve")
        if state == "awaiting_input":
            with suppress(RequestError):
                stack.api(user).answer(run.dag_id, run.run_id, "approve", approve=approve, comment=comment)
        return state in ("success", "failed")

    until(done, "the end of the approval")


def test_a_declined_approval_is_recorded_and_never_green(stack: StackWorld) -> None:
    run = stack.trigger("failover__pricing", "a region is gone")
    run.awaits_an_answer()
    answer(stack, run, "alice", approve=False, comment="too early")
    assert run.ended() == "failed"
    assert run.asked("approve")[0]["answer"] == {"decision": "decline", "person": "alice", "comment": "too early"}
    assert run.steps()[-2:] == ["close", "publish"]
    assert run.states()["rollback"] == "skipped"


def test_a_tabletop_asks_each_role_in_a_form_of_its_own_and_who_answers_has_decided(stack: StackWorld) -> None:
    api = stack.api("carol")
    run = DagRun(stack, "tabletop__ranking", api.trigger("tabletop__ranking", {"scenario": "regional-loss"}))

    def answer(user: str, task_id: str, index: int, chosen: str, **fields: str) -> None:
        """Answer as people do: again, when Airflow asks again because the answer came before it had parked the task."""

        def done() -> bool:
            state = run.mapped().get((task_id, index))
            if state == "awaiting_input":
                with suppress(RequestError):
                    form = fields if task_id == "lessons" else FIELDS | fields
                    stack.api(user).respond(run.dag_id, run.run_id, task_id, chosen, form, map_index=index)
            return state == "success"

        until(done, f"{task_id} [{index}]")

    until(lambda: run.mapped().get(("answer-1", 0)) == "awaiting_input", "the first form")
    with pytest.raises(RequestError, match="403"):
        stack.api("dave").respond(run.dag_id, run.run_id, "answer-1", "act", FIELDS, map_index=0)
    answer("bob", "answer-1", 0, "act", comment="now")
    answer("dave", "answer-1", 1, "wait", decided_by="eve")
    answer("alice", "answer-2", 0, "act")
    answer(
        "carol", "lessons", -1, "Note them", lessons="print it | bob | 2026-12-24\nask the bank", learnt="an old one"
    )
    assert run.ended() == "success"
    steps = run.steps()
    assert steps[:2] == ["declare", "show alarm"]
    assert steps[-5:] == ["show return", "return sre-lead", "note", "close", "publish"]
    names = ("decision", "person", "comment", "entered_by")
    (lead,), (other,) = run.asked("alarm sre-lead"), run.asked("alarm nobody's")
    assert [lead[name] for name in names] == ["act", "bob", "now", ""]
    assert [other[name] for name in names] == ["wait", "eve", "", "dave"]
    noted = run.asked("note")[0]["lessons"]
    assert [(item["what"], item["owner"], item["due"], item["mended"], item["person"]) for item in noted] == [
        ("an old one", "", None, True, "carol"),
        ("print it", "bob", "2026-12-24", False, "carol"),
        ("ask the bank", "", None, False, "carol"),
    ]
    assert run.states()["show-3"] == "skipped"


def test_unknown_keys_are_refused_by_the_first_task_and_nothing_else_runs(stack: StackWorld) -> None:
    run = stack.trigger("failover__ranking", "a region is gone", gracefull=True)
    assert run.ended() == "failed"
    assert run.steps() == []
    assert run.states()["close"] == "skipped"
    assert "did you mean 'graceful'" in run.api.log(run.dag_id, run.run_id, "declare")


def test_airflow_refuses_what_the_form_does_not_allow(stack: StackWorld) -> None:
    with pytest.raises(RequestError, match="us-moon-1"):
        stack.trigger("failover__ranking", "a region is gone", target_region="us-moon-1")


def test_a_viewer_may_look_and_not_touch(stack: StackWorld) -> None:
    assert "failover__ranking" in stack.api("victor").dags()
    with pytest.raises(RequestError, match="403"):
        stack.trigger("failover__ranking", "a region is gone", user="victor")


def test_a_broken_catalog_shows_its_problems_as_an_import_error(stack: StackWorld) -> None:
    until(lambda: bool(stack.api().import_errors()), "the import error")
    (message,) = stack.api().import_errors()
    assert "broken.yaml:" in message
    assert "did you mean 's3-dataset'" in message
    assert not any("broken" in dag_id for dag_id in stack.api().dags())


def test_protection_waits_to_be_asked_for(stack: StackWorld) -> None:
    assert stack.api().paused("protect__ranking")
    assert not stack.api().paused("failover__ranking")
