"""Which steps a plan has, and what each waits for."""

import pytest
from planning_builders import EAST, WEST, make_component, make_plan, make_system, phases

from recovery_ops.errors import RequestError
from recovery_ops.model.drills import DrillKind
from recovery_ops.model.plan import Intent, Mode, PhaseCost, Plane
from recovery_ops.model.system import CutoverMethod, Tier
from recovery_ops.planning import in_order

ITEMS = make_component("items")
RANKER = make_component("ranker", needs=("items",), rpo_s=None)
NOTES = make_component("notes", tier=Tier.DEVELOPMENT, gates_traffic=False)
SYSTEM = make_system(RANKER, NOTES, ITEMS)


def needs(plan):
    return {step.id: step.needs for step in plan.steps}


def test_a_failover_waits_for_what_it_needs_and_moves_traffic_last():
    assert needs(make_plan(SYSTEM)) == {
        "declare": (),
        "fence": ("declare",),
        "items.rehydrate": ("fence",),
        "items.verify": ("items.rehydrate",),
        "ranker.rehydrate": ("items.verify",),
        "ranker.verify": ("ranker.rehydrate",),
        "notes.rehydrate": ("fence",),
        "notes.verify": ("notes.rehydrate",),
        "approve": ("items.verify", "ranker.verify"),
        "cutover": ("approve",),
        "observe": ("cutover",),
        "commit": ("observe",),
        "rollback": ("observe",),
        "reprotect": ("commit",),
        "close": ("reprotect", "notes.verify"),
    }


def test_a_drill_has_the_component_steps_of_a_failover_and_leaves_writers_alone():
    real, drill = needs(make_plan(SYSTEM)), needs(make_plan(SYSTEM, mode=Mode.DRILL))
    assert not {"fence", "approve", "commit", "rollback", "reprotect"} & set(drill)
    assert [step for step in drill if "." in step] == [step for step in real if "." in step]
    assert drill["items.rehydrate"] == ("stage",)
    assert drill["cutover"] == real["approve"]
    assert drill["clean-up"] == ("observe", "notes.verify")
    assert drill["close"] == ("clean-up",)


def test_a_full_drill_goes_back_and_a_component_drill_brings_up_what_it_needs():
    full = needs(make_plan(SYSTEM, mode=Mode.DRILL, drill=DrillKind.FULL))
    assert full["go-back"] == ("observe",)
    alone = needs(make_plan(SYSTEM, mode=Mode.DRILL, drill=DrillKind.COMPONENT, component="ranker"))
    assert {step.partition(".")[0] for step in alone if "." in step} == {"items", "ranker"}
    assert not {"cutover", "observe", "go-back"} & set(alone)
    assert alone["clean-up"] == ("items.verify", "ranker.verify")
    with pytest.raises(RequestError, match="needs the name of a component"):
        make_plan(SYSTEM, mode=Mode.DRILL, drill=DrillKind.COMPONENT)
    with pytest.raises(RequestError, match="regional drill takes the whole system"):
        make_plan(SYSTEM, mode=Mode.DRILL, component="ranker")
    with pytest.raises(RequestError, match="has no plan"):
        make_plan(SYSTEM, mode=Mode.DRILL, drill=DrillKind.TABLETOP)


def test_a_component_run_has_the_phases_of_that_component_only():
    assert needs(make_plan(SYSTEM, mode=Mode.COMPONENT, component="ranker")) == {
        "declare": (),
        "ranker.rehydrate": ("declare",),
        "ranker.verify": ("ranker.rehydrate",),
        "close": ("ranker.verify",),
    }


def test_a_component_without_phases_stands_for_what_it_needs():
    chain = make_system(ITEMS, make_component("label", needs=("items",)), make_component("top", needs=("label",)))
    made = needs(make_plan(chain, costs_of=lambda item: {} if item.name == "label" else phases(verify=10)))
    assert made["top.verify"] == ("items.verify",)
    bare = needs(make_plan(make_system(make_component("label")), costs_of=lambda _: {}))
    assert bare["approve"] == ("fence",)
    assert bare["close"] == ("reprotect",)


def test_phases_come_in_their_own_order_whatever_the_kind_says():
    costs = phases(verify=1, redeploy=1, provision=1)
    made = make_plan(make_system(ITEMS), costs_of=lambda _: costs)
    ids = [step.id for step in made.steps if step.component]
    assert ids == ["items.provision", "items.redeploy", "items.verify"]


def test_critical_components_come_first_and_lend_their_urgency_to_what_they_need():
    urgent = make_component("urgent", needs=("zz-base",))
    base = make_component("zz-base", tier=Tier.DEVELOPMENT)
    other = make_component("aa-other", tier=Tier.OPERATIONAL)
    names = [component.name for component in in_order(make_system(other, urgent, base))]
    assert names == ["zz-base", "urgent", "aa-other"]


