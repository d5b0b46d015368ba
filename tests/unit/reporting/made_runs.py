"""A failover of the fraud-detection system as the direct runner would record it, step by step along its plan."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from recovery_ops.model.drills import DrillKind
from recovery_ops.model.events import Event, EventType
from recovery_ops.model.plan import Mode, Phase, PhaseCost, Plan, Step
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
from recovery_ops.planning import plan, plan_to_json
from recovery_ops.record.seal import seal
from recovery_ops.testing.runs import NOON, Run, at, iso

FACTOR = 1 / 60
EAST, WEST = "us-east-1", "us-west-2"
HOP_S = 0.3

COMPONENTS = {
    "network": ("cloudformation-stack", 600.0, None, (), ("provision", "verify"), ("configuration",)),
    "configuration": ("ssm-parameters", 300.0, 900.0, (), ("rehydrate", "verify"), ("integrity", "configuration")),
    "features": ("feature-store", 480.0, 300.0, ("configuration",), ("rehydrate", "verify"), ("freshness", "data")),
    "registry": ("model-registry", 480.0, 3600.0, (), ("rehydrate", "redeploy", "verify"), ("integrity",)),
    "scoring": (
        "sagemaker-endpoint", 1200.0, None, ("network", "features", "registry"), ("redeploy", "verify"),
        ("golden-predictions", "latency", "throughput", "end-to-end"),
    ),
    "training-data": ("s3-dataset", 3600.0, 86400.0, (), ("rehydrate", "verify"), ("integrity", "data")),
}  # fmt: skip
WORKED_WAITED = {
    "declare": (0.21, 0.0), "fence": (1.9, 0.0), "approve": (0.11, 0.0), "cutover": (0.35, 1.6),
    "observe": (0.02, 2.0), "commit": (0.08, 0.0), "rollback": (0.1, 0.0), "reprotect": (1.1, 1.4),
    "close": (0.3, 0.0), "network.provision": (0.6, 1.1), "features.rehydrate": (1.2, 1.5),
    "registry.rehydrate": (0.9, 0.4), "scoring.redeploy": (1.2, 6.4), "scoring.verify": (3.4, 0.0),
}  # fmt: skip
CHECKS: Mapping[str, list[tuple[str, str, object, object, object, str]]] = {
    "network": [("configuration", "stack outputs", ["ApiHost", "SubnetIds"], ["ApiHost", "SubnetIds"], None, "")],
    "configuration": [
        ("integrity", "parameter versions", {"transform/config": 7}, {"transform/config": 7}, None, ""),
        ("configuration", "transform/config parses", True, True, None, ""),
    ],
    "features": [
        ("freshness", "newest feature", 300, 41.2, None, "s"),
        ("data", "expect_column_values_to_be_unique entity_id", 1250, 1250, 0, "rows"),
        ("data", "mean of url_length within the baseline", 0.4417, 0.4421, 0.01, ""),
    ],
    "registry": [("integrity", "model.tar.gz of v2", "9f3c1b7e" * 8, "9f3c1b7e" * 8, 0, "sha256")],
    "scoring": [
        ("golden-predictions", "largest difference to the golden predictions", 0.0, 4.4e-08, 1e-06, ""),
        ("latency", "p95", 120, 38.7, None, "ms"),
        ("throughput", "sustained", 40, 61.3, None, "/s"),
        ("end-to-end", "look-up to answer, p95", 250, 71.9, None, "ms"),
    ],
    "training-data": [
        ("integrity", "objects by pinned version", 12, 12, 0, "objects"),
        ("data", "rows", 1250, 1250, 0, "rows"),
    ],
}


def system() -> System:
    """Return the system of the demo, as its catalog would describe it."""
    return System(
        name="fraud-detection",
        home=EAST,
        regions=(EAST, WEST),
        pattern=Pattern.ACTIVE_PASSIVE,
        rto_s=1800.0,
        traffic=Traffic(
            name="score.example.com",
            zone="example.com",
            ttl_s=30,
            method=CutoverMethod.HEALTH_SWITCH,
            front_doors={EAST: "a.example.com", WEST: "b.example.com"},
            health_switch={WEST: "s3://fraud-switch-us-west-2/fraud-detection/withdraw-us-east-1"},
            path="/score",
            soak_s=120,
            min_probes=20,
            max_failed_ratio=0.01,
        ),
        approval=Approval(
            by_tier=dict.fromkeys(Tier, ApprovalMode.AUTO),
            approvers=("sre-lead",),
            timeout_s=180,
            on_timeout=OnTimeout.STOP_AND_PAGE,
        ),
        protection=Protection(every_s=900, keep_s=3024000, lock_s=604800),
        people={"sre-lead": ("alice", "bob")},
        components=tuple(_component(name) for name in COMPONENTS),
        consistency=(("features", "registry", "scoring"),),
        record_bucket="recovery-ops-record-{region}",
        point_bucket="fraud-points-{region}",
        source="fraud-detection.yaml",
        folder="fraud-detection",
    )


def _component(name: str) -> Component:
    kind, rto_s, rpo_s, needs, _, _ = COMPONENTS[name]
    return Component(
        name=name,
        kind=kind,
        tier=Tier.CRITICAL if name != "training-data" else Tier.OPERATIONAL,
        standby=Standby.WARM,
        rto_s=rto_s,
        rpo_s=rpo_s,
        needs=needs,
        gates_traffic=name != "training-data",
    )


def _costs(component: Component) -> dict[Phase, PhaseCost]:
    return {Phase(name): PhaseCost(estimate_s=60, budget_s=600) for name in COMPONENTS[component.name][4]}


def made_plan(mode: Mode = Mode.FAILOVER) -> Plan:
    """Return the plan of leaving us-east-1."""
    alone: dict[str, Any] = {"drill": DrillKind.COMPONENT, "component": "scoring"} if mode is Mode.DRILL else {}
    return plan(system(), mode=mode, impaired_region=EAST, recovery_region=WEST, costs_of=_costs, **alone)


def criteria() -> dict[str, Any]:
    """Return the success criteria, as declare would fix them."""
    return {
        "system": {"rto_s": system().rto_s},
        "components": {
            item.name: {
                "rto_s": item.rto_s, "rpo_s": item.rpo_s, "tier": str(item.tier),
                "gates_traffic": item.gates_traffic, "gates": list(COMPONENTS[item.name][5]),
            }
            for item in system().components
        },
    }  # fmt: skip


class MadeFailover:
    """Carries the plan through second by second; ``events`` is what stands in the record afterwards."""

    def __init__(self, *, mode: Mode = Mode.FAILOVER, factor: float = FACTOR, checks: bool = True) -> None:
        self.run = Run(run_id="r-20261123-abcdef")
        self.plan, self.factor, self.checks = made_plan(mode), factor, checks
        self.ended: dict[str, float] = {}

    def declare(self, **changes: object) -> None:
        frozen = plan_to_json(self.plan)
        self.run.declare(
            4.0,
            **{
                "system": "fraud-detection", "mode": str(self.plan.mode), "execution": "airflow",
                "components": list(COMPONENTS), "time_factor": self.factor, "plan": frozen,
                "plan_hash": self.plan.hash, "criteria": criteria(), "criteria_hash": "c" * 64, "warnings": [],
                "people": {"sre-lead": ["alice", "bob"]}, "reason": "us-east-1 answers nobody since 12:00",
                "point": {"id": "p-20261123t115500z-1a2b", "refused": {"p-20261123t115900z-9f0e": "not complete"}},
                "clocks": {"T0": iso(0), "T1": iso(1.5), "T2": iso(3), "T3": iso(4)},
                **changes,
            },
        )  # fmt: skip

    def whole(self) -> list[Event]:
        """Return all events of a run that succeeds."""
        self.declare()
        return self.whole_after_declare()

    def whole_after_declare(self) -> list[Event]:
        """Return all events of a run that succeeds and was declared before."""
        for step in self.plan.steps:
            if step.id != "rollback":
                self.step(step)
        self.outside()
        seal(self.run.log)
        return self.run.log.events()

    def step(self, step: Step) -> None:
        """Append start, facts and success of one step, when what it needs is over."""
        begin = max([4.0, *(self.ended[need] for need in step.needs)]) + HOP_S
        worked_s, waited_s = WORKED_WAITED.get(step.id, (0.7, 0.0))
        end = begin + worked_s + waited_s
        facts = {"step": step.id, "component": step.component, "phase": step.phase, "attempt": 1}
        self._add(begin, step, EventType.STEP_STARTED, **facts, region=WEST, control_planes=[])
        if waited_s and step.component:
            ref = {"kind": "k", "component": step.component, "phase": step.phase, "region": WEST, "resource_id": "x"}
            self._add(begin + worked_s / 2, step, EventType.OPERATION_STARTED, step=step.id, ref=ref)
            until = begin + worked_s / 2 + waited_s
            self._add(until, step, EventType.OPERATION_ENDED, step=step.id, ref=ref, state="succeeded", detail="")
        self._facts(step, end)
        times = {"worked_s": worked_s, "waited_s": waited_s, "outputs": {}}
        self._add(end, step, EventType.STEP_SUCCEEDED, **facts, **times)
        self.ended[step.id] = end

    def outside(self) -> None:
        """Append what client and writer outside saw."""
        second = max(self.ended.values()) + 1
        seen = {"outage_s": 26.4, "requests": 2210, "failed": 184, "sticky_outage_s": 31.0}
        self.run.add(second, "probe:client", EventType.CLIENT_OBSERVED, **seen, answered_by={EAST: 900, WEST: 1126})
        loss = {"acknowledged": 1833, "served": 1830, "lost": 3, "basis": "journal minus what is served"}
        self.run.add(second, "probe:writer", EventType.DATA_LOSS_COUNTED, component="features", **loss)

    def _add(self, second: float, by: Step, event_type: EventType, /, **payload: object) -> None:
        self.run.add(second, f"{by.id}#1", event_type, **payload)

    def _facts(self, step: Step, end: float) -> None:
        special: Mapping[str, Callable[[Step, float], None]] = {
            "fence": self._fence, "approve": self._approve, "cutover": self._cutover, "observe": self._observe,
            "commit": self._commit, "reprotect": self._reprotect, "close": self._close,
            "scoring.redeploy": self._capacity,
        }  # fmt: skip
        special.get(step.id, lambda *_: None)(step, end)
        if step.phase == "rehydrate":
            self._point(step, end)
        if step.phase == "verify" and self.checks:
            for check in CHECKS[str(step.component)]:
                self.check(step, end, *check)

    def check(
        self, step: Step, second: float, gate: str, name: str, expected: object, observed: object, tolerance: object,
        unit: str, **changes: object,
    ) -> None:  # fmt: skip
        """Append one check that passed, unless ``changes`` say otherwise."""
        facts = {
            "component": step.component, "gate": gate, "name": name, "expected": expected, "observed": observed,
            "tolerance": tolerance, "unit": unit, "outcome": "pass", "detail": "", "advisory": False, "step": step.id,
        }  # fmt: skip
        self._add(second - 0.1, step, EventType.CHECK_RECORDED, **facts | changes)

    def _point(self, step: Step, end: float) -> None:
        wall_s = 2.5 if step.component == "features" else 5.0
        facts = {
            "component": step.component, "kind": COMPONENTS[str(step.component)][0],
            "source": "replica" if step.component == "features" else "point", "point_id": "p-20261123t115500z-1a2b",
            "watermark": (NOON - timedelta(seconds=wall_s)).isoformat(), "rpo_s": wall_s,
            "rpo_modelled_s": wall_s / self.factor if self.factor else wall_s,
            "objective_s": COMPONENTS[str(step.component)][2],
        }  # fmt: skip
        self._add(end, step, EventType.RECOVERY_POINT_USED, **facts)

    def _fence(self, step: Step, end: float) -> None:
        debt = {"debt": "fence", "component": "features", "region": EAST, "what": "stop writers of features"}
        self._add(end, step, EventType.DEBT_NOTED, **debt, why="us-east-1 resets every connection")

    def _approve(self, step: Step, end: float) -> None:
        asked = {"policy": "auto", "approvers": ["sre-lead"], "timeout_s": 3.0}
        self._add(end - 0.1, step, EventType.APPROVAL_ASKED, **asked)
        answer = {"decision": "approve", "person": "policy:auto", "comment": "critical: auto"}
        self._add(end, step, EventType.APPROVAL_ANSWERED, **answer)

    def _cutover(self, step: Step, end: float) -> None:
        moved = {"method": "health-switch", "from_region": EAST, "to_region": WEST, "detail": "withdrawn us-east-1"}
        self._add(end - 1.6, step, EventType.TRAFFIC_MOVED, **moved)
        seen = {"effective_at": iso(end), "answered_by": WEST, "probes": 21, "waited_s": 1.6}
        self._add(end, step, EventType.TRAFFIC_OBSERVED, **seen)

    def _observe(self, step: Step, end: float) -> None:
        soak = {"outcome": "healthy", "healthy_since": iso(end - 1.98), "ended_at": iso(end), "reason": ""}
        self._add(end, step, EventType.SOAK_ENDED, **soak, probes=38, failed=0, p95_ms=24.9)

    def _commit(self, step: Step, end: float) -> None:
        self._add(end, step, EventType.RUN_COMMITTED, by="policy:soak-healthy", region=WEST)

    def _reprotect(self, step: Step, end: float) -> None:
        debt = {"debt": "reprotect", "component": "features", "region": EAST, "what": "replicate back to us-east-1"}
        self._add(end, step, EventType.DEBT_NOTED, **debt, why="the impaired region is not called")
        done = {"point_id": "p-20261123t120030z-77aa", "at": iso(end), "regions": [WEST], "detail": "locked"}
        self._add(end, step, EventType.PROTECTION_RESTORED, **done)

    def _close(self, step: Step, end: float) -> None:
        self._add(end, step, EventType.RUN_CLOSED, outcome="committed", serving_region=WEST, released=True)

    def _capacity(self, step: Step, end: float) -> None:
        refused = [{"instance": "ml.g5.xlarge", "reason": "InsufficientInstanceCapacity"}]
        wanted = ["ml.g5.xlarge", "ml.c6i.2xlarge"]
        facts = {"component": "scoring", "region": WEST, "requested": wanted, "obtained": "ml.c6i.2xlarge", "count": 3}
        self._add(end, step, EventType.CAPACITY_DECIDED, **facts, degraded=False, refused=refused)


def made_failover() -> list[Event]:
    """Return the events of a failover that deserves a pass."""
    return MadeFailover().whole()


def changed(events: list[Event], event_type: EventType, *, where: Mapping[str, object], **facts: object) -> list[Event]:
    """Return ``events`` with ``facts`` put into the payload of every event of a type that has all of ``where``."""
    from dataclasses import replace

    def fits(event: Event) -> bool:
        return event.type is event_type and all(event.payload.get(key) == value for key, value in where.items())

    assert any(fits(event) for event in events), f"no {event_type} with {where}"
    return [replace(event, payload={**event.payload, **facts}) if fits(event) else event for event in events]


def without(events: list[Event], *event_types: EventType) -> list[Event]:
    """Return ``events`` without those of some types."""
    return [event for event in events if event.type not in event_types]


def moment(second: float) -> datetime:
    """Return the time ``second`` after T0."""
    return at(second)
