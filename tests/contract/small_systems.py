"""A system of one component, and contexts that move it from ``HOME`` to ``TARGET``."""

from pathlib import Path
from typing import Any

from recovery_ops.kinds import Kind, Stage, StepContext, driver
from recovery_ops.model.points import Capture
from recovery_ops.model.system import (
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

HOME, TARGET = "us-east-1", "us-west-2"
RUN_ID = "r-20261123-abcdef"


def component(kind: str, settings: dict[str, Any], standby: Standby = Standby.WARM) -> Component:
    return Component(
        name="thing", kind=kind, tier=Tier.CRITICAL, standby=standby, rto_s=180.0, rpo_s=900.0, settings=settings
    )


def system(only: Component, folder: Path) -> System:
    traffic = Traffic(
        name="score.example.com",
        zone="example.com",
        ttl_s=30.0,
        method=CutoverMethod.HEALTH_SWITCH,
        front_doors={},
        health_switch={},
        path="/score",
        soak_s=60.0,
        min_probes=3,
        max_failed_ratio=0.0,
    )
    return System(
        name="small",
        home=HOME,
        regions=(HOME, TARGET),
        pattern=Pattern.ACTIVE_PASSIVE,
        rto_s=600.0,
        traffic=traffic,
        approval=Approval(by_tier={}, approvers=(), timeout_s=60.0, on_timeout=OnTimeout.PROCEED),
        protection=Protection(every_s=900.0, keep_s=86_400.0, lock_s=86_400.0),
        people={},
        components=(only,),
        consistency=(),
        record_bucket="record-{region}",
        point_bucket="points-{region}",
        source=str(folder / "small.yaml"),
        folder=str(folder),
    )


def context(only: Component, folder: Path, **facts: Any) -> StepContext:
    return StepContext(
        **{
            "system": system(only, folder),
            "component": only,
            "run_id": RUN_ID,
            "source_region": HOME,
            "target_region": TARGET,
            **facts,
        }
    )


def captured(only: Component, folder: Path) -> Capture:
    """Return what the kind captures of ``HOME``, after it has been through JSON as in a manifest."""
    acting: Kind = driver(only)
    ctx = context(only, folder, run_id="protect", target_region=HOME)
    taken = acting.protect(ctx, Stage(point_id="p-1", put=lambda name, body: None))
    return Capture.from_json(taken.to_json())