def test_moving_traffic_by_health_switch_needs_no_control_plane_and_by_records_needs_that_of_dns():
    from dataclasses import replace

    assert make_plan(SYSTEM).step("cutover").plane is Plane.DATA
    by_records = replace(SYSTEM, traffic=replace(SYSTEM.traffic, method=CutoverMethod.RECORD_BATCH))
    step = make_plan(by_records).step("cutover")
    assert (step.plane, step.control_planes) == (Plane.CONTROL, ("route53",))


def test_the_system_is_forecast_to_cutover_and_names_its_longest_chain():
    made = make_plan(SYSTEM)
    whole = made.estimates[0]
    chain = ("declare", "fence", "items.rehydrate", "items.verify", "ranker.rehydrate", "ranker.verify")
    assert whole.chain == (*chain, "approve", "cutover")
    # declare 5, fence 10, four phases 60, approve 5, three health checks 10 s apart and one TTL of 30 s
    assert whole.estimate_s == 5 + 10 + 60 + 5 + (30 + 30)
    assert (whole.name, whole.objective_s, whole.fits) == ("ranking", 1800, True)


def test_every_component_is_forecast_to_its_last_phase():
    found = {item.name: (item.estimate_s, item.chain[-1]) for item in make_plan(SYSTEM).estimates[1:]}
    assert found == {
        "items": (45, "items.verify"),
        "ranker": (75, "ranker.verify"),
        "notes": (45, "notes.verify"),
    }


def test_a_forecast_beyond_its_objective_does_not_fit():
    slow = make_plan(SYSTEM, costs_of=lambda _: phases(verify=3600))
    assert [item.fits for item in slow.estimates] == [False] * 4


def test_a_component_run_says_nothing_about_the_system():
    made = make_plan(SYSTEM, mode=Mode.COMPONENT, component="items")
    assert [item.name for item in made.estimates] == ["items"]


def test_budgets_and_control_planes_are_those_of_the_kind():
    cost = {phase: PhaseCost(estimate_s=1, budget_s=77, control_planes=("sagemaker",)) for phase in phases(verify=1)}
    step = make_plan(make_system(ITEMS), costs_of=lambda _: cost).step("items.verify")
    assert (step.budget_s, step.control_planes, step.plane) == (77, ("sagemaker",), Plane.CONTROL)


REFUSED = {
    "an unknown recovery region": (
        {"recovery_region": "us-wset-2"},
        r"recovery region 'us-wset-2' is not in the catalog of ranking \(us-east-1, us-west-2, eu-west-1\); "
        "did you mean 'us-west-2'",
    ),
    "an unknown impaired region": ({"impaired_region": "ap-south-1"}, "impaired region 'ap-south-1' is not in"),
    "the impaired region itself": ({"recovery_region": EAST}, "cannot recover in us-east-1: it is the impaired region"),
    "a failback that goes elsewhere": (
        {"mode": Mode.FAILBACK},
        "goes home, to us-east-1, and not to us-west-2",
    ),
    "an unknown component": (
        {"mode": Mode.COMPONENT, "component": "rankr"},
        "no component 'rankr'.*did you mean 'ranker'",
    ),
    "a component run without a component": ({"mode": Mode.COMPONENT}, "needs the name of a component"),
    "a failover of one component": ({"component": "items"}, "takes the whole system"),
    "a component without phases": (
        {"mode": Mode.COMPONENT, "component": "items", "costs_of": lambda _: {}},
        "'items' has no phase of its own",
    ),
}


@pytest.mark.parametrize(("facts", "words"), REFUSED.values(), ids=REFUSED)
def test_what_can_never_become_a_plan_is_refused_as_bad_input(facts, words):
    with pytest.raises(RequestError, match=words) as raised:
        make_plan(SYSTEM, **facts)
    assert raised.value.exit_code == 2


def test_a_member_of_a_consistency_group_does_not_go_back_in_time_alone():
    bound = make_system(ITEMS, RANKER, NOTES, consistency=(("items", "ranker"),))
    with pytest.raises(RequestError, match="'items' cannot go back in time alone: it is consistent with ranker"):
        make_plan(bound, mode=Mode.COMPONENT, component="items", intent=Intent.CORRUPTION)
    make_plan(bound, mode=Mode.COMPONENT, component="items", intent=Intent.REGION_LOSS)
    make_plan(bound, mode=Mode.COMPONENT, component="notes", intent=Intent.CORRUPTION)
    make_plan(bound, intent=Intent.CORRUPTION)


def test_a_failback_goes_home():
    made = make_plan(SYSTEM, mode=Mode.FAILBACK, impaired_region=WEST, recovery_region=EAST)
    assert (made.mode, made.recovery_region) == (Mode.FAILBACK, EAST)


@pytest.mark.parametrize(
    ("components", "words"),
    [
        ((make_component("a", needs=("b",)), make_component("b", needs=("a",))), "in a circle among a, b"),
        ((make_component("a", needs=("b",)),), "'a' needs 'b', which is not in the system"),
    ],
)
def test_a_system_that_no_catalog_would_allow_is_refused(components, words):
    with pytest.raises(RequestError, match=words):
        make_plan(make_system(*components))
