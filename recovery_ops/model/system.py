"""What a catalog describes: a system, its components, objectives and policies.

All durations are seconds as ``float`` (suffix ``_s``). Regions are AWS region codes such as ``us-east-1``.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from recovery_ops.model.detection import Detection, Notify
from recovery_ops.model.drills import DrillPolicy, DrillTraffic
from recovery_ops.model.objectives import FromPoint
from recovery_ops.model.plan import Intent


class Tier(enum.StrEnum):
    """How much a component matters; decides order, resources and gating. Critical comes first."""

    CRITICAL = "critical"
    OPERATIONAL = "operational"
    DEVELOPMENT = "development"

    @property
    def rank(self) -> int:
        """Return 0 for critical, 1 for operational, 2 for development."""
        return list(Tier).index(self)


class Standby(enum.StrEnum):
    """How much of a component already stands in the recovery region."""

    ACTIVE = "active"
    HOT = "hot"
    WARM = "warm"
    PILOT_LIGHT = "pilot-light"
    COLD = "cold"


class Pattern(enum.StrEnum):
    """Whether one region serves at a time or all do."""

    ACTIVE_PASSIVE = "active-passive"
    ACTIVE_ACTIVE = "active-active"


class CutoverMethod(enum.StrEnum):
    """How traffic moves: ``health-switch`` needs the data plane only, ``record-batch`` the DNS control plane."""

    HEALTH_SWITCH = "health-switch"
    RECORD_BATCH = "record-batch"


class ApprovalMode(enum.StrEnum):
    """Whether cutover waits for a person."""

    AUTO = "auto"
    ASK = "ask"


SHORTEST_QUESTION_S = 10.0
"""No question waits for less in wall seconds, however much time is scaled: a person has to find the button."""


class OnTimeout(enum.StrEnum):
    """What an unanswered approval means."""

    STOP_AND_PAGE = "stop-and-page"
    PROCEED = "proceed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One thing that must come back.

    ``settings`` are the validated settings of its kind as plain JSON values. ``rpo_s`` is ``None`` for a kind
    without state. ``from_point`` has what holds instead where it comes out of a recovery point. ``gates_traffic`` is
    ``False`` for a component that traffic does not need.
    """

    name: str
    kind: str
    tier: Tier
    standby: Standby
    rto_s: float
    rpo_s: float | None
    needs: tuple[str, ...] = ()
    gates_traffic: bool = True
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    from_point: FromPoint = field(default_factory=FromPoint)

    def rto_of(self, intent: Intent) -> float:
        """Return the RTO that holds for a run with ``intent``."""
        own_s = self.from_point.rto_s
        return own_s if own_s is not None and intent is Intent.CORRUPTION else self.rto_s

    def rpo_of(self, intent: Intent) -> float | None:
        """Return the RPO that holds for a run with ``intent``; ``None`` without state."""
        own_s = self.from_point.rpo_s
        return own_s if own_s is not None and intent is Intent.CORRUPTION else self.rpo_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """How clients find the system. ``front_doors``: region -> host behind the DNS name of that region.

    ``health_switch`` is ``s3://bucket/key`` of the object in the *recovery* region that the health check of the
    primary record watches: object present = primary is withdrawn. ``path`` is the request path of a probe. ``drill`` is
    what drills move instead.
    """

    name: str
    zone: str
    ttl_s: float
    method: CutoverMethod
    front_doors: Mapping[str, str]
    health_switch: Mapping[str, str]
    path: str
    soak_s: float
    min_probes: int
    max_failed_ratio: float
    drill: DrillTraffic = field(default_factory=DrillTraffic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Who must say yes before cutover, by tier. ``timeout_s`` runs from the question.

    ``commit`` says whether the recovery is accepted by policy after a healthy soak or by a person, who is then asked
    for ``commit_timeout_s``. ``hold_s`` is how long a step that failed for good waits to be retried or skipped.
    """

    by_tier: Mapping[Tier, ApprovalMode]
    approvers: tuple[str, ...]
    timeout_s: float
    on_timeout: OnTimeout
    commit: ApprovalMode = ApprovalMode.AUTO
    commit_timeout_s: float = 3600.0
    commit_on_timeout: OnTimeout = OnTimeout.PROCEED
    hold_s: float = 0.0

    def mode_for(self, tier: Tier) -> ApprovalMode:
        """Return the policy of the most critical tier in a system."""
        return self.by_tier[tier]


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """How often a consistent point is taken and how long it is locked and kept."""

    every_s: float
    keep_s: float
    lock_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """An AI pipeline that recovers as one unit; one catalog file.

    ``record_bucket`` and ``point_bucket`` are templates with ``{region}``. ``consistency`` lists groups of components
    that go back in time together or not at all. ``source`` is the path of the catalog file; ``folder`` is the directory
    beside it that holds suites, templates and golden sets (same stem as the catalog). ``proof_lasts_s`` is how long a
    successful run proves its plan, ``drills`` when which drill is due. ``detection`` is ``None`` when nobody judges the
    health of its regions. ``from_point`` has the RTO of a run that trusts no replica; the system has no RPO.
    """

    name: str
    home: str
    regions: tuple[str, ...]
    pattern: Pattern
    rto_s: float
    traffic: Traffic
    approval: Approval
    protection: Protection
    people: Mapping[str, tuple[str, ...]]
    components: tuple[Component, ...]
    consistency: tuple[tuple[str, ...], ...]
    record_bucket: str
    point_bucket: str
    source: str
    folder: str
    proof_lasts_s: float = 90 * 86_400.0
    drills: DrillPolicy = field(default_factory=DrillPolicy)
    detection: Detection | None = None
    notify: tuple[Notify, ...] = ()
    from_point: FromPoint = field(default_factory=FromPoint)

    def rto_of(self, intent: Intent) -> float:
        """Return the RTO that holds for a run with ``intent``."""
        own_s = self.from_point.rto_s
        return own_s if own_s is not None and intent is Intent.CORRUPTION else self.rto_s

    def component(self, name: str) -> Component:
        """Return the component called ``name``; raises ``KeyError`` when there is none."""
        for component in self.components:
            if component.name == name:
                return component
        raise KeyError(name)

    def needs_of(self, component: Component) -> list[str]:
        """Return everything that ``component`` needs, directly or not, each once, the nearest first."""
        seen: list[str] = []
        queue = list(component.needs)
        while queue:
            name = queue.pop(0)
            if name not in seen:
                seen.append(name)
                queue.extend(self.component(name).needs)
        return seen

    @property
    def lead_tier(self) -> Tier:
        """Return the most critical tier that a component of this system has."""
        return min((component.tier for component in self.components), key=lambda tier: tier.rank)
