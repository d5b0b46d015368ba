"""Component kinds: one file each, found by being there.

A kind knows how one type of component is protected, brought back and proven. Long work in AWS is three calls: ``start``
(idempotent, returns a ref), ``poll`` (reads only) and ``cancel``. Kinds do not know each other; what one step learned
reaches the next through :attr:`StepContext.outputs`.

Third parties add kinds through the entry-point group ``recovery_ops.kinds``: each entry point names a module whose
import registers the kind with :func:`kind`.
"""

import functools
import importlib
import importlib.metadata
import pkgutil
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict

from recovery_ops.aws import replication
from recovery_ops.aws.clients import client
from recovery_ops.aws.objects import stored_bytes
from recovery_ops.aws.waiting import Clock
from recovery_ops.errors import StepFailedError
from recovery_ops.model.access import Access
from recovery_ops.model.checks import Check, Gate
from recovery_ops.model.cost import GIB, Purpose, Usage
from recovery_ops.model.events import EventType
from recovery_ops.model.finding_codes import finding
from recovery_ops.model.findings import Finding, Severity
from recovery_ops.model.operations import DONE, OperationRef, OperationStatus
from recovery_ops.model.plan import Intent, Phase, PhaseCost
from recovery_ops.model.points import Capture
from recovery_ops.model.system import Component, System

ENTRY_POINTS = "recovery_ops.kinds"
OBJECT_ACTIONS = frozenset(
    {
        "iam:PassRole",
        "s3:DeleteObject",
        "s3:GetBucketVersioning",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:GetReplicationConfiguration",
        "s3:ListBucketVersions",
        "s3:PutObject",
        "s3:PutReplicationConfiguration",
    }
)
"""What a kind calls whose objects lie in replicated, versioned buckets."""


class KindSettings(BaseModel):
    """Base of every kind's settings: frozen, unknown keys forbidden."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _ignore(_type: EventType, _payload: Mapping[str, Any]) -> None:
    """Drop an event; for looking at AWS outside a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """What a kind may know while it acts for one step of one run.

    ``source_region`` is where we leave, ``target_region`` where we go; only ``fence`` may call the source.
    ``capture`` is this component's part of the chosen recovery point (``None`` when there is no point), ``captures``
    those of all components. ``outputs`` maps a component to what its finished steps returned. ``impact_at`` is T0.
    ``time_factor`` is wall seconds per AWS second. ``folder`` holds suites, templates and golden sets of the system.
    ``isolated`` is set in drills: names carry the run id and production is left alone.
    """

    system: System
    component: Component
    run_id: str
    source_region: str
    target_region: str
    intent: Intent = Intent.REGION_LOSS
    graceful: bool = False
    isolated: bool = False
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
        """Return a client of the region we leave, with one attempt and short timeouts; for fencing only."""
        return client(service, self.source_region, suspect=True)

    def turned(self) -> "StepContext":
        """Return the same with source and target exchanged: what is done at one side seen from the other."""
        return replace(self, source_region=self.target_region, target_region=self.source_region)

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


