"""Properties of modelled time: what holds for every run, whatever its steps did."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery_ops.reporting.chain import Span, elapsed, longest_chain
from recovery_ops.testing.runs import NOON

relaxed = settings(deadline=None, max_examples=60)
Made = tuple[dict[str, Span], dict[str, tuple[str, ...]]]


def span(name: str, begin: float, end: float, worked: float = 0.0, waited: float = 0.0) -> Span:
    started_at, ended_at = NOON + timedelta(seconds=begin), NOON + timedelta(seconds=end)
    return Span(id=name, started_at=started_at, ended_at=ended_at, worked_s=worked, waited_s=waited)


@st.composite
def runs(draw: st.DrawFn) -> Made:
    """Steps that begin some time after all they need is over; the last one needs what nobody else needs."""
    seconds = st.floats(0, 100).map(lambda value: round(value, 3))
    spans: dict[str, Span] = {}
    needs: dict[str, tuple[str, ...]] = {}
    for number in range(draw(st.integers(1, 8))):
        name = f"s{number}"
        needs[name] = tuple(draw(st.sets(st.sampled_from(sorted(spans)))) if spans else ())
        ready = max(((spans[need].ended_at - NOON).total_seconds() for need in needs[name]), default=0.0)
        begin = ready + draw(seconds)
        worked, waited, lost = draw(seconds), draw(seconds), draw(seconds)
        spans[name] = span(name, begin, begin + worked + waited + lost, worked, waited)
    open_ends = set(spans) - {need for wanted in needs.values() for need in wanted}
    end = max(spans[name].ended_at for name in spans) - NOON
    spans["end"] = span("end", end.total_seconds() + 0.5, end.total_seconds() + 1.5, 1.0)
    needs["end"] = tuple(sorted(open_ends))
    return spans, needs


def measured(made: Made, factor: float | None, begin: float = 0.0):
    spans, needs = made
    since = NOON - timedelta(seconds=begin)
    return elapsed(spans, needs, "end", since=since, until=spans["end"].ended_at, factor=factor)


@relaxed
@given(runs(), st.sampled_from([None, 0, 0.0, 1, 1.0]))
def test_without_a_factor_modelled_time_is_wall_time(made: Made, factor: float | None) -> None:
    found = measured(made, factor)
    assert found.modelled_s == pytest.approx(found.wall_s, abs=1e-4)


@relaxed
@given(runs(), st.floats(0.001, 1))
def test_modelled_time_is_never_shorter_than_scaling_the_longest_chain_of_the_wall(made: Made, factor: float) -> None:
    found = measured(made, factor)
    assert found.modelled_s >= found.wall_s - found.waited_s + found.waited_s / factor - 1e-3


@relaxed
@given(runs(), st.floats(0.001, 1))
def test_scaling_the_named_chain_gives_the_modelled_time_or_more(made: Made, factor: float) -> None:
    """The chain that is named is the one that was followed: its steps alone, without slack, explain the time."""
    spans, _ = made
    found = measured(made, factor)
    whole = sum((spans[name].ended_at - spans[name].started_at).total_seconds() for name in found.modelled_chain)
    waited = sum(spans[name].waited_s for name in found.modelled_chain)
    assert whole + waited * (1 / factor - 1) <= found.modelled_s + 1e-3


@relaxed
@given(runs())
def test_modelled_time_grows_as_the_factor_shrinks(made: Made) -> None:
    times = [measured(made, factor).modelled_s for factor in (1, 0.5, 0.1, 0.01)]
    assert times == sorted(times)


@relaxed
@given(runs(), st.floats(0, 1000))
def test_what_passed_before_the_run_counts_as_it_was(made: Made, begin: float) -> None:
    assert measured(made, 0.1, begin).modelled_s == pytest.approx(measured(made, 0.1).modelled_s + begin, abs=1e-3)


@relaxed
@given(runs())
def test_waiting_work_and_overhead_make_up_the_wall_time(made: Made) -> None:
    found = measured(made, 0.1)
    assert found.waited_s + found.worked_s + found.overhead_s == pytest.approx(found.wall_s, abs=1e-3)
    assert min(found.waited_s, found.worked_s, found.overhead_s) >= 0


@relaxed
@given(runs())
def test_hops_are_part_of_the_overhead_and_one_for_each_step_of_the_chain(made: Made) -> None:
    found = measured(made, 0.1)
    assert sum(hop.gap_s for hop in found.hops) <= found.overhead_s + 1e-3
    assert [hop.before for hop in found.hops] == [share.id for share in found.chain]


@relaxed
@given(runs())
def test_a_chain_begins_where_nothing_is_needed_and_each_step_needs_the_one_before(made: Made) -> None:
    spans, needs = made
    chain = [item.id for item in longest_chain(spans, needs, "end")]
    assert not needs[chain[0]]
    assert all(before in needs[after] for before, after in pairwise(chain))


def test_much_waiting_beside_much_work_decides_the_modelled_time() -> None:
    spans = {"wait": span("wait", 0, 9, 0, 9), "work": span("work", 0, 10, 10, 0), "end": span("end", 10, 11, 1, 0)}
    found = measured((spans, {"end": ("wait", "work")}), 0.1)
    assert [share.id for share in found.chain] == ["work", "end"]
    assert found.modelled_chain == ("wait", "end")
    assert found.modelled_s == pytest.approx(91)


def test_a_step_that_never_ran_is_looked_through() -> None:
    spans = {"a": span("a", 0, 2, 2), "end": span("end", 3, 4, 1)}
    chain = longest_chain(spans, {"end": ("skipped",), "skipped": ("a", "gone"), "gone": ()}, "end")
    assert [item.id for item in chain] == ["a", "end"]


def test_of_a_step_that_goes_on_the_rest_is_left_out_waiting_first() -> None:
    spans = {"end": span("end", 1, 11, 2, 8)}
    found = elapsed(spans, {}, "end", since=NOON, until=NOON + timedelta(seconds=4), factor=0.5)
    assert (found.wall_s, found.waited_s, found.worked_s, found.modelled_s) == (4, 1, 2, 5)


def test_no_second_counts_twice_when_a_late_attempt_overlaps_the_next_step() -> None:
    spans = {"a": span("a", 0, 6, 0, 6), "end": span("end", 4, 8, 0, 4)}
    found = measured((spans, {"end": ("a",)}), 0.5)
    assert (found.waited_s, found.modelled_s) == (8, 16)


def test_more_waiting_than_time_is_cut_to_the_time() -> None:
    found = measured(({"end": span("end", 0, 2, 5, 50)}, {}), 0.5)
    assert (found.waited_s, found.worked_s, found.modelled_s) == (2, 0, 4)


def test_needs_that_go_round_in_a_circle_end() -> None:
    spans = {"a": span("a", 0, 1), "end": span("end", 2, 3)}
    found = measured((spans, {"a": ("end",), "end": ("a",)}), 0.5)
    assert found.wall_s == 3
