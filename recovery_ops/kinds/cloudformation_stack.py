"""``cloudformation-stack``: infrastructure that a template describes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from recovery_ops.aws import stacks
from recovery_ops.aws.identity import role_arn
from recovery_ops.aws.permissions import role_exists
from recovery_ops.aws.references import in_region, leftovers, references_check
from recovery_ops.aws.stack_types import access_of
from recovery_ops.aws.stacks import Order, Stack
from recovery_ops.errors import (
    NoRecoveryPointError,
    PointDamagedError,
    RequestError,
    StepInterruptedError,
    StepRejectedError,
)
from recovery_ops.kinds import Kind, KindSettings, Stage, StepContext, kind
from recovery_ops.model.access import Access, role_resource
from recovery_ops.model.checks import Check, Gate
from recovery_ops.model.drills import RUN
from recovery_ops.model.events import EventType
from recovery_ops.model.finding_codes import finding
from recovery_ops.model.findings import Finding
from recovery_ops.model.operations import DONE, OperationRef, OperationState, OperationStatus
from recovery_ops.model.plan import Phase, PhaseCost
from recovery_ops.model.points import Capture
from recovery_ops.model.runs import ANY_RUN
from recovery_ops.model.system import Component, Standby, System
from recovery_ops.quality.probes import verdict

ADOPT_S, CREATE_S, BUDGET_S = 15.0, 180.0, 1800.0
STANDS_ALREADY = frozenset({Standby.ACTIVE, Standby.HOT, Standby.WARM})
ZONES = "abcdef"
ROLE = r"^(arn:aws[a-z-]*:iam::\d{12}:role/)?([!-.0-9;-~]+/)*[a-zA-Z0-9+=,.@_-]{1,64}$"
"""Name of a role, with its path if it has one, or its ARN."""

Capability = Literal["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


class CloudformationStackSettings(KindSettings):
    """Settings of a ``cloudformation-stack``.

    Example:
        ```yaml
        stack: fraud-network
        template: network.yaml
        parameters: {StageName: live}
        capabilities: [CAPABILITY_NAMED_IAM]
        role: fraud-network-builder
        isolated: {EndpointName: "fraud-scoring-{run}"}
        ```
    """

    stack: str = Field(pattern=r"^[a-zA-Z][-a-zA-Z0-9]{0,109}$")
    """Name of the stack, the same in every region; leaves room for the run id of a drill."""
    template: str
    """File in the folder beside the catalog; used when no recovery point holds the template."""
    parameters: Mapping[str, str] = Field(default_factory=dict)
    """Values that win over those of the recovery point."""
    capabilities: tuple[Capability, ...] = ("CAPABILITY_NAMED_IAM",)
    role: str | None = Field(default=None, pattern=ROLE)
    """Name or ARN of the role that CloudFormation acts with; roles are global. Ours are the rights without one, and
    they must be enough for every resource of the template."""
    isolated: Mapping[str, str] = Field(default_factory=dict)
    """Values that win over all others in the stack that a drill makes, so that nothing in it meets production.
    ``{run}`` stands for the run id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the stack in the target region shall be. ``mapped`` is parameter -> (source value, target value)."""

    template: str
    parameters: Mapping[str, str]
    mapped: Mapping[str, tuple[str, str]]
    outputs: tuple[str, ...]


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
        seen = self._look(ctx)
        if seen is None:
            if made := stacks.create(self._order(ctx, None), ctx.target_region):
                return self._ref(ctx, "create", made)
            seen = self._look(ctx)
        if seen is None:
            raise StepInterruptedError(f"{self._where(ctx)} was there and is gone; call again", **self._facts(ctx))
        return self._bring(ctx, seen)

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
        if action == "join" and (differs := self._difference(ctx, seen)):
            return OperationStatus(state=OperationState.FAILED, detail=f"{seen.status}, but {differs}")
        return DONE

    def fallback(self, ref: OperationRef, status: OperationStatus, ctx: StepContext) -> OperationRef:
        """Do our own work after an operation of somebody else has ended; a failure of our own is final."""
        if ref.details["action"] == "join":
            return self.start(Phase.PROVISION, ctx)
        return super().fallback(ref, status, ctx)

    def finish(self, ref: OperationRef, ctx: StepContext) -> Mapping[str, Any]:
        """Return ``stack_id`` and ``stack_outputs``, and say which parameters were mapped."""
        seen = stacks.look(ref.details["stack_id"], ctx.target_region)
        if seen is None:
            raise StepInterruptedError(f"{self._where(ctx)} was there and is gone; call again", **self._facts(ctx))
        for name, (source, target) in self._wanted(ctx, seen).mapped.items():
            what = {"component": self.component.name, "what": f"parameter {name} of stack {seen.name}"}
            ctx.emit(EventType.REFERENCE_MAPPED, what | {"source": source, "target": target})
        return {"stack_id": seen.stack_id, "stack_outputs": dict(seen.outputs)}

    def verify(self, ctx: StepContext) -> Iterable[Check]:
        """Judge state, template, parameters and outputs; look for the region that was left."""
        seen, region = self._look(ctx), ctx.target_region
        wanted = self._wanted(ctx, seen)
        status = seen.status if seen else "absent"
        yield self._check("the stack stands", sorted(stacks.STANDING), status, passed=status in stacks.STANDING)
        template = stacks.fingerprint(stacks.template_of(seen.stack_id, region)) if seen else "absent"
        pinned = stacks.fingerprint(wanted.template)
        yield self._check("template as pinned (sha256)", pinned, template, passed=template == pinned)
        parameters = dict(seen.parameters) if seen else {}
        asked = {name: value for name, value in wanted.parameters.items() if not seen or name not in seen.masked}
        there = {name: parameters.get(name, "absent") for name in asked}
        yield self._check("parameters as wanted", asked, there, passed=there == asked)
        outputs = dict(seen.outputs) if seen else {}
        empty = sorted(name for name in {*wanted.outputs, *outputs} if not outputs.get(name))
        whole = seen is not None and not empty
        yield self._check("outputs have values", sorted(wanted.outputs), outputs, passed=whole, detail=", ".join(empty))
        described = {"parameters": parameters, "outputs": outputs}
        yield references_check(self.component.name, described, _names(_left(ctx)), region)

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
        name = self.component.name
        try:
            wanted = self._wanted(ctx, seen := self._look(ctx))
        except NoRecoveryPointError as error:
            yield finding("no-template", name, error.message)
            return
        yield from self._before_calls(ctx, wanted)
        if seen is None:
            if self.component.standby in STANDS_ALREADY:
                what = f"{self._where(ctx)} is absent, although standby is {self.component.standby}; it will be created"
                yield finding("stack-absent", name, what)
            return
        if seen.busy:
            yield finding("stack-busy", name, f"{self._where(ctx)} is {seen.status}")
        elif seen.status not in stacks.STANDING | stacks.UPDATABLE:
            what = f"{self._where(ctx)} is {seen.status}, which no update starts from"
            yield finding("stack-broken", name, what, hint=_way_out(seen.status))
        elif differs := self._difference(ctx, seen):
            yield finding("stack-drift", name, f"{self._where(ctx)}: {differs}")
        described = {"parameters": dict(seen.parameters), "outputs": dict(seen.outputs)}
        for text in leftovers(described, _names(_left(ctx))):
            yield finding("reference-left", name, f"{self._where(ctx)}: {text}", subject=text.partition(":")[0])

    def compare(self, ctx: StepContext) -> Iterable[Finding]:
        """Say whether the stack at home is still as the newest point has it; reads only."""
        if ctx.capture is None:
            return
        here, content = stacks.look(self.settings.stack, ctx.source_region), ctx.capture.content
        where = f"{self.component.name}: stack {self.settings.stack} in {ctx.source_region}"
        if here is None:
            yield finding("changed-since-point", self.component.name, f"{where} is absent", subject="stack")
            return
        if not stacks.same_template(stacks.template_of(here.stack_id, ctx.source_region), content["template"]):
            what = f"{where} has another template than the newest point"
            yield finding("changed-since-point", self.component.name, what, subject="template")
        plain = {name: value for name, value in here.parameters.items() if name not in here.masked}
        pinned = {name: value for name, value in content["parameters"].items() if name not in content["masked"]}
        if plain != pinned:
            others = sorted(name for name in {*plain, *pinned} if plain.get(name) != pinned.get(name))
            what = f"{where} has other parameters than the newest point: {', '.join(others)}"
            yield finding("changed-since-point", self.component.name, what, subject="parameters")

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

    def release(self, ctx: StepContext) -> Iterable[str]:
        """Delete the stack that a drill made; the stack of a real run stays, it is what the run recovered."""
        if ctx.isolated and stacks.delete(self._name(ctx), ctx.target_region, self._role(ctx)):
            yield f"stack {self._name(ctx)} in {ctx.target_region}"

    def _bring(self, ctx: StepContext, seen: Stack) -> OperationRef:
        if seen.status == "DELETE_IN_PROGRESS":
            message = f"{self._where(ctx)} is being deleted; call again to create it"
            raise StepInterruptedError(message, **self._facts(ctx))
        if seen.status == "REVIEW_IN_PROGRESS" or not (seen.busy or seen.status in stacks.STANDING | stacks.UPDATABLE):
            message = f"{self._where(ctx)} is {seen.status}; nothing was changed: {_way_out(seen.status)}, then resume"
            raise StepRejectedError(message, **self._facts(ctx))
        if seen.busy:
            return self._ref(ctx, "join", seen.stack_id)
        if seen.status in stacks.STANDING and not self._difference(ctx, seen):
            return self._ref(ctx, "adopt", seen.stack_id)
        started = stacks.update(self._order(ctx, seen), seen, ctx.target_region)
        return self._ref(ctx, "update" if started else "adopt", seen.stack_id)

    def _order(self, ctx: StepContext, seen: Stack | None) -> Order:
        wanted = self._wanted(ctx, seen)
        return Order(
            name=self._name(ctx),
            template=wanted.template,
            parameters=wanted.parameters,
            kept=seen.masked if seen else (),
            capabilities=self.settings.capabilities,
            tags=ctx.tags,
            run_id=ctx.run_id,
            role_arn=self._role(ctx),
        )

    def _wanted(self, ctx: StepContext, seen: Stack | None) -> Wanted:
        content = ctx.capture.content if ctx.capture else {}
        there = seen.parameters if seen else {}
        asked = {**content.get("parameters", {}), **self.settings.parameters, **self._own(ctx)}
        final = {name: _regional(value, ctx, there.get(name)) for name, value in asked.items()}
        return Wanted(
            template=content.get("template") or self._file(ctx),
            parameters=final,
            mapped={name: (value, final[name]) for name, value in asked.items() if final[name] != value},
            outputs=tuple(content.get("stack_outputs", {})),
        )

    def _own(self, ctx: StepContext) -> dict[str, str]:
        """Return the parameters that keep the stack of a drill apart."""
        own = self.settings.isolated if ctx.isolated else {}
        return {name: value.replace(RUN, ctx.run_id) for name, value in own.items()}

    def _file(self, ctx: StepContext) -> str:
        path = Path(ctx.system.folder) / self.settings.template
        try:
            return path.read_text(encoding="utf-8")
        except OSError as error:
            message = f"{self._where(ctx)}: no recovery point holds its template, and {path} cannot be read: {error}"
            raise NoRecoveryPointError(message, component=self.component.name) from error

    def _difference(self, ctx: StepContext, seen: Stack) -> str:
        """Return how ``seen`` differs from what is wanted, or an empty string."""
        wanted = self._wanted(ctx, seen)
        others = sorted(
            name
            for name, value in wanted.parameters.items()
            if name not in seen.masked and seen.parameters.get(name) != value
        )
        if others:
            return f"parameters {', '.join(others)} are not as wanted"
        same = stacks.same_template(stacks.template_of(seen.stack_id, ctx.target_region), wanted.template)
        return "" if same else "its template is not the pinned one"

    def _before_calls(self, ctx: StepContext, wanted: Wanted) -> Iterable[Finding]:
        """Say what CloudFormation would refuse, or make wrong: a role, and the template itself."""
        if (role := self._role(ctx)) and not role_exists(role, ctx.target_region):
            yield finding("role-absent", self.component.name, f"role {role} does not exist")
        size = len(wanted.template.encode())
        if size > stacks.LARGEST_TEMPLATE_BYTES:
            what = f"{self.settings.template} has {size} bytes; AWS takes {stacks.LARGEST_TEMPLATE_BYTES} in a request"
            yield finding("template-too-large", self.component.name, what)
        if leftovers([wanted.template], _names(_left(ctx))):
            what = f"the template of {self.settings.stack} names {', '.join(_left(ctx))} itself"
            yield finding("template-names-region", self.component.name, what)

    def names(self, ctx: StepContext) -> Iterable[str]:
        """Return the stack, and what a drill passes to it instead of names of production."""
        return [f"stack {self._name(ctx)}", *(f"{name} {value}" for name, value in self._own(ctx).items())]

    def _look(self, ctx: StepContext) -> Stack | None:
        return stacks.look(self._name(ctx), ctx.target_region)

    def _name(self, ctx: StepContext) -> str:
        return f"{self.settings.stack}-{ctx.run_id}" if ctx.isolated else self.settings.stack

    def _role(self, ctx: StepContext) -> str | None:
        return role_arn(self.settings.role, ctx.target_region) if self.settings.role else None

    def _roles(self) -> tuple[str, ...]:
        return (role_resource(self.settings.role),) if self.settings.role else ()

    def _where(self, ctx: StepContext) -> str:
        return f"{self.component.name}: stack {self._name(ctx)} in {ctx.target_region}"

    def _facts(self, ctx: StepContext) -> dict[str, str]:
        return {"component": self.component.name, "region": ctx.target_region}

    def _ref(self, ctx: StepContext, action: str, stack_id: str) -> OperationRef:
        return ctx.ref(Phase.PROVISION, self._name(ctx), action=action, stack_id=stack_id)

    def _check(self, name: str, expected: Any, observed: Any, *, passed: bool, detail: str = "") -> Check:
        return Check(
            component=self.component.name,
            gate=Gate.CONFIGURATION,
            name=name,
            expected=expected,
            observed=observed,
            outcome=verdict(passed),
            detail="" if passed else detail,
        )


def _left(ctx: StepContext) -> list[str]:
    """Return the regions that values must not name: the one we leave and the one where the point was taken."""
    captured = {str(ctx.capture.content["region"])} if ctx.capture else set()
    return sorted({ctx.source_region, *captured} - {ctx.target_region})


def _names(regions: Iterable[str]) -> list[str]:
    return [f"{region}{letter}" for region in regions for letter in ("", *ZONES)]


def _regional(value: str, ctx: StepContext, there: str | None) -> str:
    """Return a parameter value for the target; an ARN of that region that stands there already stays."""
    mapped = value
    for region in _left(ctx):
        mapped = in_region(mapped, region, ctx.target_region)
    own = there is not None and there.startswith("arn:") and not leftovers([there], _left(ctx))
    return there if there is not None and own and mapped != value else mapped


def _way_out(status: str) -> str:
    if status == "UPDATE_ROLLBACK_FAILED":
        return "continue its rollback"
    if status == "REVIEW_IN_PROGRESS":
        return "execute or delete its change set"
    return "look at its events and delete it"
