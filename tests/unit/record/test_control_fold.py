"""Promises of the fold of wishes: whatever people ask, in whatever order it is read."""

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from recovery_ops.model.events import EventType
from recovery_ops.record.control import ControlState
from recovery_ops.record.fold import fold
from recovery_ops.testing.runs import Run

STEPS = st.sampled_from(["scoring.verify", "features.rehydrate"])
WISHES = st.one_of(
    st.tuples(st.sampled_from([EventType.RUN_PAUSED, EventType.RUN_RESUMED, EventType.RUN_CANCELLED]), st.just({})),
    st.tuples(st.sampled_from([EventType.STEP_SKIPPED, EventType.RETRY_ASKED]), st.fixed_dictionaries({"step": STEPS})),
    st.tuples(
        st.just(EventType.GRACEFULNESS_CHANGED),
        st.fixed_dictionaries({"graceful": st.booleans(), "step": st.one_of(st.none(), STEPS)}),
    ),
    st.tuples(st.just(EventType.RUN_TAKEN_OVER), st.fixed_dictionaries({"runner": st.sampled_from(["a", "b"])})),
    st.tuples(st.just(EventType.RUN_PREEMPTED), st.fixed_dictionaries({"by_run": st.sampled_from(["r-1", "r-2"])})),
)
ASKED = st.lists(st.tuples(st.sampled_from(["alice", "bob"]), WISHES), max_size=12)


def run_of(asked: list[tuple[str, tuple[EventType, dict[str, object]]]]) -> Run:
    run = Run()
    run.declare()
    for second, (person, (kind, facts)) in enumerate(asked):
        run.add(30 + second, f"person:{person}", kind, person=person, reason=f"no {second}", **facts)
    return run


@given(ASKED, st.integers())
def test_the_last_word_counts_whatever_the_order_of_reading(asked, seed: int) -> None:
    events = run_of(asked).log.events()
    shuffled = events * 2
    random.Random(seed).shuffle(shuffled)
    control = fold(shuffled).control
    assert control == fold(events).control == fold([event for event in events if "person:" in event.writer]).control
    kinds = [kind for _, (kind, _) in asked]
    pausing = [kind for kind in kinds if kind in (EventType.RUN_PAUSED, EventType.RUN_RESUMED)]
    assert (control.paused is not None) == (pausing[-1:] == [EventType.RUN_PAUSED])
    runners = [facts["runner"] for _, (kind, facts) in asked if kind is EventType.RUN_TAKEN_OVER]
    assert control.runner == (runners[-1] if runners else None)


@given(ASKED, ASKED)
def test_a_cancel_and_a_pre_emption_are_never_taken_back(before, after) -> None:
    first, both = fold(run_of(before).log.events()).control, fold(run_of(before + after).log.events()).control
    assert not first.stopped or both.stopped
    assert first.cancelled in (None, both.cancelled)
    assert first.preempted_by in (None, both.preempted_by)


@given(ASKED, STEPS, st.booleans())
def test_gracefulness_is_as_the_last_word_about_the_step_or_the_run_says(asked, step: str, declared: bool) -> None:
    said = [
        facts["graceful"]
        for _, (kind, facts) in asked
        if kind is EventType.GRACEFULNESS_CHANGED and facts["step"] in (None, step)
    ]
    control = fold(run_of(asked).log.events()).control
    assert control.is_graceful(step, declared=declared) == (said[-1] if said else declared)


def test_wishes_that_cannot_be_read_do_no_harm() -> None:
    run = Run()
    run.declare()
    for kind in (EventType.RUN_PAUSED, EventType.RETRY_ASKED, EventType.RUN_TAKEN_OVER, EventType.STEP_SKIPPED):
        run.add(40, "person:mallory", kind, person=7, reason=None, step=["x"], runner={})
    control = fold(run.log.events()).control
    assert control.paused is not None
    assert control.runner is None
    assert replace(control, paused=None, skips={}, retries={}, takeovers=()) == ControlState()
