"""The fraud-detection system in a sandbox, protected: whole runs on the direct runner, harmed at a step, judged after.

Outsiders see what clients would: the name, the switch, the two front doors. What depends on how busy this machine is
(speed, freshness, objectives) is given time, unless a test is about it.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import boto3
import httpx
from botocore.config import Config

from recovery_ops.execution.direct import run_direct
from recovery_ops.execution.protecting import protect
from recovery_ops.execution.systems import load_system
from recovery_ops.execution.view import load_run
from recovery_ops.model.checks import CheckOutcome, Gate
from recovery_ops.model.events import Event, EventType
from recovery_ops.model.objectives import FromPoint
from recovery_ops.model.plan import Mode
from recovery_ops.model.points import ConsistentPoint
from recovery_ops.model.runs import RunRef, RunRequest
from recovery_ops.model.system import Component, System
from recovery_ops.record.fold import fold
from recovery_ops.record.log import EventLog
from recovery_ops.record.state import RunState
from recovery_ops.reporting.publish import report_of
from recovery_ops.sandbox.outside.names import Name
from recovery_ops.sandbox.process import RunningSandbox
from recovery_ops.sandbox.request_check import calls_of_run, strangers
from recovery_ops.sandbox.seed.fraud_detection import seed
from recovery_ops.testing import patience
from recovery_ops.testing.patience import PATIENT_S

CATALOGS = Path(__file__).parents[2] / "dags"
HOME, TARGET = "us-east-1", "us-west-2"
TABLE, KEY, ENDPOINT = "fraud-features", "entity_id", "fraud-scoring"
BASELINE_MS = 50
"""How slow the endpoint at home is while its speed is measured: a busy machine is then no reason to fail."""

Harm = Callable[["World"], object]
"""What is done to the sandbox."""


until = partial(patience.until, every_s=0.02)


def patient_system() -> System:
    """The shipped catalog; traffic waits for training data too, so that its gates are seen to hold it."""
    system = load_system("fraud-detection", CATALOGS)
    parts = tuple(map(_patient, system.components))
    return replace(system, rto_s=PATIENT_S, from_point=FromPoint(), components=parts)


def _patient(component: Component) -> Component:
    loose = {"p95_latency": 60.0, "end_to_end": 60.0, "throughput": 25.0}
    return patience.patient(component, loose, rto_s=PATIENT_S, gates_traffic=True)


def lean(system: System) -> System:
    """Return ``system`` without training data and without suites of features, for runs that are not about data."""
    parts = tuple(item for item in system.components if item.name != "training-data")
    settings = dict(system.component("features").settings) | {"suites": {}}
    return altered(replace(system, components=parts), "features", settings=settings)


def altered(system: System, name: str, **facts: Any) -> System:
    """Return ``system`` with other facts of one component."""
    parts = [replace(item, **facts) if item.name == name else item for item in system.components]
    return replace(system, components=tuple(parts))


@dataclass(frozen=True)
class Told:
    """One run, as its record tells it."""

    world: "World"
    ref: RunRef
    impact_at: datetime
    calls: list[dict[str, Any]]

    @cached_property
    def log(self) -> EventLog:
        return load_run(self.ref).log

    @cached_property
    def events(self) -> list[Event]:
        return self.log.events()

    @cached_property
    def state(self) -> RunState:
        return fold(self.events)

    @cached_property
    def report(self) -> dict[str, Any]:
        return dict(report_of(self.log))

    def checks(self, component: str) -> list[dict[str, Any]]:
        """The gating checks of a component that were made and not passed."""
        return [
            check
            for check in self.report["verification"]
            if check["component"] == component
            and check["outcome"] not in (CheckOutcome.PASS, CheckOutcome.NOT_RUN)
            and not check["advisory"]
        ]

    def failed_gates(self, component: str) -> set[Gate]:
        return {Gate(check["gate"]) for check in self.checks(component)}

    def reasons(self, rule: str) -> list[str]:
        return [str(reason["what"]) for reason in self.report["result"]["reasons"] if reason["rule"] == rule]

    def failures(self, step: str) -> list[dict[str, Any]]:
        """The errors that attempts of a step ended with."""
        failed = [event for event in self.events if event.type is EventType.STEP_FAILED]
        return [event.payload["error"] for event in failed if event.payload["step"] == step]

    @property
    def forbidden(self) -> list[Mapping[str, Any]]:
        """Calls of the run to the region that is left since T0, fencing excepted."""
        return calls_of_run(self.calls, self.ref.run_id, self.ref.impaired_region, self.impact_at)

    @property
    def strangers(self) -> list[Mapping[str, Any]]:
        return strangers(self.calls)


@dataclass(slots=True)
class World:
    """A protected system; every run begins at a snapshot."""

    sandbox: RunningSandbox
    folder: Path
    log: Path
    system: System = field(default_factory=patient_system)
    points: list[ConsistentPoint] = field(default_factory=list)
    runs: int = 0

    def build(self) -> None:
        """Seed the world and keep it twice: as nobody has protected it yet, and protected."""
        seed(self.sandbox.base_url, CATALOGS / "fraud-detection" / "network.yaml")
        self.sandbox.control.snapshot(self.snapshot("seeded"))
        self.slow_endpoint(BASELINE_MS, HOME)
        self.protect()
        self.slow_endpoint(0, HOME)
        self.sandbox.control.snapshot(self.snapshot("protected"))

    def snapshot(self, name: str) -> Path:
        return self.folder / f"{name}.snapshot"

    def reset(self, name: str = "protected") -> None:
        self.sandbox.control.heal()
        self.sandbox.control.restore(self.snapshot(name))

    def protect(self) -> ConsistentPoint:
        self.points.append(protect(self.system))
        return self.points[-1]

    def request(self, **facts: Any) -> RunRequest:
        self.runs += 1
        wanted = {
            "system": self.system.name,
            "mode": Mode.FAILOVER,
            "recovery_region": TARGET,
            "person": "alice",
            "reason": "a test",
            "token": f"run-{self.runs}",
            "execution": "direct",
        }
        return RunRequest(**{**wanted, **facts})

    def fail_over(
        self,
        harm: Mapping[str, Harm] | None = None,
        *,
        system: System | None = None,
        lost: str | None = "reset",
        **facts: Any,
    ) -> Told:
        """Lose home as ``lost`` says and carry a run out; ``harm`` is done when the step it is named for starts."""
        doing = dict(harm or {})
        begin = self.log.stat().st_size
        if lost is not None:
            self.sandbox.control.fault(HOME, lost)
        impact_at = facts.pop("impact_at", None) or datetime.now(UTC)

        def progress(step: str, state: str) -> None:
            if state == "started" and (strike := doing.pop(step, None)) is not None:
                strike(self)

        ref = run_direct(self.request(impact_at=impact_at, **facts), system or self.system, progress=progress)
        assert not doing, f"{sorted(doing)} never started"
        return Told(self, ref, impact_at, list(self._calls(begin)))

    def _calls(self, begin: int) -> Iterator[dict[str, Any]]:
        with self.log.open() as log:
            log.seek(begin)
            yield from map(json.loads, log)

    # What an outsider sees and does -------------------------------------------------------------------------------

    def aws(self, service: str, region: str = TARGET) -> Any:
        config = Config(user_agent_extra="recovery-ops-test/1", s3={"addressing_style": "path"})
        make: Any = boto3.client
        return make(service, region_name=region, endpoint_url=self.sandbox.base_url, config=config)

    def name(self) -> Name:
        return Name(self.system.traffic.name, f"{self.sandbox.base_url}/dns-query")

    def answered_by(self) -> str:
        """Ask as a client of the DNS name does; return the region that answered with a prediction, or nothing."""
        target, traffic = self.name().target(), self.system.traffic
        assert target is not None
        row = [0.0] * 9
        try:
            reply = httpx.post(
                f"{target.url}{traffic.path}", json={"instances": [row]}, headers={"Host": traffic.name}, timeout=10
            )
        except httpx.HTTPError:
            return ""
        return str(reply.headers.get("x-amzn-region", target.region)) if reply.status_code == 200 else ""

    def switched(self) -> list[str]:
        """Every version of a health switch that was ever written in the recovery region."""
        listing = self.aws("s3").list_object_versions(Bucket=f"fraud-switch-{TARGET}")
        return [item["Key"] for kind in ("Versions", "DeleteMarkers") for item in listing.get(kind, [])]

    def slow_endpoint(self, ms: float, region: str = TARGET) -> None:
        self.sandbox.control.damage("endpoint-latency", region=region, endpoint=ENDPOINT, ms=ms)

    def body(self, bucket: str, key: str, region: str = TARGET) -> bytes:
        return bytes(self.aws("s3", region).get_object(Bucket=bucket, Key=key)["Body"].read())

    def put(self, bucket: str, key: str, body: bytes, region: str = TARGET) -> None:
        self.aws("s3", region).put_object(Bucket=bucket, Key=key, Body=body)

    def newest(self, bucket: str, key: str, region: str = TARGET) -> str:
        return str(self.aws("s3", region).head_object(Bucket=bucket, Key=key)["VersionId"])

    def items(self, region: str = TARGET, table: str = TABLE) -> list[dict[str, Any]]:
        pages = self.aws("dynamodb", region).get_paginator("scan").paginate(TableName=table)
        return [item for page in pages for item in page["Items"]]


def assert_traffic_stayed(told: Told) -> None:
    """Neither the switch nor the answer of DNS was touched, and once home heals its own front door answers."""
    world = told.world
    assert not told.state.note(EventType.TRAFFIC_MOVED)
    assert told.state.outcome == "failed"
    assert told.state.serving_region == HOME
    assert world.switched() == []
    target = world.name().target()
    assert target is not None
    assert target.region == HOME
    world.sandbox.control.heal(HOME)
    assert until(world.answered_by, "an answer") == HOME
