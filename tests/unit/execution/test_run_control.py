"""What people ask of a run is obeyed, recorded, and never leaves traffic where nobody serves without saying so."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from small_world import HOME, LIMIT_S, TARGET, ObedientKind, SmallWorld, small_system, until

from recovery_ops.aws.calls import check_again
from recovery_ops.errors import ClaimLostError, RequestError, RunCancelledError, StepFailedError, StepInterruptedError
from recovery_ops.execution import asking, controls, runners, steps, view
from recovery_ops.execution.direct import carry_on
from recovery_ops.execution.leases import Guard
from recovery_ops.execution.steps import run_step
from recovery_ops.execution.waking import is_held
from recovery_ops.kinds import StepContext
from recovery_ops.model.checks import CheckOutcome
from recovery_ops.model.events import EventType
from recovery_ops.model.operations import OperationRef
from recovery_ops.model.plan import Phase
from recovery_ops.model.runs import RunRef
from recovery_ops.model.system import ApprovalMode, OnTimeout
from recovery_ops.record.log import Known

WHO = {"person": "bob", "reason": "I say so"}
HELD = {"hold_s": 1e6}


def test_an_undisturbed_run_is_committed_and_moves_traffic(world: SmallWorld) -> None:
    ref = world.declare()
    carry_on(ref)
    state = world.state(ref)
    assert (state.outcome, world.serving) == ("committed", TARGET)
    assert set(world.statuses(ref).values()) == {"succeeded", "pending"}
    assert world.statuses(ref)["rollback"] == "pending"


def test_no_step_starts_while_a_run_is_paused_and_what_works_ends(world: SmallWorld) -> None:
    world.script.slow = {"store.rehydrate"}
    ref = world.declare()
    thread = world.carry_on(ref)
    until(lambda: "store.rehydrate" in world.script.calls)
    until(lambda: world.statuses(ref)["notes.verify"] == "succeeded")
    controls.pause(ref, **WHO)
    world.script.slow.clear()
    until(lambda: world.statuses(ref)["store.rehydrate"] == "succeeded")
    assert world.statuses(ref)["store.verify"] == "pending"
    controls.resume(ref, **WHO)
    world.ended(thread)
    assert world.state(ref).outcome == "committed"


def test_a_paused_step_gives_its_place_back_when_it_may_wait_only_so_long(world: SmallWorld) -> None:
    ref = world.declare()
    controls.pause(ref, **WHO)
    result = run_step(ref, "store.rehydrate", wait_limit_s=0.05)
    assert (result.finished, result.operation) == (False, None)
    assert result.outcome == "bob paused the run: I say so"
    assert not world.script.calls


def test_reading_the_record_is_work_of_a_step(world: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    ref, seen = world.declare(), []

    def slowly(ref: RunRef, known: Known | None) -> view.RunView:
        seen.append(datetime.now(UTC))
        return view.load_run(ref, known)

    monkeypatch.setattr(steps, "load_run", slowly)
    run_step(ref, "fence")
    began = world.state(ref).steps["fence"].started_at
    assert began is not None
    assert began <= seen[0]


def test_waiting_for_people_is_no_work_of_a_step(world: SmallWorld) -> None:
    ref = world.declare()
    controls.pause(ref, **WHO)
    thread = threading.Thread(target=run_step, args=(ref, "fence"), daemon=True)
    thread.start()
    until(lambda: world.claims(ref).holder("ranking", "production"))
    time.sleep(0.1)
    resumed = controls.resume(ref, **WHO)
    world.ended(thread)
    began = world.state(ref).steps["fence"].started_at
    assert began is not None
    assert began >= resumed.at


def test_a_paused_run_keeps_its_lease(world: SmallWorld) -> None:
    ref = world.declare()
    controls.pause(ref, **WHO)
    before = world.claims(ref).holder("ranking", "production")
    run_step(ref, "store.rehydrate", wait_limit_s=0.3)
    after = world.claims(ref).holder("ranking", "production")
    assert before is not None
    assert after is not None
    assert after.until > before.until


def test_a_run_cancelled_before_cutover_leaves_traffic_and_is_abandoned(world: SmallWorld) -> None:
    world.script.slow = {"store.rehydrate"}
    world.alive.add(HOME)
    ref = world.declare()
    thread = world.carry_on(ref)
    until(lambda: "store.rehydrate" in world.script.calls)
    controls.cancel(ref, **WHO)
    world.ended(thread)
    state = world.state(ref)
    assert (state.outcome, world.serving, state.released) == ("abandoned", HOME, True)
    assert "store.cancel" in world.script.calls
    assert world.statuses(ref)["store.rehydrate"] == "failed"
    assert not world.started(ref, "model.rehydrate")
    assert not world.started(ref, "rollback")
    (closed,) = state.note(EventType.RUN_CLOSED)
    assert closed.facts["answers"] is True


def test_a_cancelled_step_does_not_start(world: SmallWorld) -> None:
    ref = world.declare()
    controls.cancel(ref, **WHO)
    with pytest.raises(RunCancelledError, match="cancelled by bob: I say so"):
        run_step(ref, "store.rehydrate")
    assert not world.script.calls
    assert world.statuses(ref)["store.rehydrate"] == "pending"


@pytest.mark.parametrize("old_side", ["alive", "dead"])
def test_a_run_cancelled_during_the_soak_goes_back_where_the_old_side_serves(world: SmallWorld, old_side: str) -> None:
    if old_side == "alive":
        world.alive.add(HOME)
    ref = world.declare()

    def cancel_once() -> None:
        if world.state(ref).effective_at and world.state(ref).control.cancelled is None:
            controls.cancel(ref, **WHO)

    world.on_probe = cancel_once
    carry_on(ref)
    state = world.state(ref)
    assert state.rolled_back
    assert not state.committed
    assert world.statuses(ref)["observe"] == "failed"
    assert world.serving == (HOME if old_side == "alive" else TARGET)
    (closed,) = state.note(EventType.RUN_CLOSED)
    assert (closed.facts["answers"], closed.facts["serving_region"]) == (True, world.serving)


def test_that_nobody_serves_is_said_in_the_record(world: SmallWorld) -> None:
    world.script.errors["store.rehydrate"] = [StepFailedError("broken")]
    ref = world.declare()
    carry_on(ref)
    (closed,) = world.state(ref).note(EventType.RUN_CLOSED)
    assert world.state(ref).outcome == "failed"
    assert closed.facts["answers"] is False
    assert "NOTHING SERVES rank.example.com" in str(closed.facts["detail"])


def test_what_is_cancelled_after_the_commit_stays_where_it_is(world: SmallWorld) -> None:
    world.script.slow = {"notes.rehydrate"}
    ref = world.declare()
    thread = world.carry_on(ref)
    until(lambda: world.state(ref).committed)
    controls.cancel(ref, **WHO)
    world.ended(thread)
    assert (world.state(ref).outcome, world.serving) == ("committed", TARGET)
    assert not world.started(ref, "rollback")


def test_a_skipped_step_lets_later_ones_go_on(world: SmallWorld) -> None:
    world.script.slow = {"store.rehydrate"}
    ref = world.declare()
    thread = world.carry_on(ref)
    until(lambda: "store.rehydrate" in world.script.calls)
    controls.skip(ref, "store.rehydrate", **WHO)
    world.ended(thread)
    step = world.state(ref).steps["store.rehydrate"]
    assert (step.status, step.person, step.reason) == ("skipped", "bob", "I say so")
    assert world.state(ref).outcome == "committed"


def test_a_skipped_verification_keeps_cutover_shut(world: SmallWorld) -> None:
    ref = world.declare()
    controls.skip(ref, "model.verify", **WHO)
    carry_on(ref)
    assert (world.state(ref).outcome, world.serving) == ("failed", HOME)
    assert "model.verify has not succeeded (skipped)" in world.state(ref).steps["approve"].error.message


def test_an_override_opens_cutover_and_stands_in_the_record(world: SmallWorld) -> None:
    world.system = small_system(approval=HELD)
    world.script.outcomes["model"] = CheckOutcome.FAIL
    ref = world.declare()
    thread = world.carry_on(ref)
    until(lambda: world.statuses(ref)["model.verify"] == "failed")
    controls.override(ref, "model.verify", person="alice", reason="better than nothing")
    world.ended(thread)
    state = world.state(ref)
    assert (state.outcome, world.serving) == ("committed", TARGET)
    (override,) = state.overrides
    assert (override.person, override.step) == ("alice", "model.verify")
    assert [check["outcome"] for check in override.checks] == ["fail"]


def test_a_step_that_failed_for_good_waits_and_is_retried(world: SmallWorld) -> None:
    world.system = small_system(approval=HELD)
    world.script.errors["store.rehydrate"] = [StepFailedError("broken once")]
    ref = world.declare()
    thread = world.carry_on(ref)
    until(lambda: world.statuses(ref)["store.rehydrate"] == "failed")
    controls.retry(ref, "store.rehydrate", **WHO)
    world.ended(thread)
    step = world.state(ref).steps["store.rehydrate"]
    assert (step.status, sorted(step.tries)) == ("succeeded", [1, 2])
    assert world.state(ref).outcome == "committed"


def test_nobody_comes_and_the_run_ends(world: SmallWorld) -> None:
    world.system = small_system(approval={"hold_s": 100.0})
    world.script.errors["store.rehydrate"] = [StepFailedError("broken")]
    ref = world.declare()
    carry_on(ref)
    assert world.state(ref).outcome == "failed"
    assert sorted(world.state(ref).steps["store.rehydrate"].tries) == [1]


def test_what_is_safe_to_repeat_is_repeated_before_anybody_is_asked(world: SmallWorld) -> None:
    world.system = small_system(approval=HELD)
    world.script.errors["store.rehydrate"] = [StepInterruptedError("slow down")] * 4
    ref = world.declare()
    carry_on(ref)
    assert (world.state(ref).outcome, world.state(ref).steps["store.rehydrate"].attempts) == ("committed", 5)


def test_a_fault_of_ours_fails_its_step_and_the_run_closes(world: SmallWorld) -> None:
    world.script.errors["store.rehydrate"] = [KeyError("table")]
    ref = world.declare()
    carry_on(ref)
    assert world.state(ref).outcome == "failed"
    assert "fault of recovery-ops itself: KeyError" in world.state(ref).steps["store.rehydrate"].error.message


def test_a_graceful_run_does_not_go_on_while_old_writers_do(world: SmallWorld) -> None:
    world.system = small_system(approval=HELD)
    world.script.unfenced = {"store"}
    ref = world.declare(graceful=True)
    thread = world.carry_on(ref)
    until(lambda: world.statuses(ref)["fence"] == "failed")
    assert not world.started(ref, "store.rehydrate")
    controls.go_ungraceful(ref, **WHO)
    world.ended(thread)
    state = world.state(ref)
    assert state.outcome == "committed"
    assert [debt.component for debt in state.debts] == ["store"]
    assert state.steps["store.rehydrate"].outputs == {"graceful": False}


def test_one_step_can_go_ungraceful(world: SmallWorld) -> None:
    ref = world.declare(graceful=True)
    controls.go_ungraceful(ref, step="store.rehydrate", **WHO)
    carry_on(ref)
    steps = world.state(ref).steps
    assert (steps["store.rehydrate"].outputs, steps["notes.rehydrate"].outputs) == (
        {"graceful": False},
        {"graceful": True},
    )


@pytest.mark.parametrize("step", ["store.rehydrate", None])
def test_what_runs_already_stops_to_count_on_the_region_that_is_left(world: SmallWorld, step: str | None) -> None:
    world.script.slow = {"store.rehydrate"}
    ref = world.declare(graceful=True)
    thread = world.carry_on(ref)
    until(lambda: True in world.script.graceful.get("store.rehydrate", []), "a look that counts on it")
    controls.go_ungraceful(ref, step=step, **WHO)
    until(lambda: world.script.graceful["store.rehydrate"][-1] is False, "a look that does not")
    world.script.slow.clear()
    world.ended(thread)
    steps = world.state(ref).steps
    assert steps["store.rehydrate"].outputs == {"graceful": False}
    assert steps["model.rehydrate"].outputs == {"graceful": step is not None}
    assert (sorted(steps["store.rehydrate"].tries), world.state(ref).outcome) == ([1], "committed")


def asks(world: SmallWorld, **policy: object) -> RunRef:
    by_tier = dict.fromkeys(world.system.approval.by_tier, ApprovalMode.ASK)
    world.system = small_system(approval={"by_tier": by_tier} | policy)
    return world.declare()


def test_cutover_waits_for_an_answer(world: SmallWorld) -> None:
    ref = asks(world)
    thread = world.carry_on(ref)
    until(lambda: world.state(ref).open_question)
    with pytest.raises(RequestError, match="carol may not decide this for ranking; alice, bob may"):
        controls.answer_approval(ref, person="carol", decision="approve")
    assert world.serving == HOME
    controls.answer_approval(ref, person="bob", decision="approve", comment="numbers look right")
    world.ended(thread)
    (approval,) = world.state(ref).approvals
    assert (approval.decision, approval.person, approval.comment) == ("approve", "bob", "numbers look right")
    assert world.state(ref).outcome == "committed"


def test_a_no_leaves_traffic_and_the_question_is_asked_once(world: SmallWorld) -> None:
    ref = asks(world)
    for step in ("fence", "store.rehydrate", "store.verify", "model.rehydrate", "model.verify"):
        run_step(ref, step)
    for _ in range(2):
        assert not run_step(ref, "approve", wait_limit_s=0.05).finished
    assert len(world.state(ref).approvals) == 1
    controls.answer_approval(ref, person="bob", decision="decline")
    carry_on(ref)
    assert (world.state(ref).outcome, world.serving) == ("failed", HOME)


@pytest.mark.parametrize(("silence", "serving"), [(OnTimeout.PROCEED, TARGET), (OnTimeout.STOP_AND_PAGE, HOME)])
def test_silence_means_what_the_policy_says(
    world: SmallWorld, monkeypatch: pytest.MonkeyPatch, silence: OnTimeout, serving: str
) -> None:
    monkeypatch.setattr(asking, "SHORTEST_QUESTION_S", 0.1)
    ref = asks(world, on_timeout=silence)
    carry_on(ref)
    assert world.serving == serving
    assert [approval.person for approval in world.state(ref).approvals] == ["nobody"]


@pytest.mark.parametrize(("decision", "outcome"), [("approve", "committed"), ("decline", "rolled-back")])
def test_a_person_commits_or_sends_traffic_back(world: SmallWorld, decision: str, outcome: str) -> None:
    world.system = small_system(approval={"commit": ApprovalMode.ASK})
    world.alive.add(HOME)
    ref = world.declare()
    thread = world.carry_on(ref)
    # The policy answers the question about the cutover at once; this looks between the two events now and then.
    until(lambda: (asked := world.state(ref).open_question) and asked.question == "commit")
    assert world.serving == TARGET
    controls.answer_approval(ref, person="alice", decision=decision)
    world.ended(thread)
    assert world.state(ref).outcome == outcome
    assert world.serving == (TARGET if decision == "approve" else HOME)


def test_the_timer_commits(world: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "SHORTEST_QUESTION_S", 0.1)
    world.system = small_system(approval={"commit": ApprovalMode.ASK, "commit_timeout_s": 1.0})
    ref = world.declare()
    carry_on(ref)
    (committed,) = world.state(ref).note(EventType.RUN_COMMITTED)
    assert committed.facts["by"] == "policy:timer"


REFUSED: dict[str, Callable[[RunRef], object]] = {
    "not paused": lambda ref: controls.resume(ref, **WHO),
    "no step 'store.verfy'; did you mean 'store.verify'": lambda ref: controls.skip(ref, "store.verfy", **WHO),
    "cannot do without cutover": lambda ref: controls.skip(ref, "cutover", **WHO),
    "has not failed": lambda ref: controls.retry(ref, "store.verify", **WHO),
    "ungraceful already": lambda ref: controls.go_ungraceful(ref, **WHO),
    "asks nothing now": lambda ref: controls.answer_approval(ref, person="bob", decision="approve"),
    "'maybe' is no answer": lambda ref: controls.answer_approval(ref, person="bob", decision="maybe"),
    "is no verification that failed": lambda ref: controls.override(ref, "store.rehydrate", **WHO),
    "carol may not decide": lambda ref: controls.override(ref, "store.verify", person="carol", reason="so"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_makes_no_sense_is_refused_and_not_recorded(world: SmallWorld, why: str) -> None:
    ref = world.declare()
    before = world.state(ref).events
    with pytest.raises(RequestError, match=why):
        REFUSED[why](ref)
    assert world.state(ref).events == before


def test_a_closed_run_takes_no_wishes(world: SmallWorld) -> None:
    ref = world.declare()
    carry_on(ref)
    with pytest.raises(RequestError, match="was closed at"):
        controls.pause(ref, **WHO)


def test_whoever_was_replaced_must_not_act(world: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = world.declare()
    facts = {"from_execution": "airflow", "to_execution": "direct", "runner": runners.this_process("direct")}
    world.log(ref).writer("person:bob").append(EventType.RUN_TAKEN_OVER, WHO | facts)
    run_step(ref, "fence")
    monkeypatch.setattr(runners, "_acting_as", ["airflow:manual__1"])
    with pytest.raises(ClaimLostError, match="airflow:manual__1 must not act for it any more"):
        run_step(ref, "store.rehydrate")
    assert "store.rehydrate" not in world.script.calls


def test_an_attempt_that_lives_on_changes_nothing_once_the_next_has_begun(
    world: SmallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow starts a task once more whose process it lost sight of: the same run, the same runner, the same claim."""
    monkeypatch.setattr(Guard, "FRESH_S", -1.0)
    sent: list[str] = []
    suspended, woken = threading.Event(), threading.Event()

    def start(kind: ObedientKind, phase: Phase, ctx: StepContext) -> OperationRef:
        first = not suspended.is_set() and kind.component.name == "store"
        if first:
            suspended.set()
            woken.wait(LIMIT_S)
        check_again("PutObject")
        sent.append(f"{kind.component.name} by {'the first' if first else 'the next'}")
        return ctx.ref(phase, f"{kind.component.name}-thing")

    monkeypatch.setattr(ObedientKind, "start", start)
    ref, errors = world.declare(), []

    def late() -> None:
        with pytest.raises(ClaimLostError, match=r"attempt 2 of store\.rehydrate has begun; attempt 1 must not act"):
            run_step(ref, "store.rehydrate", attempt=1)
        errors.append("refused")

    run_step(ref, "fence")
    thread = threading.Thread(target=late, daemon=True)
    thread.start()
    assert suspended.wait(LIMIT_S)
    run_step(ref, "store.rehydrate", attempt=2)
    run_step(ref, "notes.rehydrate", attempt=1)  # other steps of the run are left alone
    woken.set()
    world.ended(thread)
    assert (errors, sent) == (["refused"], ["store by the next", "notes by the next"])
    assert world.statuses(ref)["store.rehydrate"] == "succeeded"


