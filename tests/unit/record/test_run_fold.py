"""Promises of the fold from events to the state of a run."""

import json
import random
import time
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery_ops.model.checks import CheckOutcome, Gate
from recovery_ops.model.events import Event, EventType
from recovery_ops.record.fold import advance, fold, in_order
from recovery_ops.record.payload import Payload
from recovery_ops.record.state import RunState, StepStatus
from recovery_ops.record.views import state_json, summary_json
from recovery_ops.testing.runs import NOON, RUN_ID, Run, at, declaration, full_run, iso


def state_of(run: Run) -> RunState:
    return fold(run.log.events())


def test_nothing_folds_to_nothing() -> None:
    state = fold([])
    assert (state.is_open, state.outcome, state.clocks, state.steps) == (False, None, {}, {})


def test_a_whole_run_has_all_ten_clocks() -> None:
    assert state_of(full_run()).clocks == {
        "T0": at(0), "T1": at(5), "T2": at(15), "T3": at(20), "T4": at(45), "T5": at(60), "T6": at(65),
        "T7": at(78), "T8": at(79), "T9": at(119),
    }  # fmt: skip


def test_a_component_that_traffic_does_not_wait_for_moves_no_clock() -> None:
    clocks = state_of(full_run()).clocks
    assert clocks["T4"] < clocks["T5"] < clocks["T6"] < clocks["T7"] < at(115)


def test_a_clock_of_a_phase_is_unknown_until_the_phase_is_over_for_all() -> None:
    run = Run()
    run.declare()
    run.whole_step(30, 40, "features.rehydrate")
    assert "T4" not in state_of(run).clocks
    run.whole_step(30, 45, "scoring.rehydrate")
    assert state_of(run).clocks["T4"] == at(45)


def test_a_skipped_verification_is_no_verification() -> None:
    run = Run()
    run.declare()
    run.whole_step(61, 65, "scoring.verify")
    run.step(66, "features.verify", EventType.STEP_SKIPPED, reason="no time", person="alice")
    assert "T6" not in state_of(run).clocks


def test_the_declaration_fills_in_the_facts_of_the_run() -> None:
    state = state_of(full_run())
    assert (state.run_id, state.system, state.mode, state.person) == (RUN_ID, "fraud", "failover", "alice")
    assert (state.impaired_region, state.recovery_region, state.time_factor) == ("us-east-1", "us-west-2", 1 / 60)
    assert (state.graceful, state.warnings, state.plan_hash) == (False, ("the dead region answers",), "aa")


def test_a_declaration_repeated_after_a_crash_changes_nothing() -> None:
    run = Run()
    run.declare()
    run.add(25, "declare#2", EventType.RUN_DECLARED, **declaration(person="bob", clocks={"T0": iso(9)}))
    state = state_of(run)
    assert (state.person, state.clocks["T0"], state.declared_at) == ("alice", at(0), at(20))


def test_every_step_of_the_plan_is_pending_after_the_declaration() -> None:
    run = Run()
    run.declare()
    steps = state_of(run).steps
    assert len(steps) == 10
    assert {step.status for step in steps.values()} == {StepStatus.PENDING}


def test_a_step_that_began_is_running() -> None:
    run = Run()
    run.step(30, "scoring.verify", EventType.STEP_STARTED)
    step = state_of(run).steps["scoring.verify"]
    assert (step.status, step.attempts, step.started_at, step.ended_at) == (StepStatus.RUNNING, 1, at(30), None)


def test_attempts_add_up_and_the_first_start_and_the_last_end_count() -> None:
    run = Run()
    run.step(30, "a.verify", EventType.STEP_STARTED, 1)
    run.step(35, "a.verify", EventType.STEP_FAILED, 1, worked_s=1.5, waited_s=3.0, error={"type": "StepFailedError"})
    run.step(40, "a.verify", EventType.STEP_STARTED, 2)
    run.step(50, "a.verify", EventType.STEP_SUCCEEDED, 2, worked_s=2.5, waited_s=4.0, outputs={"arn": "x"})
    step = state_of(run).steps["a.verify"]
    assert (step.status, step.attempts, step.worked_s, step.waited_s) == (StepStatus.SUCCEEDED, 2, 4.0, 7.0)
    assert (step.started_at, step.ended_at, step.outputs, step.error) == (at(30), at(50), {"arn": "x"}, None)
    assert step.tries[1].error is not None


