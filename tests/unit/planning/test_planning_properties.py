"""What holds for every system and every cost."""

import itertools
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planning_builders import costs, make_plan, systems

from recovery_ops.model.freezing import thaw
from recovery_ops.model.plan import Mode, PhaseCost
from recovery_ops.planning import in_order, longest_chain, plan_from_json, plan_to_json
from recovery_ops.planning.estimates import remaining_s

UNHURRIED = settings(deadline=None, max_examples=60)
"""Wall time says nothing on a machine that does other work."""
MODES = st.sampled_from([Mode.FAILOVER, Mode.DRILL])


def planned(system, by_name, mode=Mode.FAILOVER):
    return make_plan(system, mode=mode, costs_of=lambda component: by_name[component.name])


@UNHURRIED
@given(system=systems(), by_name=costs(), mode=MODES)
def test_nothing_starts_before_what_it_needs(system, by_name, mode):
    seen: set[str] = set()
    for step in planned(system, by_name, mode).steps:
        assert set(step.needs) <= seen
        seen.add(step.id)


@UNHURRIED
@given(system=systems(), by_name=costs())
def test_a_component_starts_after_every_phase_of_all_it_needs_directly_or_not(system, by_name):
    made = planned(system, by_name)
    for step in made.steps:
        if step.component is None:
            continue
        before = ancestors(made, step.id)
        for need in system.component(step.component).needs:
            assert {other.id for other in made.steps if other.component == need} <= before


@UNHURRIED
@given(system=systems(), by_name=costs(), mode=MODES)
def test_every_step_is_reached_from_declare_and_close_waits_for_all_but_rollback(system, by_name, mode):
    made = planned(system, by_name, mode)
    everything = {step.id for step in made.steps}
    assert all("declare" in ancestors(made, step_id) for step_id in everything - {"declare"})
    assert everything - ancestors(made, "close") <= {"close", "rollback"}


@UNHURRIED
@given(system=systems(), by_name=costs())
def test_traffic_moves_after_every_component_that_gates_it(system, by_name):
    made = planned(system, by_name)
    gating = {component.name for component in system.components if component.gates_traffic}
    assert {step.id for step in made.steps if step.component in gating} <= ancestors(made, "cutover")


@UNHURRIED
@given(system=systems(), by_name=costs(), mode=MODES)
def test_the_longest_chain_is_a_real_path_and_none_is_longer(system, by_name, mode):
    made = planned(system, by_name, mode)
    for estimate in made.estimates:
        chain = [made.step(step_id) for step_id in estimate.chain]
        assert chain[0].needs == ()
        assert all(first.id in second.needs for first, second in itertools.pairwise(chain))
        assert estimate.estimate_s == sum(step.estimate_s for step in chain) == slowest(made, estimate.chain[-1])


@UNHURRIED
@given(system=systems(), by_name=costs(), mode=MODES)
def test_what_remains_grows_towards_the_begin_and_is_the_whole_plan_there(system, by_name, mode):
    steps = planned(system, by_name, mode).steps
    left_s = remaining_s(steps)
    assert max(left_s.values()) == pytest.approx(max(chain_s(steps, step.id) for step in steps))
    for step in steps:
        waiting_s = max((left_s[item.id] for item in steps if step.id in item.needs), default=0.0)
        assert left_s[step.id] == pytest.approx(step.estimate_s + waiting_s)


def chain_s(steps, end):
    return sum(step.estimate_s for step in longest_chain(steps, end))


@UNHURRIED
@given(system=systems(), by_name=costs())
def test_the_order_is_that_of_the_most_critical_that_may_come(system, by_name):
    order = in_order(system)
    assert sorted(component.name for component in order) == sorted(item.name for item in system.components)
    assert order == in_order(replace(system, components=tuple(reversed(system.components))))


@UNHURRIED
@given(system=systems(), by_name=costs(), order=st.randoms())
def test_the_hash_depends_neither_on_the_order_of_components_nor_on_estimates(system, by_name, order):
    components = list(system.components)
    order.shuffle(components)
    slower = {name: {phase: longer(cost) for phase, cost in phases.items()} for name, phases in by_name.items()}
    mixed = replace(system, components=tuple(components), source="elsewhere.yaml")
    assert planned(mixed, slower).hash == planned(system, by_name).hash


@UNHURRIED
@given(system=systems(), by_name=costs(), data=st.data())
def test_the_hash_changes_with_any_setting_of_any_component(system, by_name, data):
    index = data.draw(st.integers(min_value=0, max_value=len(system.components) - 1))
    components = list(system.components)
    components[index] = replace(components[index], settings={"size": components[index].settings["size"] + 1})
    altered = replace(system, components=tuple(components))
    assert planned(altered, by_name).hash != planned(system, by_name).hash


@UNHURRIED
@given(system=systems(), by_name=costs(), mode=MODES)
def test_a_plan_survives_json_and_holds_the_whole_system(system, by_name, mode):
    made = planned(system, by_name, mode)
    again = plan_from_json(json.loads(json.dumps(plan_to_json(made))))
    assert again == made
    assert thaw(again.frozen) == system


def test_the_hash_names_mode_and_direction():
    from planning_builders import EAST, WEST, make_component, make_system

    system = make_system(make_component("items"))
    hashes = {
        make_plan(system).hash,
        make_plan(system, mode=Mode.DRILL).hash,
        make_plan(system, impaired_region=WEST, recovery_region=EAST).hash,
        make_plan(system, recovery_region="eu-west-1").hash,
    }
    assert len(hashes) == 4


def test_of_two_equal_chains_the_first_need_wins():
    from planning_builders import make_component, make_system

    made = make_plan(make_system(make_component("a"), make_component("b"), make_component("c", needs=("b", "a"))))
    assert [step.id for step in longest_chain(made.steps, "c.verify")][2] == "b.rehydrate"


def longer(cost: PhaseCost) -> PhaseCost:
    return replace(cost, estimate_s=cost.estimate_s + 1, budget_s=cost.budget_s * 2)


def ancestors(made, step_id: str) -> set[str]:
    found: set[str] = set()
    waiting = list(made.step(step_id).needs)
    while waiting:
        at = waiting.pop()
        if at not in found:
            found.add(at)
            waiting += made.step(at).needs
    return found


def slowest(made, step_id: str) -> float:
    """Try every path to ``step_id``; slow and plain on purpose."""
    step = made.step(step_id)
    return step.estimate_s + max((slowest(made, need) for need in step.needs), default=0)
