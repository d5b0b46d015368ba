"""``cloudformation-stack``: infrastructure that a template describes."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from recovery_ops.aws import stacks
from recovery_ops.aws.stack_types import access_of
from recovery_ops.aws.stacks import Stack
from recovery_ops.errors import PointDamagedError, RequestError, StepInterruptedError, StepRejectedError
from recovery_ops.kinds import Kind, Stage, StepContext, kind
from recovery_ops.kinds.cloudformation_stack import judging
from recovery_ops.kinds.cloudformation_stack.judging import STANDS_ALREADY, way_out
from recovery_ops.kinds.cloudformation_stack.settings import CloudformationStackSettings
from recovery_ops.kinds.cloudformation_stack.target import Target
from recovery_ops.model.access import Access, role_resource
from recovery_ops.model.checks import Check, Gate
from recovery_ops.model.events import EventType
from recovery_ops.model.findings import Finding
from recovery_ops.model.operations import DONE, OperationRef, OperationState, OperationStatus
from recovery_ops.model.plan import Phase, PhaseCost
from recovery_ops.model.points import Capture
from recovery_ops.model.runs import ANY_RUN
from recovery_ops.model.system import Component, System

ADOPT_S, CREATE_S, BUDGET_S = 15.0, 180.0, 1800.0


@kind("cloudformation-stack")
class CloudformationStack(Kind):
    """A stack keeps its name: adopted where it is as pinned, updated in place where it differs, created where absent.

    The recovery point holds the template and the parameters of the region that serves. A parameter that names that
    region is mapped; an ARN that stands in the target region already stays, because ARNs hold ids that no other region
    knows. A stack that failed to be created is never deleted by us.
    """

    settings_model = CloudformationStackSettings
    stateful: ClassVar[bool] = False
    gates = frozenset({Gate.CONFIGURATION, Gate.REFERENCES})
    aws_actions = frozenset(
        {
            "cloudformation:CreateStack",
            "cloudformation:DeleteStack",
            "cloudformation:DescribeStackEvents",
            "cloudformation:DescribeStacks",
            "cloudformation:GetTemplate",
            "cloudformation:TagResource",
            "cloudformation:UpdateStack",
            "iam:GetRole",
            "iam:PassRole",
            "sts:GetCallerIdentity",
        }
    )

    def __init__(self, component: Component) -> None:
        super().__init__(component)
        self.settings = CloudformationStackSettings.model_validate(dict(component.settings))

    @classmethod
    def costs(cls, component: Component) -> Mapping[Phase, PhaseCost]:
        """Return the cost: adopting a stack that stands is a few reads, creating one takes minutes."""
        estimate_s = ADOPT_S if component.standby in STANDS_ALREADY else CREATE_S
        planes = ("cloudformation",)
        return {
            Phase.PROVISION: PhaseCost(estimate_s=estimate_s, budget_s=BUDGET_S, control_planes=planes),
            Phase.VERIFY: PhaseCost(estimate_s=10, budget_s=600, control_planes=planes),
        }

    def start(self, phase: Phase, ctx: StepContext) -> OperationRef:
        """Adopt, create or update the stack, or join the operation that is under way on it.

        Raises:
            StepRejectedError: A person has to resolve the state of the stack, or AWS refused; nothing was changed.
            StepInterruptedError: The stack is being deleted; call again.
        """
        if phase is not Phase.PROVISION:
            return super().start(phase, ctx)
        target = self._target(ctx)
        seen = target.look()
        if seen is None:
            if made := stacks.create(target.order(None), ctx.target_region):
                return _ref(target, "create", made)
            seen = target.look()
        if seen is None:
            raise _gone(target)
        return _bring(target, seen)

    def poll(self, ref: OperationRef, ctx: StepContext) -> OperationStatus:
        """Look at the stack; a failure names the first resource that failed."""
        seen = stacks.look(ref.details["stack_id"], ctx.target_region)
        if seen is None:
            return OperationStatus(state=OperationState.FAILED, detail=f"{ref.resource_id} is gone")
        if seen.busy:
            return OperationStatus(state=OperationState.RUNNING, detail=seen.status)
        action = ref.details["action"]
        if seen.status not in (stacks.STANDING if action in ("adopt", "join") else stacks.SETTLED):
            return OperationStatus(state=OperationState.FAILED, detail=stacks.first_failure(seen, ctx.target_region))
        if action == "join" and (differs := self._target(ctx).difference(seen)):
            return OperationStatus(state=OperationState.FAILED, detail=f"{seen.status}, but {differs}")
        return DONE

    def fallback(self, ref: OperationRef, status: OperationStatus, ctx: StepContext) -> OperationRef:
        """Do our own work after an operation of somebody else has ended; a failure of our own is final."""
        if ref.details["action"] == "join":
            return self.start(Phase.PROVISION, ctx)
        return super().fallback(ref, status, ctx)

    def finish(self, ref: OperationRef, ctx: StepContext) -> Mapping[str, Any]:
        """Return ``stack_id`` and ``stack_outputs``, and say which parameters were mapped."""
        target, seen = self._target(ctx), stacks.look(ref.details["stack_id"], ctx.target_region)
        if seen is None:
            raise _gone(target)
        for name, (before, after) in target.wanted(seen).mapped.items():
            what = {"component": self.component.name, "what": f"parameter {name} of stack {seen.name}"}
            ctx.emit(EventType.REFERENCE_MAPPED, what | {"source": before, "target": after})
        return {"stack_id": seen.stack_id, "stack_outputs": dict(seen.outputs)}

    def verify(self, ctx: StepContext) -> Iterable[Check]:
        """Judge state, template, parameters and outputs; look for the region that was left."""
        return judging.checks(self._target(ctx))

    def protect(self, ctx: StepContext, stage: Stage) -> Capture:  # noqa: ARG002 - a template fits into the manifest
        """Capture template, parameters and outputs of the region that serves.

        Raises:
            PointDamagedError: The stack is absent, or in a state that nobody should go back to.
            StepInterruptedError: The stack is being changed; take the point again.
        """
        watermark, region = datetime.now(UTC), ctx.source_region
        seen = stacks.look(self.settings.stack, region)
        if seen is not None and seen.busy:
            message = f"stack {seen.name} in {region} is {seen.status}; what is half done is not captured, call again"
            raise StepInterruptedError(message, component=self.component.name, region=region)
        if seen is None or seen.status not in stacks.STANDING:
            message = f"stack {self.settings.stack} in {region} is {seen.status if seen else 'absent'}: not captured"
            raise PointDamagedError(message, component=self.component.name)
        content = {
            "region": region,
            "template": stacks.template_of(seen.stack_id, region),
            "parameters": dict(seen.parameters),
            "masked": list(seen.masked),
            "stack_outputs": dict(seen.outputs),
        }
        return Capture(component=self.component.name, kind=self.name, watermark=watermark, content=content)

    def readiness(self, ctx: StepContext) -> Iterable[Finding]:
        """Say whether the stack stands as pinned, and whether its template could be used; reads only."""
        return judging.readiness(self._target(ctx))

    def compare(self, ctx: StepContext) -> Iterable[Finding]:
        """Say whether the stack at home is still as the newest point has it; reads only."""
        return judging.compare(self._target(ctx))

    def resources(self, system: System) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002
        """Return the stack with those of drills; only the latter are deleted."""
        of_drills = f"cloudformation:stack/{self.settings.stack}-{ANY_RUN}/*"
        return {
            "cloudformation:": (f"cloudformation:stack/{self.settings.stack}/*", of_drills),
            "cloudformation:DeleteStack": (of_drills,),
            "iam:GetRole": self._roles(),
        }

    def passes(self, system: System) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002
        """Return the role of the stack."""
        return {"cloudformation.amazonaws.com": self._roles()}

    def in_our_name(self, system: System) -> Iterable[Access]:
        """Return what the resources of the template need, for a stack without a role."""
        if self.settings.role:
            return ()
        path = Path(system.folder) / self.settings.template
        try:
            return access_of(stacks.types_in(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise RequestError(f"{self.component.name}: {path} cannot be read: {error}") from error

    def stands_already(self) -> bool:
        """Return whether a real run adopts the stack."""
        return self.component.standby in STANDS_ALREADY

    def names(self, ctx: StepContext) -> Iterable[str]:
        """Return the stack, and what a drill passes to it instead of names of production."""
        target = self._target(ctx)
        return [f"stack {target.name}", *(f"{name} {value}" for name, value in target.apart.items())]

    def release(self, ctx: StepContext) -> Iterable[str]:
        """Delete the stack that a drill made; the stack of a real run stays, it is what the run recovered."""
        target = self._target(ctx)
        if ctx.isolated and stacks.delete(target.name, ctx.target_region, target.role):
            yield f"stack {target.name} in {ctx.target_region}"

    def _target(self, ctx: StepContext) -> Target:
        return Target(settings=self.settings, ctx=ctx)

    def _roles(self) -> tuple[str, ...]:
        return (role_resource(self.settings.role),) if self.settings.role else ()


def _bring(target: Target, seen: Stack) -> OperationRef:
    """Adopt, update or join what stands."""
    if seen.status == "DELETE_IN_PROGRESS":
        message = f"{target.where} is being deleted; call again to create it"
        raise StepInterruptedError(message, **_facts(target))
    if seen.status == "REVIEW_IN_PROGRESS" or not (seen.busy or seen.status in stacks.STANDING | stacks.UPDATABLE):
        message = f"{target.where} is {seen.status}; nothing was changed: {way_out(seen.status)}, then resume"
        raise StepRejectedError(message, **_facts(target))
    if seen.busy:
        return _ref(target, "join", seen.stack_id)
    if seen.status in stacks.STANDING and not target.difference(seen):
        return _ref(target, "adopt", seen.stack_id)
    started = stacks.update(target.order(seen), seen, target.ctx.target_region)
    return _ref(target, "update" if started else "adopt", seen.stack_id)


def _gone(target: Target) -> StepInterruptedError:
    return StepInterruptedError(f"{target.where} was there and is gone; call again", **_facts(target))


def _facts(target: Target) -> dict[str, str]:
    return {"component": target.ctx.component.name, "region": target.ctx.target_region}


def _ref(target: Target, action: str, stack_id: str) -> OperationRef:
    return target.ctx.ref(Phase.PROVISION, target.name, action=action, stack_id=stack_id)