def test_whoever_watches_a_held_step_learns_when_it_may_go_on(world: SmallWorld) -> None:
    ref = world.declare()
    assert not is_held(ref, "store.rehydrate")
    controls.pause(ref, **WHO)
    assert is_held(ref, "store.rehydrate")
    assert not is_held(ref, "close")
    controls.cancel(ref, **WHO)
    assert not is_held(ref, "store.rehydrate")


def test_an_open_question_of_a_step_holds_it(world: SmallWorld) -> None:
    ref = asks(world)
    for step in ("fence", "store.rehydrate", "store.verify", "model.rehydrate", "model.verify"):
        run_step(ref, step)
    assert not run_step(ref, "approve", wait_limit_s=0.0).finished
    assert is_held(ref, "approve")
    controls.answer_approval(ref, person="alice", decision="approve")
    assert not is_held(ref, "approve")


def test_what_airflow_asks_is_answered_in_airflow_and_keeps_the_lease(world: SmallWorld) -> None:
    ref = asks(world)
    asking.note_question(ref, 900.0)
    asking.note_question(ref, 900.0)
    question = world.state(ref).open_question
    assert (len(world.state(ref).approvals), question.asked_in) == (1, "airflow")
    with pytest.raises(RequestError, match="asks in Airflow; answer it there"):
        controls.answer_approval(ref, person="alice", decision="approve")
    held = world.claims(ref).holder("ranking", "production")
    assert (held.until - held.since).total_seconds() > 900