def test_a_failed_step_says_why() -> None:
    run = Run()
    error = {"type": "StepRejectedError", "message": "no", "playbook": "p", "retryable": False, "facts": {"a": 1}}
    run.step(35, "a.verify", EventType.STEP_FAILED, error=error)
    fault = state_of(run).steps["a.verify"].error
    assert fault is not None
    assert (fault.type, fault.message, fault.playbook, fault.retryable, fault.facts) == tuple(error.values())


def test_a_late_failure_of_an_older_attempt_does_not_touch_the_newer_one() -> None:
    run = Run()
    run.step(30, "a.verify", EventType.STEP_STARTED, 1)
    run.step(40, "a.verify", EventType.STEP_STARTED, 2)
    run.step(41, "a.verify", EventType.STEP_FAILED, 1)
    assert state_of(run).steps["a.verify"].status is StepStatus.RUNNING


@pytest.mark.parametrize("late", [EventType.STEP_FAILED, EventType.STEP_STARTED, EventType.STEP_SKIPPED])
def test_a_step_that_succeeded_stays_so(late) -> None:
    run = Run()
    run.whole_step(30, 40, "a.verify")
    run.step(50, "a.verify", late, 2)
    step = state_of(run).steps["a.verify"]
    assert (step.status, step.ended_at) == (StepStatus.SUCCEEDED, at(40))


def test_the_first_success_of_a_step_counts() -> None:
    run = Run()
    run.whole_step(30, 40, "a.verify")
    run.step(50, "a.verify", EventType.STEP_SUCCEEDED, 2, outputs={"arn": "other"})
    step = state_of(run).steps["a.verify"]
    assert (step.ended_at, step.outputs, step.attempts) == (at(40), {"arn": "a.verify"}, 2)


def test_an_attempt_that_ended_twice_counts_once() -> None:
    run = Run()
    run.whole_step(30, 40, "a.verify")
    run.step(50, "a.verify", EventType.STEP_SUCCEEDED, 1, worked_s=100.0)
    assert state_of(run).steps["a.verify"].worked_s == 1.0


def test_an_attempt_without_a_number_has_that_of_its_writer() -> None:
    run = Run()
    run.add(30, "fence#3", EventType.STEP_STARTED, step="fence")
    assert state_of(run).steps["fence"].attempts == 3


def test_a_run_is_open_until_it_is_closed() -> None:
    run = Run()
    run.declare()
    assert state_of(run).is_open
    run.add(99, "close#1", EventType.RUN_CLOSED, outcome="failed", released=True)
    state = state_of(run)
    assert (state.is_open, state.outcome, state.closed_at, state.released) == (False, "failed", at(99), True)


def test_a_refused_request_is_no_open_run() -> None:
    run = Run()
    run.add(1, "declare#1", EventType.RUN_REFUSED, reason="same region", person="alice")
    state = state_of(run)
    assert (state.is_open, state.outcome) == (False, "refused")


def test_who_serves_is_what_was_observed_until_the_close_says_more() -> None:
    run = Run()
    run.declare()
    assert state_of(run).serving_region is None
    run.add(80, "observe#1", EventType.TRAFFIC_OBSERVED, effective_at=iso(78), answered_by="us-west-2")
    assert state_of(run).serving_region == "us-west-2"
    run.add(90, "rollback#1", EventType.RUN_ROLLED_BACK, why="errors", to_region="us-east-1", serving=False)
    assert state_of(run).serving_region is None
    run.add(99, "close#1", EventType.RUN_CLOSED, outcome="rolled-back", serving_region="us-east-1")
    assert state_of(run).serving_region == "us-east-1"


def test_a_healthy_window_that_a_later_soak_did_not_confirm_is_none() -> None:
    run = Run()
    run.add(90, "observe#1", EventType.SOAK_ENDED, outcome="healthy", healthy_since=iso(79))
    run.add(95, "observe#2", EventType.SOAK_ENDED, outcome="unhealthy", healthy_since=iso(92))
    assert "T8" not in state_of(run).clocks


def test_checks_keep_every_attempt_and_tell_the_latest() -> None:
    run = Run()
    for attempt, outcome in ((1, "fail"), (2, "pass")):
        run.add(60 + attempt, f"a.verify#{attempt}", EventType.CHECK_RECORDED, component="a", gate="data", name="rows",
                expected=1, observed=1, outcome=outcome, step="a.verify", attempt=attempt)  # fmt: skip
    state = state_of(run)
    assert [item.check.outcome for item in state.checks] == [CheckOutcome.FAIL, CheckOutcome.PASS]
    assert [(item.attempt, item.check.gate) for item in state.current_checks] == [(2, Gate.DATA)]


