"""What the stack in the target region is called and shall be, and how what stands there differs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from recovery_ops.aws import stacks
from recovery_ops.aws.identity import role_arn
from recovery_ops.aws.references import in_region, leftovers
from recovery_ops.aws.stacks import Order, Stack
from recovery_ops.errors import NoRecoveryPointError
from recovery_ops.kinds import StepContext
from recovery_ops.kinds.cloudformation_stack.settings import CloudformationStackSettings
from recovery_ops.model.drills import RUN

ZONES = "abcdef"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the stack in the target region shall be. ``mapped`` is parameter -> (source value, target value)."""

    template: str
    parameters: Mapping[str, str]
    mapped: Mapping[str, tuple[str, str]]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The stack of one component in the target region of one step."""

    settings: CloudformationStackSettings
    ctx: StepContext

    @property
    def name(self) -> str:
        """Return the name of the stack; that of a drill carries the run id."""
        return f"{self.settings.stack}-{self.ctx.run_id}" if self.ctx.isolated else self.settings.stack

    @property
    def where(self) -> str:
        """Return what messages call it."""
        return f"{self.ctx.component.name}: stack {self.name} in {self.ctx.target_region}"

    @property
    def role(self) -> str | None:
        """Return the ARN of the role that CloudFormation acts with, ``None`` for our own rights."""
        return role_arn(self.settings.role, self.ctx.target_region) if self.settings.role else None

    @property
    def apart(self) -> dict[str, str]:
        """Return the parameters that keep the stack of a drill apart."""
        own = self.settings.isolated if self.ctx.isolated else {}
        return {name: value.replace(RUN, self.ctx.run_id) for name, value in own.items()}

    @property
    def needles(self) -> list[str]:
        """Return the regions that values must not name, and their zones."""
        return [f"{region}{letter}" for region in left(self.ctx) for letter in ("", *ZONES)]

    def look(self) -> Stack | None:
        """Return the stack as it stands, if it does."""
        return stacks.look(self.name, self.ctx.target_region)

    def wanted(self, seen: Stack | None) -> Wanted:
        """Return what the point and the catalog ask for where ``seen`` stands.

        Raises:
            NoRecoveryPointError: No point holds the template, and its file cannot be read.
        """
        content = self.ctx.capture.content if self.ctx.capture else {}
        there = seen.parameters if seen else {}
        asked = {**content.get("parameters", {}), **self.settings.parameters, **self.apart}
        final = {name: self._regional(value, there.get(name)) for name, value in asked.items()}
        return Wanted(
            template=content.get("template") or self._file(),
            parameters=final,
            mapped={name: (value, final[name]) for name, value in asked.items() if final[name] != value},
            outputs=tuple(content.get("stack_outputs", {})),
        )

    def difference(self, seen: Stack) -> str:
        """Return how ``seen`` differs from what is wanted, or an empty string."""
        wanted = self.wanted(seen)
        others = sorted(
            name
            for name, value in wanted.parameters.items()
            if name not in seen.masked and seen.parameters.get(name) != value
        )
        if others:
            return f"parameters {', '.join(others)} are not as wanted"
        same = stacks.same_template(stacks.template_of(seen.stack_id, self.ctx.target_region), wanted.template)
        return "" if same else "its template is not the pinned one"

    def order(self, seen: Stack | None) -> Order:
        """Return what CloudFormation is asked to make of ``seen``, or from nothing."""
        wanted = self.wanted(seen)
        return Order(
            name=self.name,
            template=wanted.template,
            parameters=wanted.parameters,
            kept=seen.masked if seen else (),
            capabilities=self.settings.capabilities,
            tags=self.ctx.tags,
            run_id=self.ctx.run_id,
            role_arn=self.role,
        )

    def _regional(self, value: str, there: str | None) -> str:
        """Return a parameter value for the target; an ARN of that region that stands there already stays."""
        mapped = value
        for region in left(self.ctx):
            mapped = in_region(mapped, region, self.ctx.target_region)
        own = there is not None and there.startswith("arn:") and not leftovers([there], left(self.ctx))
        return there if there is not None and own and mapped != value else mapped

    def _file(self) -> str:
        path = Path(self.ctx.system.folder) / self.settings.template
        try:
            return path.read_text(encoding="utf-8")
        except OSError as error:
            message = f"{self.where}: no recovery point holds its template, and {path} cannot be read: {error}"
            raise NoRecoveryPointError(message, component=self.ctx.component.name) from error


def left(ctx: StepContext) -> list[str]:
    """Return the regions that values must not name: the one we leave and the one where the point was taken."""
    captured = {str(ctx.capture.content["region"])} if ctx.capture else set()
    return sorted({ctx.source_region, *captured} - {ctx.target_region})