class Kind:
    """One type of component. Subclasses declare the class variables and implement the phases they take part in.

    Attributes:
        name: kebab-case, as written in catalogs; set by :func:`kind`.
        settings_model: Pydantic model of ``settings`` in the catalog.
        stateful: Whether the component holds data, and so has an RPO.
        protected: Whether the kind takes part in recovery points (default yes).
        gates: Families of checks that ``verify`` must produce; a missing one counts as not run and stops cutover.
        aws_actions: IAM actions this kind uses, for example ``s3:GetObject``; the contract suite compares them with
            what was called, and IAM policies are generated from them.
    """

    name: ClassVar[str]
    settings_model: ClassVar[type[KindSettings]]
    stateful: ClassVar[bool]
    protected: ClassVar[bool] = True
    gates: ClassVar[frozenset[Gate]]
    aws_actions: ClassVar[frozenset[str]]

    def __init__(self, component: Component) -> None:
        self.component = component

    @classmethod
    def costs(cls, component: Component) -> Mapping[Phase, PhaseCost]:
        """Return the phases this component takes part in, in order, with modelled AWS seconds and control planes."""
        raise NotImplementedError(f"{cls.__name__} must say what its phases cost")

    @classmethod
    def costs_from_point(cls, component: Component) -> Mapping[Phase, PhaseCost]:
        """Return :meth:`costs` where no replica is trusted; the same phases and control planes, other durations."""
        return cls.costs(component)

    def start(self, phase: Phase, ctx: StepContext) -> OperationRef:
        """Start the work of ``phase``, or find what an earlier attempt started. Safe to repeat.

        Raises:
            StepRejectedError: AWS said no; nothing was changed by the call.
            StepInterruptedError: AWS did not answer; call again.
        """
        raise NotImplementedError(f"{type(self).__name__} has no {phase} phase")

    def poll(self, ref: OperationRef, ctx: StepContext) -> OperationStatus:  # noqa: ARG002 - the default is done at once
        """Look once at started work; reads only."""
        return DONE

    def fallback(self, ref: OperationRef, status: OperationStatus, ctx: StepContext) -> OperationRef:  # noqa: ARG002
        """Start the next best thing after ``ref`` failed, for example the next rung of an instance ladder.

        Raises:
            StepFailedError: There is nothing else to try.
        """
        where = f"{ref.component}.{ref.phase}: {ref.kind} {ref.resource_id} in {ref.region}"
        raise StepFailedError(f"{where} failed: {status.detail}", component=ref.component, region=ref.region)

    def finish(self, ref: OperationRef, ctx: StepContext) -> Mapping[str, Any]:  # noqa: ARG002
        """Do what follows success (idempotent, short) and return outputs for later steps as JSON values."""
        return {}

    def cancel(self, ref: OperationRef, ctx: StepContext) -> None:
        """Stop started work where AWS allows it; safe when it is over."""

    def verify(self, ctx: StepContext) -> Iterable[Check]:
        """Judge the restored component in the target region; every gate in :attr:`gates` gives at least one check."""
        raise NotImplementedError(f"{type(self).__name__} cannot be verified")

    def watch(self, ctx: StepContext) -> Iterable[Check]:  # noqa: ARG002
        """Judge once more what can drift under real traffic, cheap enough for the soak; a check not passed ends it."""
        return ()

    def protect(self, ctx: StepContext, stage: "Stage") -> Capture:
        """Capture the component in ``ctx.source_region`` (the region that serves) for a consistent point."""
        raise NotImplementedError(f"{type(self).__name__} cannot be protected")

    def missing(self, capture: Capture, ctx: StepContext) -> Iterable[str]:  # noqa: ARG002
        """Say what of ``capture`` is absent or altered in the target region, beyond its objects; reads only."""
        return ()

    def live_watermark(self, ctx: StepContext) -> datetime | None:  # noqa: ARG002
        """Return until when the live replica in the target region has captured acknowledged writes.

        ``None`` means that there is no live replica and recovery starts from the recovery point.
        """
        return None

    def readiness(self, ctx: StepContext) -> Iterable[Finding]:  # noqa: ARG002
        """Say why this component could not be recovered today; reads only, and only in the target region."""
        return ()

    def compare(self, ctx: StepContext) -> Iterable[Finding]:  # noqa: ARG002
        """Say what of the region that serves is not in the target region, or in no point: replication, lag and drift.

        Reads only. Unlike :meth:`readiness` it may call the source region; it is not asked while that one is dark.
        """
        return ()

    def footprint(self, ctx: StepContext) -> Iterable[Usage]:  # noqa: ARG002
        """Say what the protection of this component takes every month in the target region; reads only."""
        return ()

    def stands_already(self) -> bool:
        """Return whether a real run finds what ``provision`` makes standing; a drill then makes its own beforehand."""
        return False

    def names(self, ctx: StepContext) -> Iterable[str]:  # noqa: ARG002
        """Return what a run calls the things that it makes in the target region, each with what it is.

        Reads nothing. Empty for a component that makes nothing with a name of its own.
        """
        return ()

    def hourly(self, ctx: StepContext) -> Mapping[str, float]:  # noqa: ARG002
        """Return what a drill of this component pays for by the hour: keys of the price table and how many units.

        Reads nothing. Empty for a component that nothing is paid for by the hour.
        """
        return {}

    def resources(self, system: System) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002
        """Return what :attr:`aws_actions` act on, for the policies of IAM; buckets are known from ``settings``.

        A key is an action, or a service and a colon for all actions of it that are no key themselves. Resources are
        written as in :class:`~recovery_ops.model.access.Access`. Reads nothing.
        """
        return {}

    def passes(self, system: System) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002
        """Return which roles (resources ``iam:role/...``) are handed to which service, for ``iam:PassRole``."""
        return {}

    def in_our_name(self, system: System) -> Iterable[Access]:  # noqa: ARG002
        """Return what AWS does with our rights because of calls of this component.

        Raises:
            RequestError: That cannot be known.
        """
        return ()

    def fence(self, ctx: StepContext) -> Iterable[str]:  # noqa: ARG002
        """Stop writers in the region we leave; return what was fenced, one phrase each. May call the source region."""
        return ()

    def unfence(self, ctx: StepContext) -> Iterable[str]:  # noqa: ARG002
        """Take back what :meth:`fence` did; safe when nothing was fenced."""
        return ()

    def release(self, ctx: StepContext) -> Iterable[str]:  # noqa: ARG002
        """Remove what a drill, or an abandoned run, created under its run id; return what was removed."""
        return ()

    def reprotect(self, ctx: StepContext) -> Iterable[str]:  # noqa: ARG002
        """Make protection run out of the target region; return debts that only the healed source region can pay."""
        return ()

    def replicate_back(self, ctx: StepContext) -> Iterable[str]:  # noqa: ARG002
        """Pay what :meth:`reprotect` owes, now that the source region answers; return what was done.

        May call both regions. Safe to repeat.
        """
        return ()

    def stop_replicating_back(self, ctx: StepContext) -> Iterable[str]:  # noqa: ARG002
        """Take back what :meth:`replicate_back` set up in the source region, the system being home again.

        May call both regions. Safe to repeat; returns what was done.
        """
        return ()

    def travelling(self, ctx: StepContext) -> Iterable[str]:  # noqa: ARG002
        """Say what was written in the source region and is not in the target yet; reads only, in both regions."""
        return ()

    def reconcile(self, ctx: StepContext, parted: "Parted") -> "Reconciliation | None":  # noqa: ARG002
        """Find out what became of writes that both regions took since they parted; ``None`` for a kind without data.

        May call both regions; called again while ``waiting_for`` is not empty. Safe to repeat.
        """
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parted:
    """When two regions stopped to agree: ``lost_at`` is the T0 of the failover, ``moved_at`` when the other took over.

    Between the two nobody was served. Aware UTC.
    """

    lost_at: datetime
    moved_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What became of writes that had not reached the other region when theirs was lost.

    ``merged`` arrived after it healed. ``conflicts`` (key, kept, dropped, why) met a later write of the same key, which
    won. ``lost`` are keys of writes that are in neither region. ``waiting_for`` says what has to come before this is
    known.
    """

    merged: int = 0
    conflicts: tuple[Mapping[str, Any], ...] = ()
    lost: tuple[str, ...] = ()
    basis: str = ""
    waiting_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where a kind puts its own files while a point is taken.

    ``put(name, body)`` stores a file under the point in the serving region (replicated to the others, locked) and
    returns the exact version as an ``ObjectVersion``.
    """

    point_id: str
    put: Callable[[str, bytes], Any]
    captures: Mapping[str, Capture] = field(default_factory=dict)


