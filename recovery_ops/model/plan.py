"""Plans: which steps a run has, in which order, and what they may cost in time."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NOT_PLANNED = "not-planned"
"""What comes of a step that a drill does without: its DAG has tasks for every kind of drill."""


class Mode(enum.StrEnum):
    """Why a plan is executed."""

    FAILOVER = "failover"
    FAILBACK = "failback"
    DRILL = "drill"
    COMPONENT = "component"


class Intent(enum.StrEnum):
    """What recovery starts from: newest state (``region-loss``) or a complete point before damage (``corruption``)."""

    REGION_LOSS = "region-loss"
    CORRUPTION = "corruption"


class Phase(enum.StrEnum):
    """The four phases of a component, in order."""

    PROVISION = "provision"
    REHYDRATE = "rehydrate"
    REDEPLOY = "redeploy"
    VERIFY = "verify"


class SystemStep(enum.StrEnum):
    """The steps of a run that belong to the system and not to a component, in order.

    ``stage``, ``go-back`` and ``clean-up`` are steps of drills: a standby of its own is built and the region broken,
    its traffic returns, and all that it made is removed.
    """

    DECLARE = "declare"
    STAGE = "stage"
    FENCE = "fence"
    RECONCILE = "reconcile"
    APPROVE = "approve"
    CUTOVER = "cutover"
    OBSERVE = "observe"
    COMMIT = "commit"
    ROLLBACK = "rollback"
    REPROTECT = "reprotect"
    GO_BACK = "go-back"
    CLEAN_UP = "clean-up"
    CLOSE = "close"


class Plane(enum.StrEnum):
    """Which side of AWS a step depends on; control planes are the ones that fail in a disaster."""

    DATA = "data"
    CONTROL = "control"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseCost:
    """What one phase of one component costs: modelled AWS seconds, and the AWS control planes it calls.

    ``estimate_s`` is the usual duration (0 or more), ``budget_s`` ends a single operation (more than 0).
    """

    estimate_s: float
    budget_s: float
    control_planes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a plan. ``id`` is ``<component>.<phase>`` or the name of a system step.

    ``needs`` are ids of steps that must have succeeded before. ``estimate_s`` is modelled AWS time, not a promise;
    ``budget_s`` ends a single operation (modelled seconds). ``control_planes`` names the AWS control planes the step
    calls, for example ``("sagemaker",)``; empty means data plane only.
    """

    id: str
    component: str | None
    phase: str
    needs: tuple[str, ...]
    estimate_s: float
    budget_s: float
    control_planes: tuple[str, ...] = ()

    @property
    def plane(self) -> Plane:
        """Return ``control`` as soon as one control plane is needed."""
        return Plane.CONTROL if self.control_planes else Plane.DATA


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Forecast of one component or of the system. ``chain`` are step ids of the longest chain, first to last."""

    name: str
    objective_s: float
    estimate_s: float
    chain: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Return whether the forecast stays within the objective."""
        return self.estimate_s <= self.objective_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps computed from a catalog for one direction.

    ``intent`` decides which objectives and durations the estimates are about; the steps are the same.
    ``hash`` covers structure and settings (not estimates): 64 hex digits of SHA-256. ``frozen`` is the system as plain
    JSON values, enough to rebuild it without the YAML.
    """

    system: str
    mode: Mode
    impaired_region: str
    recovery_region: str
    steps: tuple[Step, ...]
    estimates: tuple[Estimate, ...]
    hash: str
    frozen: Mapping[str, Any] = field(default_factory=dict)
    intent: Intent = Intent.REGION_LOSS

    @property
    def components(self) -> tuple[str, ...]:
        """Return the components that have steps, in the order of their steps."""
        return tuple(dict.fromkeys(step.component for step in self.steps if step.component))

    def has(self, step_id: str) -> bool:
        """Return whether ``step_id`` is one of the steps."""
        return any(step.id == step_id for step in self.steps)

    def step(self, step_id: str) -> Step:
        """Return the step with ``step_id``; raises ``KeyError`` when there is none."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)
