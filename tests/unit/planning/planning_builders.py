"""Systems made without a catalog, and what their phases cost."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from recovery_ops.model.plan import Mode, Phase, PhaseCost, Plan
from recovery_ops.model.system import (
    Approval,
    ApprovalMode,
    Component,
    CutoverMethod,
    OnTimeout,
    Pattern,
    Protection,
    Standby,
    System,
    Tier,
    Traffic,
)
from recovery_ops.planning import plan

EAST, WEST = "us-east-1", "us-west-2"

TRAFFIC = Traffic(
    name="rank.example.com",
    zone="example.com",
    ttl_s=30,
    method=CutoverMethod.HEALTH_SWITCH,
    front_doors={EAST: "a.example.com", WEST: "b.example.com"},
    health_switch={WEST: "s3://switch/ranking"},
    path="/",
    soak_s=120,
    min_probes=20,
    max_failed_ratio=0.01,
)


def make_component(name: str, **facts: Any) -> Component:
    defaults = {"kind": "store", "tier": Tier.CRITICAL, "standby": Standby.WARM, "rto_s": 600.0, "rpo_s": 60.0}
    return Component(name=name, **defaults | facts)


def make_system(*components: Component, **facts: Any) -> System:
    defaults: dict[str, Any] = {
        "name": "ranking",
        "home": EAST,
        "regions": (EAST, WEST, "eu-west-1"),
        "pattern": Pattern.ACTIVE_PASSIVE,
        "rto_s": 1800.0,
        "traffic": TRAFFIC,
        "approval": Approval(
            by_tier=dict.fromkeys(Tier, ApprovalMode.AUTO),
            approvers=("sre",),
            timeout_s=180,
            on_timeout=OnTimeout.STOP_AND_PAGE,
        ),
        "protection": Protection(every_s=900, keep_s=3024000, lock_s=604800),
        "people": {"sre": ("alice",)},
        "consistency": (),
        "record_bucket": "record-{region}",
        "point_bucket": "points-{region}",
        "source": "dags/ranking.yaml",
        "folder": "dags/ranking",
    }
    return System(components=components, **defaults | facts)


def phases(**seconds: float) -> dict[Phase, PhaseCost]:
    """Return ``phases(verify=10)`` as costs with a budget of twice the estimate plus a minute."""
    return {Phase(name): PhaseCost(estimate_s=cost, budget_s=cost * 2 + 60) for name, cost in seconds.items()}


def verified(_component: Component) -> Mapping[Phase, PhaseCost]:
    return phases(rehydrate=20, verify=10)


def make_plan(system: System, **facts: Any) -> Plan:
    defaults: dict[str, Any] = {
        "mode": Mode.FAILOVER,
        "impaired_region": EAST,
        "recovery_region": WEST,
        "costs_of": verified,
    }
    return plan(system, **defaults | facts)


@st.composite
def systems(draw: st.DrawFn) -> System:
    """Draw systems of up to eight components; each needs some that come before it in a hidden order."""
    count = draw(st.integers(min_value=1, max_value=8))
    names = draw(st.permutations([f"part-{letter}" for letter in "abcdefgh"[:count]]))
    components = [
        make_component(
            name,
            tier=draw(st.sampled_from(Tier)),
            gates_traffic=draw(st.booleans()),
            needs=tuple(draw(st.lists(st.sampled_from(names[:index]), unique=True)) if index else ()),
            settings={"size": draw(st.integers(min_value=0, max_value=3))},
        )
        for index, name in enumerate(names)
    ]
    return make_system(*draw(st.permutations(components)))


@st.composite
def costs(draw: st.DrawFn) -> Mapping[str, Mapping[Phase, PhaseCost]]:
    """Draw costs by component name; a component may take part in no phase at all."""
    cost = st.builds(
        PhaseCost,
        estimate_s=st.integers(min_value=0, max_value=500),
        budget_s=st.just(600),
        control_planes=st.sampled_from([(), ("sagemaker",), ("cloudformation", "iam")]),
    )
    by_phase = st.dictionaries(st.sampled_from(Phase), cost)
    return {f"part-{letter}": draw(by_phase) for letter in "abcdefgh"}
