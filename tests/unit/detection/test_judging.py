"""Quorum, hold-down and flapping: what signals lead to, and what they never lead to."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery_ops.detection.judging import SCENARIOS, Circumstances, continued, dag_run_id, followed, judge
from recovery_ops.model.detection import (
    Decision,
    Detection,
    DetectionMode,
    Judgment,
    Override,
    Sighting,
    Signal,
    SignalName,
    SignalState,
    Verdict,
)
from recovery_ops.playbooks import page_ids

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
ALL = (SignalName.ALARM, SignalName.NAME, SignalName.FRONT_DOOR, SignalName.AWS)
POLICY = Detection(
    signals=ALL,
    quorum=3,
    hold_down_s=120.0,
    every_s=30.0,
    min_between_runs_s=3600.0,
    mode=DetectionMode.AUTOMATIC,
    slow_s=2.0,
)
H, S, P, X, U = SignalState
Look = Sequence[SignalState]


def after(*looks: Look, every_s: float = 30.0) -> tuple[tuple[Signal, ...], datetime]:
    """Return the signals after looks that came ``every_s`` apart, and the time of the last one."""
    signals: tuple[Signal, ...] = ()
    now = START
    for number, states in enumerate(looks):
        now = START + timedelta(seconds=number * every_s)
        sightings = [Sighting(name=name, state=state) for name, state in zip(ALL, states, strict=True)]
        signals = followed(signals, sightings, now)
    return signals, now


def judged(*looks: Look, policy: Detection = POLICY, **about: Any) -> Judgment:
    signals, now = after(*looks)
    facts = {"region": "us-east-1", "recovery_region": "us-west-2", "now": now} | about
    return judge(signals, policy, Circumstances(**facts))


DEAD, FINE = (X, X, X, X), (H, H, H, H)


def test_a_dead_region_is_left_after_the_hold_down_and_not_before() -> None:
    assert judged(FINE, *[DEAD] * 4).decision is Decision.NOTHING
    found = judged(FINE, *[DEAD] * 5)
    assert (found.verdict, found.decision, found.scenario) == (Verdict.REGION_LOSS, Decision.FAIL_OVER, "region-loss")
    assert found.impact_at == START + timedelta(seconds=30)
    assert found.detected_at == START + timedelta(seconds=150)


@pytest.mark.parametrize(
    ("look", "verdict"),
    [
        ((X, X, X, P), Verdict.SERVICE_OUT),
        ((X, X, X, H), Verdict.SERVICE_OUT),
        ((H, X, X, H), Verdict.SERVICE_OUT),
        ((H, H, H, P), Verdict.SERVICE_OUT),
        ((H, S, S, H), Verdict.BROWN_OUT),
        ((H, H, H, S), Verdict.BROWN_OUT),
        ((X, H, H, H), Verdict.SUSPECT),
        ((H, X, H, X), Verdict.SUSPECT),
        ((U, X, U, X), Verdict.SUSPECT),
        ((X, X, X, U), Verdict.SUSPECT),
        ((U, U, U, U), Verdict.HEALTHY),
    ],
)
def test_partial_outages_are_told_apart_and_never_move_traffic(look: Look, verdict: Verdict) -> None:
    found = judged(FINE, *[look] * 6)
    assert found.verdict is verdict
    assert found.decision is (Decision.ADVISE if verdict in SCENARIOS else Decision.NOTHING)


def test_what_goes_up_and_down_is_a_brown_out_and_never_a_loss() -> None:
    found = judged(*[FINE, DEAD] * 5)
    assert (found.verdict, found.decision) == (Verdict.BROWN_OUT, Decision.ADVISE)


@pytest.mark.parametrize(
    ("about", "policy", "why"),
    [
        ({}, {"mode": DetectionMode.ADVISE}, "policy is advise"),
        ({"target_trouble": "s3 of us-west-2 do not answer"}, {}, "cannot take over"),
        ({"override": Override(paused=True, person="alice", reason="works", at=START)}, {}, "alice paused"),
        ({"automatic_at": START - timedelta(seconds=3000)}, {}, "last automatic run"),
    ],
)
def test_reasons_to_leave_it_to_people(about: Mapping[str, Any], policy: Mapping[str, Any], why: str) -> None:
    found = judged(FINE, *[DEAD] * 5, policy=replace(POLICY, **policy), **about)
    assert found.decision is Decision.ADVISE
    assert why in found.why


def test_what_was_paused_goes_on_and_what_is_long_ago_does_not_count() -> None:
    again = Override(paused=False, person="alice", reason="done", at=START)
    old = START - timedelta(seconds=3600)
    assert judged(FINE, *[DEAD] * 5, override=again, automatic_at=old).decision is Decision.FAIL_OVER


def test_an_open_run_is_left_alone() -> None:
    assert judged(FINE, *[DEAD] * 5, open_run="r-20261123-abcdef").decision is Decision.NOTHING


def test_an_incident_keeps_its_clocks_and_its_run() -> None:
    first, later = judged(FINE, *[DEAD] * 5), judged(FINE, *[DEAD] * 9)
    assert continued(later, first).detected_at == first.detected_at
    assert dag_run_id(continued(later, first)) == dag_run_id(first) == "automatic__us-east-1__20261123T090030.000000"
    elsewhere = replace(first, region="eu-west-1")
    assert continued(later, elsewhere).detected_at == later.detected_at


def test_nothing_follows_from_health() -> None:
    with pytest.raises(ValueError, match="healthy"):
        dag_run_id(judged(FINE))


def test_every_scenario_is_a_page_of_the_playbook() -> None:
    assert set(SCENARIOS.values()) <= page_ids()


def test_a_judgment_survives_json() -> None:
    found = judged(FINE, *[DEAD] * 5)
    assert Judgment.from_json(found.to_json()) == found


looks = st.lists(st.tuples(*[st.sampled_from(list(SignalState))] * 4), min_size=1, max_size=14)


@given(looks, st.integers(1, 4))
def test_traffic_moves_only_when_a_quorum_was_impaired_all_along_and_aws_was_silent(
    seen: list[Look], quorum: int
) -> None:
    found = judged(*seen, policy=replace(POLICY, quorum=quorum))
    if found.decision is not Decision.FAIL_OVER:
        return
    last = seen[-5:]
    assert len(seen) >= 5
    all_along = [index for index in range(4) if all(look[index] is X for look in last)]
    assert len(all_along) >= quorum
    assert ALL.index(SignalName.AWS) in all_along
    assert found.impact_at is not None
    assert found.detected_at is not None
    assert found.impact_at <= found.detected_at


@given(looks)
def test_a_region_with_a_service_that_answers_is_never_left(seen: list[Look]) -> None:
    alive = [*seen, (*seen[-1][:3], H)]
    assert judged(*alive).decision is not Decision.FAIL_OVER


@given(looks, st.sampled_from(["mode", "target", "override", "recent", "run"]))
def test_no_signals_overrule_people_policy_or_a_second_region_in_trouble(seen: list[Look], reason: str) -> None:
    policy = replace(POLICY, quorum=1, mode=DetectionMode.ADVISE if reason == "mode" else DetectionMode.AUTOMATIC)
    about: dict[str, dict[str, Any]] = {
        "target": {"target_trouble": "it is dark"},
        "override": {"override": Override(paused=True, person="a", reason="b", at=START)},
        "recent": {"automatic_at": START},
        "run": {"open_run": "r-20261123-abcdef"},
    }
    assert judged(*seen, policy=policy, **about.get(reason, {})).decision is not Decision.FAIL_OVER


@given(looks)
def test_a_state_that_goes_on_keeps_its_beginning(seen: list[Look]) -> None:
    signals, now = after(*seen)
    again = followed(signals, [Sighting(name=s.name, state=s.state) for s in signals], now + timedelta(seconds=1))
    assert [signal.since for signal in again] == [signal.since for signal in signals]
    assert [signal.changes for signal in again] == [signal.changes for signal in signals]