def test_a_check_of_an_unknown_gate_is_kept_as_unread() -> None:
    run = Run()
    run.add(60, "a.verify#1", EventType.CHECK_RECORDED, component="a", gate="horoscope", outcome="pass")
    state = state_of(run)
    assert state.checks == ()
    assert [note.facts["gate"] for note in state.unread] == ["horoscope"]


def test_an_answer_completes_the_open_question() -> None:
    run = Run()
    run.add(60, "approve#1", EventType.APPROVAL_ASKED, policy="ask", approvers=["alice"], timeout_s=180)
    run.add(70, "person:alice", EventType.APPROVAL_ANSWERED, decision="approve", person="alice", comment="go")
    run.add(71, "approve#1", EventType.APPROVAL_ANSWERED, decision="approve", person="policy:auto")
    first, second = state_of(run).approvals
    assert (first.asked_at, first.answered_at, first.decision, first.timeout_s) == (at(60), at(70), "approve", 180.0)
    assert (second.asked_at, second.person) == (None, "policy:auto")


def test_capacity_debts_points_loss_overrides_and_clients_are_read() -> None:
    run = Run()
    run.add(1, "s#1", EventType.CAPACITY_DECIDED, component="scoring", region="us-west-2", requested=["a", "b"],
            obtained="b", count=2, degraded=True, refused=[{"instance": "a", "reason": "quota"}])  # fmt: skip
    run.add(
        2, "fence#1", EventType.DEBT_NOTED, debt="fence", component="scoring", region="us-east-1", what="w", why="y"
    )
    run.add(3, "s#1", EventType.RECOVERY_POINT_USED, component="features", kind="feature-store", source="replica",
            point_id=None, watermark=iso(-2), rpo_s=2, objective_s=60, detail="")  # fmt: skip
    run.add(
        4, "observe#1", EventType.DATA_LOSS_COUNTED, component="features", acknowledged=9, served=8, lost=1, basis="j"
    )
    run.add(5, "person:alice", EventType.GATE_OVERRIDDEN, person="alice", reason="must", checks=[{"name": "p95"}])
    run.add(6, "client", EventType.CLIENT_OBSERVED, outage_s=1.5, requests=9, failed=2, sticky_outage_s=3,
            answered_by={"us-west-2": 7})  # fmt: skip
    state = state_of(run)
    assert (state.capacity[0].requested, state.capacity[0].degraded, state.capacity[0].count) == (("a", "b"), True, 2)
    assert (state.debts[0].debt, state.debts[0].why) == ("fence", "y")
    assert (state.points_used[0].watermark, state.points_used[0].rpo_s) == (at(-2), 2.0)
    assert (state.data_loss[0].acknowledged, state.data_loss[0].lost) == (9, 1)
    assert (state.overrides[0].person, state.overrides[0].checks) == ("alice", ({"name": "p95"},))
    assert (state.clients[0].outage_s, state.clients[0].answered_by) == (1.5, {"us-west-2": 7})


def test_events_without_a_field_of_their_own_are_kept_as_notes() -> None:
    run = Run()
    run.add(2, "fence#1", EventType.FENCED, component="scoring", region="us-west-2", what="writer")
    assert [note.facts["what"] for note in state_of(run).note(EventType.FENCED)] == ["writer"]


def test_the_state_is_plain_json() -> None:
    state = state_of(full_run())
    written = json.loads(json.dumps(state_json(state)))
    assert written["clocks"]["T0"] == iso(0)
    assert written["steps"]["scoring.verify"]["worked_s"] == 1.0
    assert json.loads(json.dumps(summary_json(state)))["outcome"] == "committed"


# --- properties ---------------------------------------------------------------------------------------------------

