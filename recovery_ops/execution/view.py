"""A run as its own record describes it: frozen plan, frozen system, chosen point. Never the YAML of the moment."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.aws.object_store import open_store
from recovery_ops.catalog.freeze import thaw
from recovery_ops.errors import RecordError
from recovery_ops.execution.projecting import observers
from recovery_ops.kinds import StepContext
from recovery_ops.model.events import Event, EventType
from recovery_ops.model.plan import Intent, Plan, Step
from recovery_ops.model.points import Capture
from recovery_ops.model.runs import RunRef
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import Component, System
from recovery_ops.planning.frozen import plan_from_json
from recovery_ops.protection.shelf import Shelf
from recovery_ops.record.claims import Claim, Claims
from recovery_ops.record.log import EventLog, EventWriter
from recovery_ops.record.store import ObjectStore

LEASE_S = 1800.0
"""How long a claim holds without renewal, in wall seconds; every step renews it."""
PRODUCTION = "production"


def record_store(system: System, region: str) -> ObjectStore:
    """Return the store that holds the record of runs into ``region``."""
    return open_store(system.record_bucket.format(region=region), region)


def open_log(ref: RunRef) -> EventLog:
    """Return the event log of a run; nothing is called yet."""
    store = open_store(ref.record_bucket, ref.recovery_region)
    return EventLog(store, ref.system, ref.run_id, observers=observers(ref.system))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """Everything a step may know about its run."""

    ref: RunRef
    system: System
    plan: Plan
    log: EventLog
    claims: Claims
    declared: Mapping[str, Any]
    captures: Mapping[str, Capture] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings.from_environment)

    @property
    def intent(self) -> Intent:
        """Return why the run recovers."""
        return Intent(self.declared["intent"])

    @property
    def impact_at(self) -> datetime:
        """Return T0, aware UTC."""
        return datetime.fromisoformat(self.declared["clocks"]["T0"])

    @property
    def override(self) -> str | None:
        """Return the reason a named person gave for moving traffic in spite of failed gates."""
        return self.declared.get("override") or None

    @property
    def person(self) -> str:
        """Return who declared the run."""
        return str(self.declared["person"])

    def wall(self, modelled_s: float) -> float:
        """Return wall seconds for AWS seconds."""
        return modelled_s * self.settings.time_factor

    def claim(self) -> Claim:
        """Re-enter the claim of this run and extend its lease.

        Raises:
            RunActiveError: Another run holds the system now.
        """
        return self.claims.acquire(
            self.ref.system, PRODUCTION, self.ref.run_id, self.person, lease_s=LEASE_S, now=datetime.now(UTC)
        )

    def context(self, component: Component, writer: EventWriter | None = None) -> StepContext:
        """Return what the kind of ``component`` may know, with the outputs of every step that it needs."""
        return StepContext(
            system=self.system,
            component=component,
            run_id=self.ref.run_id,
            source_region=self.ref.impaired_region,
            target_region=self.ref.recovery_region,
            intent=self.intent,
            graceful=bool(self.declared["graceful"]),
            capture=self.captures.get(component.name),
            captures=self.captures,
            outputs=self.outputs(component),
            impact_at=self.impact_at,
            time_factor=self.settings.time_factor,
            emit=writer.append if writer is not None else _ignore,
        )

    def outputs(self, component: Component) -> dict[str, dict[str, Any]]:
        """Return the merged outputs of ``component`` and of everything it needs, from their succeeded steps."""
        wanted = [component.name, *_all_needs(self.system, component)]
        found: dict[str, dict[str, Any]] = {}
        for name in wanted:
            for event in self.log.tails(f"{name}."):
                if event.type is EventType.STEP_SUCCEEDED:
                    found.setdefault(name, {}).update(event.payload["outputs"])
        return found


def _ignore(_type: EventType, _payload: Mapping[str, Any]) -> None:
    """Drop an event; for looking without recording."""


def _all_needs(system: System, component: Component) -> list[str]:
    seen: list[str] = []
    queue = list(component.needs)
    while queue:
        name = queue.pop(0)
        if name not in seen:
            seen.append(name)
            queue.extend(system.component(name).needs)
    return seen


def load_run(ref: RunRef) -> RunView:
    """Read a declared run back from its record.

    Raises:
        RecordError: The run was never declared, or its record cannot be read.
    """
    log = open_log(ref)
    declared = next((event for event in log.events_of("declare") if event.type is EventType.RUN_DECLARED), None)
    if declared is None:
        message = f"{ref.system}: run {ref.run_id} is not declared in s3://{ref.record_bucket} ({ref.recovery_region})"
        raise RecordError(message, system=ref.system, run_id=ref.run_id, region=ref.recovery_region)
    return view_of(ref, log, declared)


def view_of(ref: RunRef, log: EventLog, declared: Event) -> RunView:
    """Build the view from the declaration; reads the chosen point from the recovery region."""
    plan = plan_from_json(declared.payload["plan"])
    system = thaw(plan.frozen)
    point = declared.payload.get("point")
    captures = Shelf(system=system).read(point["id"], ref.recovery_region).captures if point else {}
    return RunView(
        ref=ref,
        system=system,
        plan=plan,
        log=log,
        claims=Claims(open_store(ref.record_bucket, ref.recovery_region)),
        declared=declared.payload,
        captures=captures,
    )


def component_of(view: RunView, step: Step) -> Component:
    """Return the component of a component step; raises ``KeyError`` for a system step."""
    return view.system.component(step.component or "")


@contextmanager
def acting(view: RunView, step_id: str, *, may_call_source: bool = False) -> Iterator[None]:
    """Send AWS calls as this step, with the claim re-checked before mutations and the impaired region forbidden.

    Raises:
        RunActiveError: Another run holds the system.
    """
    with calling_as(Caller(run_id=view.ref.run_id, step=step_id)):
        claim = view.claim()
    guard = _Guard(view.claims, claim)
    forbidden = None if may_call_source else view.ref.impaired_region
    caller = Caller(run_id=view.ref.run_id, step=step_id, forbidden_region=forbidden, before_mutation=guard)
    with calling_as(caller):
        yield


class _Guard:
    """Re-check the claim before a mutating call, at most once a second."""

    FRESH_S = 1.0

    def __init__(self, claims: Claims, claim: Claim) -> None:
        self._claims = claims
        self._claim = claim
        self._checked_at = float("-inf")

    def __call__(self, _operation: str) -> None:
        import time

        if time.monotonic() - self._checked_at > self.FRESH_S:
            self._claims.check(self._claim)
            self._checked_at = time.monotonic()