def replicated(ctx: StepContext, bucket: str, prefix: str) -> Usage:
    """Return the storage of the copy of ``prefix`` in the target region, for :meth:`Kind.footprint`."""
    place, region = bucket.format(region=ctx.target_region), ctx.target_region
    return Usage(
        component=ctx.component.name,
        region=region,
        purpose=Purpose.REPLICATED,
        what=f"s3://{place}/{prefix}, every version",
        sku="s3:standard",
        quantity=stored_bytes(place, prefix, region) / GIB,
    )


def replication_findings(ctx: StepContext, bucket: str, prefix: str) -> Iterable[Finding]:
    """Say whether ``prefix`` of the bucket template ``bucket`` replicates from source to target, and how far behind.

    Lag is a blocker as soon as it is longer than the component's RPO. For :meth:`Kind.compare` of kinds with objects.
    """
    name, (here, there) = ctx.component.name, (bucket.format(region=r) for r in (ctx.source_region, ctx.target_region))
    if not replication.replicates_to(here, there, prefix, ctx.source_region):
        yield finding("no-replication", name, f"no rule of s3://{here} replicates {prefix} to s3://{there}")
    late = replication.lag(here, there, prefix, region=ctx.source_region, target_region=ctx.target_region)
    if late is not None:
        behind_s = (datetime.now(UTC) - late.oldest_at).total_seconds() / (ctx.time_factor or 1.0)
        missed = ctx.component.rpo_s is not None and behind_s > ctx.component.rpo_s
        what = f"{late.count} objects under {prefix} wait since {behind_s:.0f} s, for example {late.example}"
        yield finding("replication-lag", name, what, severity=Severity.BLOCKER if missed else None)


K = TypeVar("K", bound=type[Kind])
_registry: dict[str, type[Kind]] = {}


def kind(name: str) -> Callable[[K], K]:
    """Register the decorated class under ``name``; a second one with that name is an error at import."""

    def register(cls: K) -> K:
        known = _registry.get(name)
        if known is not None and known.__qualname__ != cls.__qualname__:
            raise RuntimeError(f"kind {name!r} is defined twice: {known} and {cls}")
        cls.name = name
        _registry[name] = cls
        return cls

    return register


def all_kinds() -> Mapping[str, type[Kind]]:
    """Return every registered kind by name; ours first, then those of installed distributions."""
    _import_all()
    return MappingProxyType(dict(sorted(_registry.items())))


@functools.cache
def _import_all() -> None:
    """Once per process: looking through every installed distribution costs some 15 ms, and each step asks for kinds."""
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        importlib.import_module(f"{__name__}.{module}")
    for entry in importlib.metadata.entry_points(group=ENTRY_POINTS):
        entry.load()


def driver(component: Component) -> Kind:
    """Return the kind object that acts for ``component``; raises ``KeyError`` for a kind nobody registered."""
    return all_kinds()[component.kind](component)
