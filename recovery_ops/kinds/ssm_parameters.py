"""``ssm-parameters``: configuration in Parameter Store, everything under one prefix."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from pydantic import Field

from recovery_ops.aws import parameters
from recovery_ops.aws.parameters import Parameter
from recovery_ops.aws.references import in_region, leftovers, names_of, references_check
from recovery_ops.errors import NoRecoveryPointError, PointDamagedError, StepRejectedError
from recovery_ops.kinds import Kind, KindSettings, Stage, StepContext, kind
from recovery_ops.model.checks import Check, Gate
from recovery_ops.model.events import EventType
from recovery_ops.model.finding_codes import finding
from recovery_ops.model.findings import Finding
from recovery_ops.model.operations import OperationRef
from recovery_ops.model.plan import Phase, PhaseCost
from recovery_ops.model.points import Capture
from recovery_ops.model.runs import ANY_RUN
from recovery_ops.model.system import Component, System
from recovery_ops.quality.probes import verdict

Relative = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]+(/[a-zA-Z0-9_.-]+)*$")]


class SsmParametersSettings(KindSettings):
    """Settings of ``ssm-parameters``.

    Example:
        ```yaml
        prefix: /fraud-detection/
        published: [features/table]
        ```
    """

    prefix: str = Field(pattern=r"^/([a-zA-Z0-9_.-]+/)+$")
    """Begins and ends with a slash, the same in every region; everything under it belongs to the component."""
    published: tuple[Relative, ...] = ()
    """Names under the prefix that another component publishes in each region; they are neither captured nor written."""


@kind("ssm-parameters")
class SsmParameters(Kind):
    """Parameters do not replicate: those of the recovery point are written where their values differ.

    A value that names the region of the point is mapped. What is not in the point is left alone. Values of
    SecureStrings are never read, so they are in no point: that they exist in the target region is checked, and they are
    a debt.
    """

    settings_model = SsmParametersSettings
    stateful: ClassVar[bool] = True
    gates = frozenset({Gate.CONFIGURATION, Gate.REFERENCES})
    aws_actions = frozenset(
        {
            "ssm:AddTagsToResource",
            "ssm:DeleteParameters",
            "ssm:GetParameterHistory",
            "ssm:GetParametersByPath",
            "ssm:LabelParameterVersion",
            "ssm:PutParameter",
        }
    )

    def __init__(self, component: Component) -> None:
        super().__init__(component)
        self.settings = SsmParametersSettings.model_validate(dict(component.settings))

    @classmethod
    def costs(cls, component: Component) -> Mapping[Phase, PhaseCost]:  # noqa: ARG003 - the same for every prefix
        """Return the cost: writing parameters is Parameter Store's control plane, reading them its data plane."""
        return {
            Phase.REHYDRATE: PhaseCost(estimate_s=10, budget_s=600, control_planes=("ssm",)),
            Phase.VERIFY: PhaseCost(estimate_s=5, budget_s=300),
        }

    def start(self, phase: Phase, ctx: StepContext) -> OperationRef:
        """Write every parameter of the point whose value differs; done when it returns.

        Raises:
            NoRecoveryPointError: There is nothing to write from.
            StepRejectedError: A parameter has another type in the target region; nothing was changed.
        """
        if phase is not Phase.REHYDRATE:
            return super().start(phase, ctx)
        prefix, region = self._prefix(ctx), ctx.target_region
        wanted, there = self._wanted(ctx), parameters.under(prefix, region)
        self._refuse_other_types(ctx, wanted, there)
        for name, parameter in wanted.items():
            standing = there.plain.get(name)
            if standing is None or standing.value != parameter.value:
                version = parameters.put(prefix, parameter, ctx.tags, region, exists=standing is not None)
            else:
                version = standing.version
            self._label(ctx, parameter, version, standing)
        return ctx.ref(phase, prefix)

    def finish(self, ref: OperationRef, ctx: StepContext) -> Mapping[str, Any]:
        """Return ``parameters`` (name -> version), ``besides`` and ``secrets_absent``; say what was mapped."""
        pinned, wanted = self._pinned(ctx), self._wanted(ctx)
        there = parameters.under(ref.resource_id, ctx.target_region)
        for name, parameter in wanted.items():
            if parameter.value != (source := pinned[name].value):
                what = {"component": self.component.name, "what": f"parameter {ref.resource_id}{name}"}
                ctx.emit(EventType.REFERENCE_MAPPED, what | {"source": source, "target": parameter.value})
        return {
            "prefix": ref.resource_id,
            "parameters": {ref.resource_id + name: there.plain[name].version for name in wanted if name in there.plain},
            "besides": [ref.resource_id + name for name in self._besides(ctx, there)],
            "secrets_absent": [ref.resource_id + name for name in self._secrets(ctx) if name not in there.secrets],
        }

    def verify(self, ctx: StepContext) -> Iterable[Check]:
        """Compare every value with the mapped one of the point; look for references to the region that was left."""
        wanted, there = self._wanted(ctx), parameters.under(self._prefix(ctx), ctx.target_region)
        observed = {name: (item.type, item.value) for name, item in there.plain.items()}
        for name, parameter in wanted.items():
            found = observed.get(name, ("absent", ""))
            yield self._check(f"parameter {name}", [parameter.type, parameter.value], list(found))
        if secrets := self._secrets(ctx):
            states = {name: "present" if name in there.secrets else "absent" for name in secrets}
            yield self._check("every SecureString is there", dict.fromkeys(secrets, "present"), states)
        if besides := self._besides(ctx, there):
            check = self._check("parameters that are not in the recovery point", [], besides)
            yield replace(check, advisory=True)
        values = {name: there.plain[name].value for name in wanted if name in there.plain}
        pinned = [item.value for item in self._pinned(ctx).values()]
        names = {name for region in self._left(ctx) for name in names_of(region, pinned, ctx.target_region)}
        yield references_check(self.component.name, {"values": values}, names, ctx.target_region)

    def protect(self, ctx: StepContext, stage: Stage) -> Capture:  # noqa: ARG002 - parameters fit into the manifest
        """Capture every value that is no secret, with version, labels and type; of secrets the name and version.

        Raises:
            PointDamagedError: Nothing stands under the prefix.
        """
        watermark, region, prefix = datetime.now(UTC), ctx.source_region, self.settings.prefix
        there = parameters.under(prefix, region)
        if not there.names - set(self.settings.published):
            message = f"{self.component.name}: nothing stands under {prefix} in {region} but what others publish"
            raise PointDamagedError(message, component=self.component.name)
        plain = [item for name, item in sorted(there.plain.items()) if name not in self.settings.published]
        content = {
            "region": region,
            "prefix": prefix,
            "parameters": [parameters.in_full(prefix, item, region).to_json() for item in plain],
            "secrets": {name: there.secrets[name] for name in sorted(there.secrets)},
        }
        return Capture(component=self.component.name, kind=self.name, watermark=watermark, content=content)

    def readiness(self, ctx: StepContext) -> Iterable[Finding]:
        """Say whether there is a point to write from, whether every secret is there, and what differs; reads only."""
        if ctx.capture is None:
            yield finding("no-recovery-point", self.component.name, f"{self.component.name} is in no recovery point")
            return
        there = parameters.under(self._prefix(ctx), ctx.target_region)
        yield from self._secret_findings(ctx, there)
        for parameter in self._wanted(ctx).values():
            yield from self._parameter_findings(ctx, there, parameter)
        values = {name: item.value for name, item in there.plain.items()}
        for name in sorted(name for name, value in values.items() if leftovers(value, self._left(ctx))):
            what = f"parameter {self._prefix(ctx)}{name} in {ctx.target_region} names the region that serves"
            yield finding("reference-left", self.component.name, what, subject=name)

    def compare(self, ctx: StepContext) -> Iterable[Finding]:
        """Say which parameters of home the newest point does not have as they are now; reads only."""
        if ctx.capture is None:
            return
        pinned, here = self._pinned(ctx), parameters.under(self._prefix(ctx), ctx.source_region)
        now = {name: item.value for name, item in here.plain.items() if name not in self.settings.published}
        changed = sorted(name for name in {*now, *pinned} if now.get(name) != getattr(pinned.get(name), "value", None))
        for name in changed:
            what = f"parameter {self._prefix(ctx)}{name} in {ctx.source_region} is not as the newest point has it"
            yield finding("changed-since-point", self.component.name, what, subject=name)

    def _secret_findings(self, ctx: StepContext, there: parameters.Shelf) -> Iterable[Finding]:
        for name in self._secrets(ctx):
            where = f"SecureString {self._prefix(ctx)}{name}"
            if name not in there.secrets:
                what = f"{where} is not in {ctx.target_region}, and no recovery point holds its value"
                yield finding("secret-absent", self.component.name, what, subject=name)
            else:
                what = f"{where}: no recovery point holds its value; whether the regions agree is not known"
                yield finding("secret-not-protected", self.component.name, what, subject=name)

    def _parameter_findings(self, ctx: StepContext, there: parameters.Shelf, wanted: Parameter) -> Iterable[Finding]:
        name, standing = wanted.name, there.plain.get(wanted.name)
        where = f"{self._prefix(ctx)}{name}"
        found = parameters.SECRET if name in there.secrets else getattr(standing, "type", None)
        if found not in (None, wanted.type):
            what = f"{where} is a {found} in {ctx.target_region}, in the point {wanted.type}"
            yield finding("other-type", self.component.name, what, subject=name)
        elif standing is None or standing.value != wanted.value:
            state = "absent" if standing is None else "another value"
            what = f"{where} in {ctx.target_region}: {state}; recovery will write what the point has"
            yield finding("parameter-drift", self.component.name, what, subject=name)

    def resources(self, system: System) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002
        """Return everything under the prefix, and under that of drills; only the latter is deleted.

        A path is looked at without the slash at its end.
        """
        of_drills = f"ssm:parameter/{ANY_RUN}{self.settings.prefix}*"
        return {
            "ssm:": (f"ssm:parameter{self.settings.prefix}*", of_drills),
            "ssm:DeleteParameters": (of_drills,),
            "ssm:GetParametersByPath": (
                f"ssm:parameter{self.settings.prefix.rstrip('/')}",
                of_drills.removesuffix("/*"),
            ),
        }

    def release(self, ctx: StepContext) -> Iterable[str]:
        """Delete what a drill wrote under its own prefix; parameters of a real run stay."""
        if not ctx.isolated:
            return []
        prefix, region = self._prefix(ctx), ctx.target_region
        return parameters.delete((prefix + name for name in parameters.under(prefix, region).names), region)

    def reprotect(self, ctx: StepContext) -> Iterable[str]:
        """Return a debt per secret: nothing carries its value to the region that was left."""
        for name in self._secrets(ctx) if ctx.capture else ():
            yield f"carry SecureString {self.settings.prefix}{name} to {ctx.source_region} by hand once it is back"

    def _refuse_other_types(self, ctx: StepContext, wanted: Mapping[str, Parameter], there: parameters.Shelf) -> None:
        other = {name: item.type for name, item in there.plain.items() if name in wanted}
        other |= {name: parameters.SECRET for name in there.secrets if name in wanted}
        wrong = [
            f"{name} is a {other[name]}, not a {wanted[name].type}"
            for name in other
            if other[name] != wanted[name].type
        ]
        if wrong:
            message = (
                f"{self.component.name}: parameters under {self._prefix(ctx)} in {ctx.target_region} have another "
                f"type, which AWS does not change; nothing was written: {'; '.join(sorted(wrong))}"
            )
            raise StepRejectedError(message, component=self.component.name, region=ctx.target_region)

    def _label(self, ctx: StepContext, wanted: Parameter, version: int, standing: Parameter | None) -> None:
        """Move the labels of the point to ``version``, unless they are there."""
        if not wanted.labels:
            return
        if standing is not None and standing.version == version:
            has = parameters.in_full(self._prefix(ctx), standing, ctx.target_region).labels
            if set(wanted.labels) <= set(has):
                return
        parameters.label(self._prefix(ctx) + wanted.name, version, wanted.labels, ctx.target_region)

    def _pinned(self, ctx: StepContext) -> dict[str, Parameter]:
        items = [Parameter.from_json(item) for item in self._capture(ctx).content["parameters"]]
        return {item.name: item for item in items if item.name not in self.settings.published}

    def _wanted(self, ctx: StepContext) -> dict[str, Parameter]:
        """Return the parameters of the point as the target region needs them."""
        return {name: replace(item, value=self._mapped(item.value, ctx)) for name, item in self._pinned(ctx).items()}

    def _mapped(self, value: str, ctx: StepContext) -> str:
        for region in self._left(ctx):
            value = in_region(value, region, ctx.target_region)
        return value

    def _left(self, ctx: StepContext) -> list[str]:
        """Return the regions that values must not name: the one we leave and the one where the point was taken."""
        return sorted({ctx.source_region, str(self._capture(ctx).content["region"])} - {ctx.target_region})

    def _secrets(self, ctx: StepContext) -> list[str]:
        """Return the secrets of the point; a drill has a prefix of its own, under which there are none."""
        secrets = self._capture(ctx).content["secrets"]
        return [] if ctx.isolated else sorted(set(secrets) - set(self.settings.published))

    def _besides(self, ctx: StepContext, there: parameters.Shelf) -> list[str]:
        known = {*self._pinned(ctx), *self._capture(ctx).content["secrets"], *self.settings.published}
        return sorted(there.names - known)

    def names(self, ctx: StepContext) -> Iterable[str]:
        """Return the prefix of the parameters."""
        return [f"parameters {self._prefix(ctx)}"]

    def _prefix(self, ctx: StepContext) -> str:
        return f"/{ctx.run_id}{self.settings.prefix}" if ctx.isolated else self.settings.prefix

    def _capture(self, ctx: StepContext) -> Capture:
        if ctx.capture is None:
            message = f"{self.component.name}: parameters are written from a recovery point, and there is none"
            raise NoRecoveryPointError(message, component=self.component.name)
        return ctx.capture

    def _check(self, name: str, expected: Any, observed: Any) -> Check:
        return Check(
            component=self.component.name,
            gate=Gate.CONFIGURATION,
            name=name,
            expected=expected,
            observed=observed,
            outcome=verdict(expected == observed),
        )
