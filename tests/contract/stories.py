"""One recovery of one component, told call by call; the tests of kinds then ask what is true of it."""

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fraud_world import FraudWorld
from taps import Call, tapped

from recovery_ops.kinds import Kind, StepContext, driver
from recovery_ops.model.checks import Check
from recovery_ops.model.operations import OperationRef
from recovery_ops.model.plan import Intent, Phase
from recovery_ops.model.system import Component


def world_of(name: str) -> Any:
    """Return the module that says which component stands for a kind, and what there is to mend."""
    return importlib.import_module(f"worlds.{name.replace('-', '_')}")


@dataclass(slots=True)
class Case:
    """One kind with one intent, in a world where it has something to do."""

    world: FraudWorld
    component: Component
    intent: Intent
    damage: Any

    @classmethod
    def of(cls, world: FraudWorld, kind: str, intent: Intent) -> "Case":
        module = world_of(kind)
        return cls(world, world.system.component(module.COMPONENT), intent, getattr(module, "damage", None))

    @property
    def kind(self) -> Kind:
        """A new object every time, as another process would have."""
        return driver(self.component)

    @property
    def phases(self) -> list[Phase]:
        return [phase for phase in self.kind.costs(self.component) if phase is not Phase.VERIFY]

    def reset(self) -> None:
        self.world.reset(self.component)
        if self.damage is not None:
            self.damage(self.world, self.intent)

    def context(self, **changed: Any) -> StepContext:
        return self.world.context(self.component, self.intent, **changed)

    def step(self, name: str, **guards: Any) -> Any:
        """Call AWS as a step of this component does."""
        return self.world.calling(self.context(), f"{self.component.name}.{name}", **guards)

    def recover(self) -> None:
        for phase in self.phases:
            self.world.run(self.kind, phase, self.context())

    def state(self) -> dict[str, Any]:
        return self.world.state(self.kind)


@dataclass(slots=True)
class Story:
    """What happened. ``states`` are pairs of what was true before and after something that must change nothing."""

    case: Case
    states: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    refs: list[tuple[OperationRef, OperationRef]] = field(default_factory=list)
    outputs: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    looking: list[Call] = field(default_factory=list)
    polling: list[Call] = field(default_factory=list)
    verifying: list[Call] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)


def tell(case: Case) -> Story:
    """Recover the component, doing everything twice, with home dead."""
    story = Story(case)
    case.reset()
    begin = case.world.request_log.stat().st_size
    with tapped() as tap:
        _look(case, story)
        for phase in case.phases:
            _phase(case, story, phase)
        with case.step("verify"), tapped() as verifying:
            story.checks = list(case.kind.verify(case.context()))
            case.kind.live_watermark(case.context())
        _release(case, story)
    story.verifying = verifying.calls
    story.calls = tap.calls
    with case.world.request_log.open() as log:
        log.seek(begin)
        story.log = [json.loads(line) for line in log]
    return story


def _look(case: Case, story: Story) -> None:
    before, ctx = case.state(), case.context()
    with case.step("readiness"), tapped() as tap:
        list(case.kind.readiness(ctx))
        if ctx.capture is not None:
            list(case.kind.missing(ctx.capture, ctx))
    story.looking = tap.calls
    story.states["readiness"] = (before, case.state())


def _phase(case: Case, story: Story, phase: Phase) -> None:
    world, ctx = case.world, case.context()
    with case.step(phase):
        first = case.kind.start(phase, ctx)
        with tapped() as polling:
            world.wait(case.kind, first, ctx)
        started = case.state()
        second = case.kind.start(phase, ctx)
        world.wait(case.kind, second, ctx)
        story.states[f"{phase}: started twice"] = (started, case.state())
        outputs = case.kind.finish(second, ctx)
        finished = case.state()
        story.outputs.append((outputs, case.kind.finish(second, ctx)))
        case.kind.cancel(second, ctx)
        case.kind.cancel(second, ctx)
        story.states[f"{phase}: finished and cancelled twice"] = (finished, case.state())
    story.polling += polling.calls
    story.refs.append((first, second))
    world.outputs.setdefault(case.component.name, {}).update(outputs)


def _release(case: Case, story: Story) -> None:
    before = case.state()
    with case.step("release"):
        list(case.kind.release(case.context()))
        list(case.kind.reprotect(case.context()))
    story.states["released after it was recovered"] = (before, case.state())
