"""What a kind may know and use while it acts."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from recovery_ops.aws.clients import client
from recovery_ops.aws.waiting import Clock
from recovery_ops.errors import StepFailedError
from recovery_ops.model.events import EventType
from recovery_ops.model.operations import OperationRef
from recovery_ops.model.plan import Intent, Phase
from recovery_ops.model.points import Capture
from recovery_ops.model.system import Component, System


def _ignore(_type: EventType, _payload: Mapping[str, Any]) -> None:
    """Drop an event; for looking at AWS outside a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """What a kind may know while it acts for one step of one run.

    ``source_region`` is where we leave, ``target_region`` where we go; only ``fence`` may call the source.
    ``capture`` is this component's part of the chosen recovery point (``None`` when there is no point), ``captures``
    those of all components. ``outputs`` maps a component to what its finished steps returned. ``impact_at`` is T0.
    ``time_factor`` is wall seconds per AWS second. ``folder`` holds suites, templates and golden sets of the system.
    ``isolated`` is set in drills: names carry the run id and production is left alone. ``is_turned`` says that source
    and target are exchanged, see :meth:`turned`.
    """

    system: System
    component: Component
    run_id: str
    source_region: str
    target_region: str
    intent: Intent = Intent.REGION_LOSS
    graceful: bool = False
    isolated: bool = False
    is_turned: bool = False
    capture: Capture | None = None
    captures: Mapping[str, Capture] = field(default_factory=dict)
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    impact_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    time_factor: float = 1.0
    clock: Clock = time
    emit: Callable[[EventType, Mapping[str, Any]], object] = _ignore

    def aws(self, service: str, region: str | None = None) -> Any:
        """Return the boto3 client of ``service`` in the target region, or in ``region``."""
        return client(service, region or self.target_region)

    def suspect(self, service: str) -> Any:
        """Return a client of the region we leave, with one attempt and short timeouts; for fencing only.

        Turned, that is the region where we go, which is asked like any other.
        """
        return client(service, self.source_region, suspect=not self.is_turned)

    @property
    def living_region(self) -> str:
        """Return the region where the run goes, whichever side is looked at: the only one that surely answers."""
        return self.source_region if self.is_turned else self.target_region

    def turned(self) -> "StepContext":
        """Return the same with source and target exchanged: what is done at one side seen from the other."""
        source, target = self.target_region, self.source_region
        return replace(self, source_region=source, target_region=target, is_turned=not self.is_turned)

    def leaving(self, region: str) -> "StepContext":
        """Return the same seen from the side where ``region``, one of the two, is the source."""
        return self if region == self.source_region else self.turned()

    def ref(self, phase: Phase, resource_id: str, **details: Any) -> OperationRef:
        """Return a ref to work of this component in the target region."""
        return OperationRef(
            kind=self.component.kind,
            component=self.component.name,
            phase=phase,
            region=self.target_region,
            resource_id=resource_id,
            details=details,
        )

    def output(self, component: str, key: str) -> Any:
        """Return an output of another component.

        Raises:
            StepFailedError: That component has not produced ``key``; names both.
        """
        outputs = self.outputs.get(component, {})
        if key not in outputs:
            message = (
                f"{self.component.name} needs {key!r} of {component!r}, which has given {sorted(outputs) or 'nothing'}"
            )
            raise StepFailedError(message, component=self.component.name, region=self.target_region)
        return outputs[key]

    @property
    def tags(self) -> dict[str, str]:
        """Return the tags that every resource of this run carries."""
        return {
            "recovery-ops:run": self.run_id,
            "recovery-ops:system": self.system.name,
            "recovery-ops:component": self.component.name,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where a kind puts its own files while a point is taken.

    ``put(name, body)`` stores a file under the point in the serving region (replicated to the others, locked) and
    returns the exact version as an ``ObjectVersion``.
    """

    point_id: str
    put: Callable[[str, bytes], Any]
    captures: Mapping[str, Capture] = field(default_factory=dict)
