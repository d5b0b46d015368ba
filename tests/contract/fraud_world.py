"""The fraud-detection system in a sandbox, protected and with its home region dead: the proving ground of kinds."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from recovery_ops.aws.calls import Caller, calling_as, is_read
from recovery_ops.aws.waiting import require_success, watch
from recovery_ops.catalog import KindSpec, load_catalog
from recovery_ops.kinds import Kind, Stage, StepContext, all_kinds, driver
from recovery_ops.model.events import EventType
from recovery_ops.model.operations import OperationState
from recovery_ops.model.plan import Intent, Phase
from recovery_ops.model.points import Capture
from recovery_ops.model.system import Component, System
from recovery_ops.protection.shelf import Shelf
from recovery_ops.sandbox.process import RunningSandbox
from recovery_ops.sandbox.seed.fraud_detection import seed
from recovery_ops.testing import patience
from recovery_ops.testing.fingerprints import fingerprint, outsider

HOME, TARGET = "us-east-1", "us-west-2"
RUN_ID = "r-20261123-abcdef"
CATALOG = Path(__file__).parents[2] / "dags" / "fraud-detection.yaml"
POINT = "p-20261123t000000z-0000"
LIMIT_S = 60.0
FACTOR = 0.0005


def fraud_system() -> System:
    """The shipped catalog without what depends on how busy this machine is; nobody writes features here."""
    specs = {
        name: KindSpec(name=name, settings_model=found.settings_model, stateful=found.stateful)
        for name, found in all_kinds().items()
    }
    system = load_catalog(CATALOG, specs)
    loose = {"p95_latency": 60.0, "latency_ratio": 1e3, "end_to_end": 60.0, "throughput": 25.0}
    return replace(system, components=tuple(patience.patient(item, loose) for item in system.components))


@dataclass(slots=True)
class FraudWorld:
    """A protected system; :meth:`reset` brings back the moment before a component is recovered."""

    sandbox: RunningSandbox
    folder: Path
    request_log: Path
    system: System = field(default_factory=fraud_system)
    captures: dict[str, Capture] = field(default_factory=dict)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[tuple[EventType, Mapping[str, Any]]] = field(default_factory=list)
    _ready: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def build(self) -> None:
        """Seed the world and capture every component at home."""
        seed(self.sandbox.base_url, CATALOG.with_suffix("") / "network.yaml")
        for component in self.system.components:
            if driver(component).protected:
                self.captures[component.name] = self.capture(component)
        self._replicated()
        self.sandbox.control.snapshot(self.folder / "protected.snapshot")

    def capture(self, component: Component) -> Capture:
        """Capture a component at home, through JSON as a manifest holds it."""
        shelf, locked_until = Shelf(system=self.system), datetime.now(UTC) + timedelta(hours=1)
        ctx = replace(self.context(component), target_region=HOME, run_id=POINT)

        def put(name: str, body: bytes) -> Any:
            item = shelf.file(POINT, component.name, name, body)
            for region in self.system.regions:
                shelf.put(region, item.key, body, locked_until=locked_until)
            return item

        stage = Stage(point_id=POINT, put=put, captures=self.captures)
        return Capture.from_json(driver(component).protect(ctx, stage).to_json())

    def reset(self, component: Component) -> None:
        """Bring back the protected world with everything recovered that ``component`` needs, and home dead."""
        path = self.folder / f"{component.name}.snapshot"
        if component.name not in self._ready:
            self.sandbox.control.restore(self.folder / "protected.snapshot")
            self.outputs = {}
            for need in self._needs(component):
                self.recover(need)
            self._ready[component.name] = self.outputs
            self.sandbox.control.snapshot(path)
        self.sandbox.control.restore(path)
        self.sandbox.control.fault(HOME, "reset")
        self.outputs = {name: dict(found) for name, found in self._ready[component.name].items()}
        self.events.clear()

    def recover(self, component: Component, intent: Intent = Intent.REGION_LOSS) -> None:
        """Run every phase of a component but verify."""
        kind = driver(component)
        for phase in kind.costs(component):
            if phase is not Phase.VERIFY:
                self.run(kind, phase, self.context(component, intent))

    def run(self, kind: Kind, phase: Phase, ctx: StepContext) -> Mapping[str, Any]:
        """Start a phase, wait for it, take what is next where AWS refuses, finish."""
        with self.calling(ctx, f"{kind.component.name}.{phase}"):
            ref = kind.start(phase, ctx)
            while (status := self.wait(kind, ref, ctx)).state is OperationState.FAILED:
                ref = kind.fallback(ref, status, ctx)
            require_success(ref, status)
            outputs = kind.finish(ref, ctx)
        self.outputs.setdefault(kind.component.name, {}).update(outputs)
        return outputs

    def wait(self, kind: Kind, ref: Any, ctx: StepContext) -> Any:
        return watch(ref, lambda one: kind.poll(one, ctx), limit_s=LIMIT_S, interval_s=0.02)

    def context(self, component: Component, intent: Intent = Intent.REGION_LOSS, **changed: Any) -> StepContext:
        latest = [capture.watermark for capture in self.captures.values()]
        facts = {
            "system": self.system,
            "component": component,
            "run_id": RUN_ID,
            "source_region": HOME,
            "target_region": TARGET,
            "intent": intent,
            "capture": self.captures.get(component.name),
            "captures": self.captures,
            "outputs": self.outputs,
            "impact_at": max(latest, default=datetime.now(UTC)) + timedelta(milliseconds=1),
            "time_factor": self.sandbox.factor,
            "emit": lambda kind, payload: self.events.append((kind, payload)),
        }
        return StepContext(**{**facts, **changed})

    @contextmanager
    def calling(self, ctx: StepContext, step: str, **guards: Any) -> Iterator[None]:
        """Call AWS as a step does: the region that is left is forbidden."""
        with calling_as(Caller(run_id=ctx.run_id, step=step, forbidden_region=HOME, **guards)):
            yield

    def state(self, kind: Kind) -> dict[str, Any]:
        """What is true in the region that we recover to, as far as ``kind`` can change it."""
        services = {action.split(":")[0] for action in kind.aws_actions if not is_read(action.split(":")[1])}
        return fingerprint(self.sandbox.base_url, TARGET, self.sandbox.control.inventory()[TARGET], services)

    def outsider(self, service: str, region: str = TARGET) -> Any:
        """A client that is not the library."""
        return outsider(self.sandbox.base_url, service, region)

    def _needs(self, component: Component) -> list[Component]:
        """What ``component`` needs, directly or not, first things first."""
        found: list[Component] = []
        for name in component.needs:
            need = self.system.component(name)
            found += [item for item in (*self._needs(need), need) if item not in found]
        return found

    def _replicated(self) -> None:
        end = time.monotonic() + LIMIT_S
        while self.sandbox.control.status()["replication"]["pending"]:
            assert time.monotonic() < end, "replication did not come to an end"
            time.sleep(0.01)