STEPS = st.sampled_from(["features.rehydrate", "scoring.verify", "archive.redeploy", "cutover", "unplanned.verify"])
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
WORDS = [
    "answered_by",
    "approvers",
    "at",
    "attempt",
    "checks",
    "clocks",
    "component",
    "count",
    "criteria",
    "decision",
    "effective_at",
    "error",
    "gate",
    "heads",
    "healthy_since",
    "name",
    "obtained",
    "outcome",
    "outputs",
    "people",
    "person",
    "phase",
    "plan",
    "point",
    "reason",
    "refused",
    "regions",
    "requested",
    "resources",
    "rpo_s",
    "serving",
    "step",
    "time_factor",
    "to_region",
    "waited_s",
    "watermark",
    "worked_s",
]
FITTING = st.fixed_dictionaries(
    {"step": STEPS},
    optional={
        "attempt": st.integers(1, 3),
        "worked_s": st.floats(0, 100),
        "waited_s": st.floats(0, 100),
        "outcome": st.sampled_from(["healthy", "unhealthy", "committed", "failed", "pass", "fail"]),
        "gate": st.sampled_from([*Gate]),
        "effective_at": st.just(iso(70)),
        "healthy_since": st.just(iso(75)),
        "answered_by": st.just("us-west-2"),
    },
)
PAYLOADS = st.one_of(FITTING, st.dictionaries(st.sampled_from(WORDS), JUNK, max_size=5), st.just(dict(declaration())))


@st.composite
def runs(draw: st.DrawFn) -> list[Event]:
    """Any sequence of events of one run: any types and payloads, up to three writers, times that may tie."""
    events: list[Event] = []
    seqs = {"a#1": 0, "b#2": 0, "person:x": 0}
    second = 0
    for _ in range(draw(st.integers(0, 15))):
        writer = draw(st.sampled_from(sorted(seqs)))
        seqs[writer] += 1
        second += draw(st.integers(0, 2))
        kind, payload = draw(st.sampled_from([*EventType])), draw(PAYLOADS)
        events.append(
            Event(run_id=RUN_ID, writer=writer, seq=seqs[writer], at=NOON + timedelta(seconds=second), type=kind,
                  payload=payload, prev_hash="0" * 64, hash="f" * 64)
        )  # fmt: skip
    return events


@given(runs(), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_the_order_of_arrival_and_repetition_do_not_matter(events: list[Event], rng: random.Random) -> None:
    again = [Event.from_json(event.to_json()) for event in events[: len(events) // 2]]
    shuffled = [*events, *again]
    rng.shuffle(shuffled)
    assert fold(shuffled) == fold(events)


RANK = {
    StepStatus.PENDING: 0,
    StepStatus.RUNNING: 1,
    StepStatus.FAILED: 1,
    StepStatus.SKIPPED: 2,
    StepStatus.SUCCEEDED: 3,
}


@given(runs())
@settings(max_examples=100, deadline=None)
def test_more_events_never_take_back_what_is_known(events: list[Event]) -> None:
    before = RunState()
    for event in in_order(events):
        after = advance(before, event)
        assert all(RANK[after.steps[name].status] >= RANK[step.status] for name, step in before.steps.items())
        assert all(after.steps[name].attempts >= step.attempts for name, step in before.steps.items())
        assert after.checks[: len(before.checks)] == before.checks
        assert before.declared_at is None or after.declared_at == before.declared_at
        assert before.closed_at is None or after.closed_at is not None
        assert before.effective_at is None or after.effective_at == before.effective_at
        before = after
    assert before == fold(events)


@given(runs())
@settings(max_examples=200, deadline=None)
def test_no_sequence_of_events_makes_the_fold_or_its_views_raise(events: list[Event]) -> None:
    state = fold(events)
    assert state.events == len(events)
    json.dumps(state_json(state), allow_nan=False)
    assert len(state.current_checks) <= len(state.checks)


def test_what_no_number_or_time_can_hold_reads_as_absent() -> None:
    facts = Payload({"n": 10**400, "x": True, "t": "0001-01-01T00:00:00+14:00", "naive": "2026-01-01T00:00:00"})
    assert (facts.number("n"), facts.whole("n"), facts.number("x")) == (None, None, None)
    assert (facts.time("t"), facts.time("naive"), facts.time("n")) == (None, None, None)


def test_ten_thousand_events_fold_within_a_second_or_so() -> None:
    events = [
        Event(run_id=RUN_ID, writer="a.verify#1", seq=n, at=at(n / 10), type=EventType.CHECK_RECORDED,
              payload={"component": "a", "gate": "data", "name": str(n), "outcome": "pass"}, prev_hash="", hash="")
        for n in range(1, 10_001)
    ]  # fmt: skip
    began = time.process_time()
    assert len(fold(events).checks) == 10_000
    assert time.process_time() - began < 3
