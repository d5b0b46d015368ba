"""What a run looks like, as folded from its events. Times are aware UTC, durations wall seconds."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from recovery_ops.model.checks import Check
from recovery_ops.model.events import EventType
from recovery_ops.model.plan import Phase
from recovery_ops.record.control import ControlState

Json = Mapping[str, object]


class StepStatus(enum.StrEnum):
    """Where a step stands; a step that succeeded stays so, whatever a late attempt says."""

    PENDING = "pending"
    RUNNING = "running"
    FAILED = "failed"
    SKIPPED = "skipped"
    SUCCEEDED = "succeeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFault:
    """Why an attempt failed, as its error said it."""

    type: str
    message: str
    playbook: str
    retryable: bool
    facts: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt at a step; one without an end crashed or still works."""

    number: int
    started_at: datetime | None = None
    ended_at: datetime | None = None
    worked_s: float = 0.0
    waited_s: float = 0.0
    error: StepFault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepState:
    """One step of a run.

    ``started_at`` is the start of the first attempt, ``ended_at`` the end that gave it its status. ``worked_s`` and
    ``waited_s`` (waiting for AWS) are sums over the attempts that ended. ``outputs`` are those of the success.
    """

    id: str
    component: str | None = None
    phase: str = ""
    status: StepStatus = StepStatus.PENDING
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outputs: Json = field(default_factory=dict)
    resources: tuple[object, ...] = ()
    error: StepFault | None = None
    reason: str = ""
    person: str = ""
    tries: Mapping[int, Attempt] = field(default_factory=dict)

    @property
    def attempts(self) -> int:
        """Return the highest attempt number seen; 0 for a step that never began."""
        return max(self.tries, default=0)

    @property
    def worked_s(self) -> float:
        """Return the seconds of our own work."""
        return sum(attempt.worked_s for attempt in self.tries.values())

    @property
    def waited_s(self) -> float:
        """Return the seconds spent waiting for AWS."""
        return sum(attempt.waited_s for attempt in self.tries.values())

    @property
    def over(self) -> bool:
        """Return whether later steps can go on: it succeeded or was skipped."""
        return self.status in (StepStatus.SUCCEEDED, StepStatus.SKIPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A fact that readers take as it is: when, by which writer, and the payload of its event."""

    at: datetime
    writer: str
    facts: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCheck:
    """A check with the attempt that made it."""

    check: Check
    step: str
    attempt: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityDecision:
    """Which instances were asked for, in order, and which were obtained."""

    at: datetime
    component: str
    region: str
    requested: tuple[str, ...]
    obtained: str | None
    count: int | None
    degraded: bool
    refused: tuple[Json, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointUse:
    """What a component was recovered from; ``rpo_s`` and ``objective_s`` are ``None`` without state."""

    at: datetime
    component: str
    kind: str
    source: str
    point_id: str | None
    watermark: datetime | None
    rpo_s: float | None
    objective_s: float | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """Work that could not be done during the run and is owed afterwards."""

    at: datetime
    debt: str
    component: str
    region: str
    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalState:
    """A question (before ``cutover`` or ``commit``) and its answer; ``decision`` is ``None`` while it is open."""

    asked_at: datetime | None = None
    question: str = "cutover"
    asked_in: str = ""
    policy: str = ""
    approvers: tuple[str, ...] = ()
    timeout_s: float | None = None
    answered_at: datetime | None = None
    decision: str | None = None
    person: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A person moved traffic in spite of failed gates."""

    at: datetime
    person: str
    reason: str
    checks: tuple[Json, ...]
    step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataLoss:
    """Acknowledged writes against those that the recovered system serves."""

    at: datetime
    component: str
    acknowledged: int | None
    served: int | None
    lost: int | None
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientObservation:
    """What a client outside saw."""

    at: datetime
    outage_s: float | None
    requests: int | None
    failed: int | None
    sticky_outage_s: float | None
    answered_by: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """Everything that the events of a run say about it.

    Facts of the declaration are empty until the run is declared. Tuples are in the order of events. ``notes`` holds, by
    event type, the events that have no field of their own (operations, references, fencing, traffic, soak, …).
    """

    run_id: str = ""
    system: str = ""
    mode: str = ""
    drill: str = ""
    component: str = ""
    intent: str = ""
    graceful: bool | None = None
    execution: str = ""
    home: str = ""
    impaired_region: str = ""
    recovery_region: str = ""
    regions: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    reason: str = ""
    person: str = ""
    people: Json = field(default_factory=dict)
    tool_version: str = ""
    time_factor: float = 1.0
    account: str = ""
    declared_at: datetime | None = None
    declared_clocks: Mapping[str, datetime] = field(default_factory=dict)
    plan: Json = field(default_factory=dict)
    plan_hash: str = ""
    criteria: Json = field(default_factory=dict)
    criteria_hash: str = ""
    point: Json = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    gating: Mapping[str, bool] = field(default_factory=dict)
    refusals: tuple[Note, ...] = ()
    steps: Mapping[str, StepState] = field(default_factory=dict)
    checks: tuple[RecordedCheck, ...] = ()
    capacity: tuple[CapacityDecision, ...] = ()
    points_used: tuple[PointUse, ...] = ()
    debts: tuple[Debt, ...] = ()
    approvals: tuple[ApprovalState, ...] = ()
    overrides: tuple[Override, ...] = ()
    data_loss: tuple[DataLoss, ...] = ()
    clients: tuple[ClientObservation, ...] = ()
    control: ControlState = field(default_factory=ControlState)
    notes: Mapping[str, tuple[Note, ...]] = field(default_factory=dict)
    unread: tuple[Note, ...] = ()
    effective_at: datetime | None = None
    healthy_since: datetime | None = None
    protected_at: datetime | None = None
    committed_at: datetime | None = None
    rolled_back_at: datetime | None = None
    closed_at: datetime | None = None
    closed_outcome: str | None = None
    released: bool | None = None
    serving_region: str | None = None
    last_at: datetime | None = None
    events: int = 0

    @property
    def is_open(self) -> bool:
        """Return whether the run was declared and is not closed."""
        return self.declared_at is not None and self.closed_at is None

    @property
    def committed(self) -> bool:
        """Return whether the recovery region was accepted as the one that serves."""
        return self.committed_at is not None

    @property
    def rolled_back(self) -> bool:
        """Return whether traffic was sent back."""
        return self.rolled_back_at is not None

    @property
    def may_have_moved(self) -> bool:
        """Return whether the command to move traffic was sent, or was about to be: its answer may be lost."""
        return bool(self.note(EventType.TRAFFIC_MOVING) or self.note(EventType.TRAFFIC_MOVED))

    @property
    def outcome(self) -> str | None:
        """Return how the run ended: as its close said, ``refused`` for one never declared, ``None`` while open."""
        if self.closed_at is None and self.declared_at is None and self.refusals:
            return "refused"
        return self.closed_outcome

    @property
    def clocks(self) -> dict[str, datetime]:
        """Return the clocks T0 to T9 that are known, in order.

        T4, T5 and T6 are the last success of a phase over the components that traffic waits for, known when that phase
        is over for all of them; a skipped verification is none, so T6 stays unknown.
        """
        found = {
            **{name: self.declared_clocks.get(name) for name in ("T0", "T1", "T2", "T3")},
            "T4": self._done_at(Phase.REHYDRATE),
            "T5": self._done_at(Phase.REDEPLOY),
            "T6": self._done_at(Phase.VERIFY),
            "T7": self.effective_at,
            "T8": self.healthy_since,
            "T9": self.protected_at,
        }
        return {name: at for name, at in found.items() if at is not None}

    @property
    def open_question(self) -> ApprovalState | None:
        """Return the question that waits for an answer, or ``None``."""
        return self.approvals[-1] if self.approvals and self.approvals[-1].decision is None else None

    @property
    def current_checks(self) -> tuple[RecordedCheck, ...]:
        """Return the latest check of every (component, gate, name), in the order of events."""
        last = {(item.check.component, item.check.gate, item.check.name): item for item in self.checks}
        kept = {id(item) for item in last.values()}
        return tuple(item for item in self.checks if id(item) in kept)

    def note(self, event_type: str) -> tuple[Note, ...]:
        """Return the events of a type that has no field of its own, in order."""
        return self.notes.get(event_type, ())

    def _done_at(self, phase: Phase) -> datetime | None:
        steps = [
            step
            for step in self.steps.values()
            if step.phase == phase and step.component is not None and self.gating.get(step.component, True)
        ]
        enough = (StepStatus.SUCCEEDED,) if phase is Phase.VERIFY else (StepStatus.SUCCEEDED, StepStatus.SKIPPED)
        if any(step.status not in enough for step in steps):
            return None
        ends = [step.ended_at for step in steps if step.status is StepStatus.SUCCEEDED and step.ended_at]
        return max(ends, default=None)
