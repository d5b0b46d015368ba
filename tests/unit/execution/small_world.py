"""A small system with a kind that obeys the test, a record in memory and traffic that is a variable."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recovery_ops.aws.traffic import Probe
from recovery_ops.errors import StepError
from recovery_ops.execution import (
    component_steps,
    declare,
    direct,
    fencing,
    heeding,
    leases,
    moving,
    open_runs,
    reconciling,
    reprotecting,
    steps,
    trial,
    view,
)
from recovery_ops.kinds import Kind, KindSettings, StepContext
from recovery_ops.model.checks import Check, CheckOutcome, Gate
from recovery_ops.model.events import EventType
from recovery_ops.model.operations import DONE, OperationRef, OperationState, OperationStatus
from recovery_ops.model.plan import Intent, Mode, Phase, PhaseCost
from recovery_ops.model.runs import RunRef, RunRequest
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
from recovery_ops.record.claims import Claims
from recovery_ops.record.fold import fold
from recovery_ops.record.log import EventLog
from recovery_ops.record.state import RunState
from recovery_ops.testing.stores import InMemoryObjectStore

HOME, TARGET, THIRD = "us-east-1", "us-west-2", "eu-west-1"
LIMIT_S = 20.0


def until(true: Callable[[], Any], what: str = "it") -> Any:
    """Return the first true value; fail when there is none in time."""
    end = time.monotonic() + LIMIT_S
    while not (value := true()):
        assert time.monotonic() < end, f"{what} did not come true in time"
        time.sleep(0.005)
    return value


def small_system(**changes: Any) -> System:
    """``store`` and ``model`` (which needs it) gate traffic, ``notes`` does not."""

    def component(name: str, **facts: Any) -> Component:
        wanted = {"kind": "obedient", "tier": Tier.CRITICAL, "standby": Standby.WARM, "rto_s": 600.0, "rpo_s": None}
        return Component(name=name, **wanted | facts)

    approval = Approval(
        by_tier=dict.fromkeys(Tier, ApprovalMode.AUTO),
        approvers=("sre",),
        timeout_s=60,
        on_timeout=OnTimeout.STOP_AND_PAGE,
    )
    approval = replace(approval, **changes.pop("approval", {}))
    system = System(
        name="ranking",
        home=HOME,
        regions=(HOME, TARGET, THIRD),
        pattern=Pattern.ACTIVE_PASSIVE,
        rto_s=1800.0,
        traffic=Traffic(
            name="rank.example.com",
            zone="example.com",
            ttl_s=30,
            method=CutoverMethod.HEALTH_SWITCH,
            front_doors={HOME: "a.example.com", TARGET: "b.example.com"},
            health_switch={TARGET: "s3://switch/ranking"},
            path="/",
            soak_s=60,
            min_probes=3,
            max_failed_ratio=0.01,
        ),
        approval=approval,
        protection=Protection(every_s=900, keep_s=3_024_000, lock_s=604_800),
        people={"sre": ("alice", "bob")},
        components=(
            component("store"),
            component("model", needs=("store",)),
            component("notes", gates_traffic=False),
        ),
        consistency=(),
        record_bucket="record-{region}",
        point_bucket="points-{region}",
        source="dags/ranking.yaml",
        folder="dags/ranking",
    )
    return replace(system, **changes)


@dataclass(slots=True)
class Script:
    """What the obedient kind does, by step: fail so often with these errors, run until let go, give these outcomes."""

    errors: dict[str, list[Exception]] = field(default_factory=dict)
    slow: set[str] = field(default_factory=set)
    outcomes: dict[str, CheckOutcome] = field(default_factory=dict)
    unfenced: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    graceful: dict[str, list[bool]] = field(default_factory=dict)
    """By step, what each look at it said about counting on the region that is left."""

    def note(self, what: str) -> None:
        self.calls.append(what)
        if pending := self.errors.get(what):
            raise pending.pop(0)


class ObedientKind(Kind):
    """Does in no AWS what the script says."""

    name = "obedient"
    settings_model = KindSettings
    stateful = False
    gates = frozenset({Gate.INTEGRITY})
    aws_actions = frozenset()
    script: Script

    @classmethod
    def costs(cls, component: Component) -> Mapping[Phase, PhaseCost]:
        return dict.fromkeys((Phase.REHYDRATE, Phase.VERIFY), PhaseCost(estimate_s=60, budget_s=6000))

    def start(self, phase: Phase, ctx: StepContext) -> OperationRef:
        self.script.note(f"{self.component.name}.{phase}")
        return ctx.ref(phase, f"{self.component.name}-thing")

    def poll(self, ref: OperationRef, ctx: StepContext) -> OperationStatus:
        step = f"{ref.component}.{ref.phase}"
        self.script.graceful.setdefault(step, []).append(ctx.graceful)
        slow = step in self.script.slow
        return OperationStatus(state=OperationState.RUNNING, detail="Creating") if slow else DONE

    def finish(self, ref: OperationRef, ctx: StepContext) -> Mapping[str, Any]:
        return {"graceful": ctx.graceful}

    def cancel(self, ref: OperationRef, ctx: StepContext) -> None:
        self.script.calls.append(f"{ref.component}.cancel")

    def verify(self, ctx: StepContext) -> Iterable[Check]:
        name = self.component.name
        self.script.note(f"{name}.verify")
        until(lambda: f"{name}.verify" not in self.script.slow)
        outcome = self.script.outcomes.get(name, CheckOutcome.PASS)
        yield Check(component=name, gate=Gate.INTEGRITY, name="sums", expected=1, observed=1, outcome=outcome)

    def fence(self, ctx: StepContext) -> Iterable[str]:
        self.script.calls.append(f"{self.component.name}.fence")
        if self.component.name in self.script.unfenced:
            raise StepError(f"{self.component.name}: {ctx.source_region} does not answer")
        yield f"writers of {self.component.name}"

    def travelling(self, ctx: StepContext) -> Iterable[str]:
        return ["a write"] if f"{self.component.name}.fence" in self.script.slow else []


@dataclass(slots=True)
class SmallWorld:
    """Everything in memory. ``serving`` is where the DNS name leads, ``alive`` which regions answer."""

    monkeypatch: pytest.MonkeyPatch
    stores: dict[str, InMemoryObjectStore] = field(default_factory=dict)
    script: Script = field(default_factory=Script)
    serving: str = HOME
    alive: set[str] = field(default_factory=lambda: {TARGET, THIRD})
    system: System = field(default_factory=small_system)
    probes: int = 0
    on_probe: Callable[[], None] = lambda: None
    doors_say_region: bool = True
    """Whether answers have the sandbox's header, which AWS does not send."""
    name_of: Callable[[str], str] = str
    """The name of a region's door as DNS shows it to a probe; empty when it shows none."""
    _threads: list[threading.Thread] = field(default_factory=list)

    def install(self) -> None:
        patch = self.monkeypatch.setattr
        self.monkeypatch.setenv("RECOVERY_OPS_TIME_FACTOR", "0.001")
        self.monkeypatch.delenv("RECOVERY_OPS_DATABASE_URL", raising=False)
        for module in (view, open_runs):
            patch(module, "open_store", self.store)
        for module in (component_steps, steps, fencing, reconciling, reprotecting, trial, declare):
            patch(module, "driver", self.driver)
        patch(heeding, "LOOK_AT_LEAST_S", 0.01)
        patch(component_steps, "POLL_AT_LEAST_S", 0.01)
        patch(direct, "RETRY_DELAY_S", 0.0)
        patch(leases, "RENEW_EVERY_S", 0.05)
        patch(moving.aws_traffic, "withdraw_primary", self.withdraw)
        patch(moving.aws_traffic, "readmit_primary", self.readmit)
        patch(moving.aws_traffic, "probe", self.probe)
        patch(moving, "front_door", lambda view, region: region)
        patch(reprotecting, "take_point", lambda *_, **__: type("Point", (), {"id": "p-2"})())
        ObedientKind.script = self.script

    def store(self, bucket: str, region: str, *, suspect: bool = False) -> InMemoryObjectStore:
        return self.stores.setdefault(bucket, InMemoryObjectStore())

    def driver(self, component: Component) -> Kind:
        return ObedientKind(component)

    def withdraw(self, traffic: Traffic, region: str, reason: bytes) -> str:
        self.serving = region
        return "withdrawn"

    def readmit(self, traffic: Traffic, region: str) -> str:
        self.serving = HOME
        return "readmitted"

    def probe(self, *_: Any, host: str | None = None, **__: Any) -> Probe:
        self.probes += 1
        self.on_probe()
        region = host or self.serving
        ok = region in self.alive
        said = region if ok and self.doors_say_region else ""
        names = frozenset({self.name_of(region)} - {""})
        return Probe(ok=ok, region=said, status=200 if ok else 0, seconds=0.01, names=names)

    def declare(
        self,
        *,
        graceful: bool = False,
        mode: Mode = Mode.FAILOVER,
        execution: str = "direct",
        intent: Intent = Intent.REGION_LOSS,
        lost_s: float = 0.0,
    ) -> RunRef:
        """Write the declaration of a run without a recovery point, and take its claim; T0 was ``lost_s`` before."""
        made = plan(
            self.system, mode=mode, impaired_region=HOME, recovery_region=TARGET, costs_of=ObedientKind.costs,
            intent=intent,
        )  # fmt: skip
        now = datetime.now(UTC)
        request = RunRequest(
            system=self.system.name, mode=mode, recovery_region=TARGET, person="alice", reason="gone", token="t",
            execution=execution, graceful=graceful, intent=intent, impact_at=now - timedelta(seconds=lost_s),
        )  # fmt: skip
        ref = declare._ref(request, self.system, made, now)
        self.monkeypatch.setattr(declare, "_point", lambda *_: None)
        choice: Any = type("Choice", (), {"refused": {}, "point": None})()
        facts = declare._declaration(request, self.system, made, choice, now)
        self.log(ref).writer("declare#1").append(EventType.RUN_DECLARED, facts)
        view.load_run(ref).claim()
        return ref

    def log(self, ref: RunRef) -> EventLog:
        return EventLog(self.store(ref.record_bucket, ref.recovery_region), ref.system, ref.run_id)

    def state(self, ref: RunRef) -> RunState:
        return fold(self.log(ref).events())

    def claims(self, ref: RunRef) -> Claims:
        return Claims(self.store(ref.record_bucket, ref.recovery_region))

    def carry_on(self, ref: RunRef) -> threading.Thread:
        """Let the direct runner work in the background."""
        thread = threading.Thread(target=direct.carry_on, args=(ref,), daemon=True)
        thread.start()
        self._threads.append(thread)
        return thread

    def statuses(self, ref: RunRef) -> dict[str, str]:
        return {step.id: str(step.status) for step in self.state(ref).steps.values()}

    def started(self, ref: RunRef, step: str) -> bool:
        return self.statuses(ref).get(step, "pending") != "pending"

    def ended(self, thread: threading.Thread) -> None:
        thread.join(LIMIT_S)
        assert not thread.is_alive(), "the run did not end in time"
