"""What a kind promises: its phases, what it can tell without a run, and what it declares for IAM."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from recovery_ops.errors import StepFailedError
from recovery_ops.kinds.base.context import Stage, StepContext
from recovery_ops.kinds.base.parting import Parted, Reconciliation
from recovery_ops.model.access import Access
from recovery_ops.model.checks import Check, Gate
from recovery_ops.model.cost import Usage
from recovery_ops.model.findings import Finding
from recovery_ops.model.operations import DONE, OperationRef, OperationStatus
from recovery_ops.model.plan import Phase, PhaseCost
from recovery_ops.model.points import Capture
from recovery_ops.model.system import Component, System


class KindSettings(BaseModel):
    """Base of every kind's settings: frozen, unknown keys forbidden."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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

    @property
    def answers_within_s(self) -> float | None:
        """Return the p95, in seconds, within which clients must be answered; ``None`` when it answers no client."""
        return None

    def watch(self, ctx: StepContext) -> Iterable[Check]:  # noqa: ARG002
        """Judge once more what can drift under real traffic, cheap enough for the soak; a check not passed ends it."""
        return ()

    def protect(self, ctx: StepContext, stage: Stage) -> Capture:
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
        """Take back what :meth:`fence` did; return what is open then, one phrase each, even if nothing was fenced.

        Whoever repeats this after a death says what the dead one did not come to say.
        """
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

    def reconcile(self, ctx: StepContext, parted: Parted) -> Reconciliation | None:  # noqa: ARG002
        """Find out what became of writes that both regions took since they parted; ``None`` for a kind without data.

        May call both regions; called again while ``waiting_for`` is not empty. Safe to repeat.
        """
        return None

    def put_away(self, ctx: StepContext) -> None:  # noqa: ARG002
        """Remove what :meth:`reconcile` made to compare with, its result being recorded; safe to repeat.

        May call both regions.
        """
        return
