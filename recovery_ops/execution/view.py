"""A run as its own record describes it: frozen plan, frozen system, chosen point. Never the YAML of the moment."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.aws.object_store import open_store
from recovery_ops.catalog.freeze import thaw
from recovery_ops.errors import RecordError, RequestError, RunActiveError
from recovery_ops.execution.leases import LEASE_S, Guard, renewing
from recovery_ops.execution.projecting import observers
from recovery_ops.execution.runners import this_process
from recovery_ops.kinds import StepContext
from recovery_ops.model.drills import DrillKind
from recovery_ops.model.events import Event, EventType
from recovery_ops.model.plan import Intent, Mode, Plan, Step, SystemStep
from recovery_ops.model.points import Capture
from recovery_ops.model.runs import RunRef
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import Component, System
from recovery_ops.planning.frozen import plan_from_json
from recovery_ops.protection.shelf import Shelf
from recovery_ops.record.claims import Claim, Claims, Slot
from recovery_ops.record.control import ControlState
from recovery_ops.record.fold import fold
from recovery_ops.record.log import EventLog, EventWriter, Known
from recovery_ops.record.spool import spool_of
from recovery_ops.record.store import ObjectStore

PRODUCTION, DRILL = Slot.PRODUCTION, Slot.DRILL


def slot_of(mode: str) -> Slot:
    """Return what a run of ``mode`` claims: a drill leaves the claim on production alone."""
    return DRILL if mode == Mode.DRILL else PRODUCTION


PEOPLE = "person:"
"""What the names of writers begin with that tell what people asked of a run."""


def refuse_beside(held: Claim | None, now: datetime) -> None:
    """Refuse to drill while a real run is open.

    Raises:
        RunActiveError: ``held`` is the claim of such a run.
    """
    if held is not None and not held.expired(now):
        message = f"{held.system}: run {held.run_id} of {held.holder} is open; drills wait until it is closed"
        raise RunActiveError(message, holder=held.holder, since=held.since.isoformat(), run_id=held.run_id)


def record_store(system: System, region: str, *, suspect: bool = False) -> ObjectStore:
    """Return the store that holds the record of runs into ``region``; ``suspect`` asks only briefly."""
    return open_store(system.record_bucket.format(region=region), region, suspect=suspect)


def open_log(ref: RunRef, system: System | None = None, known: Known | None = None) -> EventLog:
    """Return the event log of a run, with mirrors when the ``system`` is known; nothing is called yet."""
    store = open_store(ref.record_bucket, ref.recovery_region)
    spool = spool_of(Settings.from_environment().spool, ref.record_bucket, ref.system, ref.run_id)
    mirrors = mirrors_of(ref, system) if system is not None else ()
    seen = observers(ref.system)
    return EventLog(store, ref.system, ref.run_id, mirrors=mirrors, observers=seen, spool=spool, known=known)


def copy_regions(system: System, recovery_region: str, impaired_region: str) -> tuple[str, ...]:
    """Return the regions that get a copy of the record; of two there is none, for the impaired one is not called."""
    return tuple(region for region in system.regions if region not in (recovery_region, impaired_region))


def mirrors_of(ref: RunRef, system: System) -> tuple[ObjectStore, ...]:
    """Return the stores of :func:`copy_regions`; they are asked once and briefly, for a copy must not delay a step."""
    regions = copy_regions(system, ref.recovery_region, ref.impaired_region)
    return tuple(open_store(system.record_bucket.format(region=region), region, suspect=True) for region in regions)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """Everything a step may know about its run."""

    ref: RunRef
    system: System
    plan: Plan
    log: EventLog
    claims: Claims
    declared: Mapping[str, Any]
    started: Mapping[str, str] = field(default_factory=dict)
    captures: Mapping[str, Capture] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings.from_environment)

    @property
    def intent(self) -> Intent:
        """Return why the run recovers."""
        return Intent(self.declared["intent"])

    @property
    def impact_at(self) -> datetime:
        """Return T0, aware UTC."""
        return datetime.fromisoformat(self.clocks["T0"])

    @property
    def clocks(self) -> Mapping[str, str]:
        """Return T0 to T3 in ISO 8601: as declared, or as a drill started them when its standby stood."""
        return self.started or self.declared["clocks"]

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

    @property
    def slot(self) -> Slot:
        """Return what the run claims."""
        return slot_of(self.plan.mode)

    def control(self) -> ControlState:
        """Return what people have asked of this run until now; asks the record."""
        return fold(self.log.events_of(PEOPLE)).control

    def claim(self, lease_s: float = LEASE_S) -> Claim:
        """Re-enter the claim of this run and extend its lease to ``lease_s`` wall seconds from now.

        A store that takes no writes extends nothing; the run then rests on the lease it still has.

        Raises:
            RunActiveError: Another run holds the system now, or a drill would act while a real run is open.
            StepInterruptedError: The store takes no writes and the lease is over.
        """
        now = datetime.now(UTC)
        if self.slot == DRILL:
            refuse_beside(self.claims.holder(self.ref.system, PRODUCTION), now)
        run_id, process = self.ref.run_id, this_process()
        return self.claims.hold(self.ref.system, self.slot, run_id, self.person, lease_s, now, process=process)

    def context(self, component: Component, writer: EventWriter | None = None) -> StepContext:
        """Return what the kind of ``component`` may know, with the outputs of every step that it needs."""
        return StepContext(
            system=self.system,
            component=component,
            run_id=self.ref.run_id,
            source_region=self.ref.impaired_region,
            target_region=self.ref.recovery_region,
            intent=self.intent,
            graceful=self.is_graceful(writer.name.partition("#")[0] if writer else ""),
            isolated=self.slot == DRILL,
            capture=self.captures.get(component.name),
            captures=self.captures,
            outputs=self.outputs(component),
            impact_at=self.impact_at,
            time_factor=self.settings.time_factor,
            emit=writer.append if writer is not None else _ignore,
        )

    def is_graceful(self, step: str) -> bool:
        """Return whether ``step`` may count on the region that is left: as declared, unless a person changed it."""
        return self.control().is_graceful(step, declared=bool(self.declared["graceful"]))

    def outputs(self, component: Component) -> dict[str, dict[str, Any]]:
        """Return the merged outputs of ``component`` and of everything it needs, from their succeeded steps."""
        wanted = [component.name, *self.system.needs_of(component)]
        found: dict[str, dict[str, Any]] = {}
        for name in wanted:
            for event in self.log.tails(f"{name}."):
                if event.type is EventType.STEP_SUCCEEDED:
                    found.setdefault(name, {}).update(event.payload["outputs"])
        return found


def _ignore(_type: EventType, _payload: Mapping[str, Any]) -> None:
    """Drop an event; for looking without recording."""


def load_run(ref: RunRef, known: Known | None = None) -> RunView:
    """Read a declared run back from its record, but for the events of it that are ``known``, to which it adds.

    Raises:
        RecordError: The run was never declared, or its record cannot be read.
    """
    log = open_log(ref, known=known)
    declared = next((event for event in log.events_of("declare") if event.type is EventType.RUN_DECLARED), None)
    if declared is None:
        message = f"{ref.system}: run {ref.run_id} is not declared in s3://{ref.record_bucket} ({ref.recovery_region})"
        raise RecordError(message, system=ref.system, run_id=ref.run_id, region=ref.recovery_region)
    return view_of(ref, log, declared)


def view_of(ref: RunRef, log: EventLog, declared: Event) -> RunView:
    """Build the view from the declaration; reads the chosen point from the recovery region.

    Raises:
        RequestError: The run is a tabletop, which has neither plan nor point.
    """
    if declared.payload.get("drill") == DrillKind.TABLETOP:
        command = f"recovery-ops drill run {ref.system} --kind tabletop --resume {ref.run_id}"
        raise RequestError(f"run {ref.run_id} is a tabletop and has no steps; carry it on with: {command}")
    plan = plan_from_json(declared.payload["plan"])
    system = thaw(plan.frozen)
    log.mirror_to(mirrors_of(ref, system))
    point = declared.payload.get("point")
    captures = Shelf(system=system).read(point["id"], ref.recovery_region).captures if point else {}
    return RunView(
        ref=ref,
        system=system,
        plan=plan,
        log=log,
        claims=Claims(open_store(ref.record_bucket, ref.recovery_region)),
        declared=declared.payload,
        started=_started(log) if plan.mode == Mode.DRILL else {},
        captures=captures,
    )


def _started(log: EventLog) -> Mapping[str, str]:
    begun = clocks_started(log)
    return {} if begun is None else dict(begun.payload["clocks"])


def clocks_started(log: EventLog) -> Event | None:
    """Return the event with which a drill started its clocks, ``None`` before that."""
    staged = log.events_of(f"{SystemStep.STAGE}#")
    return next((event for event in staged if event.type is EventType.CLOCKS_STARTED), None)


def component_of(view: RunView, step: Step) -> Component:
    """Return the component of a component step; raises ``KeyError`` for a system step."""
    return view.system.component(step.component or "")


@contextmanager
def acting(
    view: RunView, step_id: str, *, may_call_source: bool = False, also: Callable[[], None] | None = None
) -> Iterator[None]:
    """Send AWS calls as this step, with the claim re-checked before mutations and the impaired region forbidden.

    ``also`` is asked together with the claim, and raises when this process must not go on for another reason.

    Raises:
        RunActiveError: Another run holds the system.
    """
    plain = Caller(run_id=view.ref.run_id, step=step_id)
    with calling_as(plain):
        claim = view.claim()
    forbidden = None if may_call_source else view.ref.impaired_region
    caller = replace(plain, forbidden_region=forbidden, before_mutation=Guard(view.claims, claim, also))
    with renewing(view.claims, claim, plain), calling_as(caller):
        yield


@contextmanager
def holding(view: RunView, step_id: str) -> Iterator[None]:
    """Keep the claim of the run while nothing is done but to wait for people.

    Raises:
        RunActiveError: Another run holds the system.
    """
    caller = Caller(run_id=view.ref.run_id, step=step_id, forbidden_region=view.ref.impaired_region)
    with calling_as(caller), renewing(view.claims, view.claim(), caller):
        yield
