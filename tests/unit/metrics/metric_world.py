"""Systems and records for tests of metrics: a small system, its record in memory, and what a scrape says of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

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
from recovery_ops.reporting.metrics import Watch, exposition
from recovery_ops.testing.runs import NOON, SYSTEM
from recovery_ops.testing.stores import InMemoryObjectStore

HOME, TARGET = "us-east-1", "us-west-2"


def fraud() -> System:
    """The system of ``recovery_ops.testing.runs``, as a catalog would describe it."""
    common = {"tier": Tier.CRITICAL, "standby": Standby.WARM, "rto_s": 300.0}
    return System(
        name=SYSTEM,
        home=HOME,
        regions=(HOME, TARGET),
        pattern=Pattern.ACTIVE_PASSIVE,
        rto_s=600.0,
        traffic=Traffic(
            name="score.example.com", zone="example.com", ttl_s=30, method=CutoverMethod.HEALTH_SWITCH,
            front_doors={}, health_switch={}, path="/", soak_s=60, min_probes=3, max_failed_ratio=0.01,
        ),
        approval=Approval(
            by_tier=dict.fromkeys(Tier, ApprovalMode.AUTO), approvers=(), timeout_s=60, on_timeout=OnTimeout.PROCEED
        ),
        protection=Protection(every_s=900, keep_s=3_024_000, lock_s=604_800),
        people={},
        components=(
            Component(name="features", kind="feature-store", rpo_s=60.0, **common),
            Component(name="scoring", kind="sagemaker-endpoint", rpo_s=None, **common),
            Component(name="archive", kind="s3-dataset", rpo_s=3600.0, gates_traffic=False, **common),
        ),
        consistency=(),
        record_bucket="record-{region}",
        point_bucket="points-{region}",
        source="fraud.yaml",
        folder="fraud",
    )  # fmt: skip


@dataclass(slots=True)
class MetricWorld:
    """The record of one system in two regions, and a clock that the test moves."""

    spool: Path
    stores: dict[str, InMemoryObjectStore] = field(
        default_factory=lambda: {HOME: InMemoryObjectStore(), TARGET: InMemoryObjectStore()}
    )
    now: datetime = NOON
    problems: int = 0

    @property
    def store(self) -> InMemoryObjectStore:
        """Where runs into the recovery region are recorded."""
        return self.stores[TARGET]

    def watch(self, **changes: float) -> Watch:
        """A watch as a process that was started just now has it."""
        facts = {"fresh_s": 0.0, **changes}
        return Watch(
            lambda: ([fraud()], self.problems), spool=self.spool, clock=lambda: self.now,
            store_of=lambda _, region: self.stores[region], **facts,
        )  # fmt: skip

    def scrape(self, watch: Watch | None = None) -> dict[str, dict[tuple[str, ...], float]]:
        """Samples by name and label values (without ``system``), as Prometheus reads them."""
        return samples(exposition(watch or self.watch())[0].decode())


def samples(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[key(sample.labels)] = sample.value
    return found


def key(labels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(value for name, value in labels.items() if name != "system")
