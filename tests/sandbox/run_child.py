"""A runner in a process of its own: ``run_child.py FOLDER REQUEST``, where REQUEST is JSON; it prints JSON lines.

The system has one component whose kind writes an object when it starts and another one when the test says so.
"""

import json
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from recovery_ops.execution import leases

FOLDER, WANTED = Path(sys.argv[1]), json.loads(sys.argv[2])
leases.LEASE_S, leases.RENEW_EVERY_S = WANTED.get("lease_s", 60.0), 0.2  # before anything takes the lease as default

from recovery_ops.errors import RecoveryError  # noqa: E402
from recovery_ops.execution import declare as declaring  # noqa: E402
from recovery_ops.execution import direct, guarding, open_runs, runners, steps, taking_over, view  # noqa: E402
from recovery_ops.kinds import Kind, KindSettings, StepContext, kind  # noqa: E402
from recovery_ops.model.checks import Check, CheckOutcome, Gate  # noqa: E402
from recovery_ops.model.operations import OperationRef  # noqa: E402
from recovery_ops.model.plan import Mode, Phase, PhaseCost  # noqa: E402
from recovery_ops.model.runs import RunRef, RunRequest  # noqa: E402
from recovery_ops.model.system import (  # noqa: E402
    Approval,
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

REGIONS = ("us-east-1", "us-west-2", "eu-west-1")


def say(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def wait_for(name: str) -> None:
    """Wait until the test lets go of ``name``."""
    while not (FOLDER / name).exists():
        time.sleep(0.005)


@kind("two-writes")
class TwoWrites(Kind):
    settings_model = KindSettings
    stateful = False
    protected = False
    gates = frozenset({Gate.INTEGRITY})
    aws_actions = frozenset({"s3:PutObject"})

    @classmethod
    def costs(cls, component: Component) -> Mapping[Phase, PhaseCost]:
        return dict.fromkeys((Phase.REHYDRATE, Phase.VERIFY), PhaseCost(estimate_s=10, budget_s=1e6))

    def start(self, phase: Phase, ctx: StepContext) -> OperationRef:
        for number in ("first", "second"):
            if number == "second" and (let_by := WANTED.get("waits")):
                say(wrote="first")
                wait_for(let_by)
            key = f"made/{ctx.run_id}/{number}"
            ctx.aws("s3").put_object(Bucket=bucket(ctx.target_region), Key=key, Body=b"1")
        return ctx.ref(phase, ctx.run_id)

    def verify(self, ctx: StepContext) -> Iterable[Check]:
        yield Check(component="thing", gate=Gate.INTEGRITY, name="n", expected=1, observed=1, outcome=CheckOutcome.PASS)


def bucket(region: str) -> str:
    return f"{WANTED['system']}-{region}"


def system() -> System:
    thing = Component(
        name="thing", kind="two-writes", tier=Tier.CRITICAL, standby=Standby.WARM, rto_s=600.0, rpo_s=None
    )
    traffic = Traffic(
        name="x.example.com", zone="example.com", ttl_s=30.0, method=CutoverMethod.HEALTH_SWITCH, front_doors={},
        health_switch={}, path="/", soak_s=60.0, min_probes=3, max_failed_ratio=0.0,
    )  # fmt: skip
    return System(
        name=WANTED["system"], home=REGIONS[0], regions=REGIONS, pattern=Pattern.ACTIVE_PASSIVE, rto_s=600.0,
        traffic=traffic, approval=Approval(by_tier={}, approvers=(), timeout_s=60.0, on_timeout=OnTimeout.PROCEED),
        protection=Protection(every_s=900.0, keep_s=1e6, lock_s=1e6), people={}, components=(thing,), consistency=(),
        record_bucket=WANTED["system"] + "-{region}", point_bucket="none-{region}", source="x.yaml", folder="x",
    )  # fmt: skip


def without_points() -> None:
    """There is nothing to recover from, and this kind needs nothing; nor is there a production that could be asked."""
    point = type("Point", (), {"captures": {}})()
    declaring.choose_point = lambda *_, **__: type("Choice", (), {"refused": {}, "point": point})()  # type: ignore[assignment]
    declaring._point = lambda *_: None  # type: ignore[assignment,return-value]
    declaring.body_of = guarding.body_of = lambda _: b""
    guarding.production_trouble = lambda *_: ""


def declared() -> RunRef:
    mode = Mode(WANTED.get("mode", "component"))
    request = RunRequest(
        system=WANTED["system"], mode=mode, recovery_region=WANTED.get("to", REGIONS[1]), person=WANTED["person"],
        reason="test", token=WANTED["person"], execution="direct",
        component="thing" if mode is Mode.COMPONENT else None,
    )  # fmt: skip
    return declaring.declare(request, system())


def main() -> None:
    without_points()
    if "acts_as" in WANTED:
        runners.act_as(WANTED["acts_as"])
    if "barrier" in WANTED:
        say(ready=True)
        wait_for(WANTED["barrier"])
    if run_id := WANTED.get("take_over"):
        ref = open_runs.find_run(system(), run_id)
        taking_over.take_over(ref, person=WANTED["person"], reason="test")
    elif run_id := WANTED.get("go_on"):
        ref = open_runs.find_run(system(), run_id)
    else:
        ref = declared()
    say(run=ref.run_id)
    if "step" in WANTED:
        say(outcome=steps.run_step(ref, WANTED["step"], attempt=WANTED["attempt"]).outcome)
    if WANTED.get("carry_on"):
        direct.carry_on(ref, progress=lambda step, state: say(step=step, state=state))
        say(outcome=direct.state_of(view.load_run(ref)).outcome)


if __name__ == "__main__":
    try:
        main()
    except RecoveryError as error:
        say(error=type(error).__name__, message=error.message, facts=error.facts)
