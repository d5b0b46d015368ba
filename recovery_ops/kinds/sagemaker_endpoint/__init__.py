"""``sagemaker-endpoint``: a model that answers, on instances that AWS can give today."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from recovery_ops.aws import autoscaling, endpoints, served, standing
from recovery_ops.aws.deployment import is_capacity
from recovery_ops.aws.identity import role_arn
from recovery_ops.aws.permissions import role_exists
from recovery_ops.aws.references import names_of
from recovery_ops.kinds import Kind, Stage, StepContext, kind
from recovery_ops.kinds.sagemaker_endpoint import ladder, proving
from recovery_ops.kinds.sagemaker_endpoint.needs import FEATURES, need
from recovery_ops.kinds.sagemaker_endpoint.settings import SagemakerEndpointSettings
from recovery_ops.kinds.sagemaker_endpoint.target import Target
from recovery_ops.model.access import of_sagemaker, role_resource
from recovery_ops.model.checks import Check, Gate
from recovery_ops.model.cost import Usage
from recovery_ops.model.events import EventType
from recovery_ops.model.finding_codes import finding
from recovery_ops.model.findings import Finding
from recovery_ops.model.operations import OperationRef, OperationStatus
from recovery_ops.model.plan import Phase, PhaseCost
from recovery_ops.model.points import Capture
from recovery_ops.model.runs import ANY_RUN
from recovery_ops.model.system import Component, Standby, System

DESCRIBING = tuple(
    f"sagemaker:{name}" for name in ("DescribeEndpoint", "DescribeEndpointConfig", "DescribeModel", "ListTags")
)


@kind("sagemaker-endpoint")
class SagemakerEndpoint(Kind):
    """A model on an endpoint with a stable name: adopted and updated in place, or created where there is none.

    Models and configurations are named ``<component>-<run id>``, with a number from the second rung of the ladder on.
    One that serves the wanted artifact with enough capacity is left alone. An update cannot be cancelled in AWS.
    """

    settings_model = SagemakerEndpointSettings
    stateful: ClassVar[bool] = False
    gates = frozenset(
        {
            Gate.GOLDEN,
            Gate.QUALITY,
            Gate.LATENCY,
            Gate.THROUGHPUT,
            Gate.END_TO_END,
            Gate.CAPACITY,
            Gate.REFERENCES,
        }
    )
    aws_actions = frozenset(
        {
            "application-autoscaling:DeregisterScalableTarget",
            "application-autoscaling:DescribeScalableTargets",
            "application-autoscaling:DescribeScalingPolicies",
            "application-autoscaling:PutScalingPolicy",
            "application-autoscaling:RegisterScalableTarget",
            "dynamodb:GetItem",
            "dynamodb:Scan",
            "ec2:DescribeInstanceTypeOfferings",
            "ecr:DescribeImages",
            "iam:GetRole",
            "iam:PassRole",
            "s3:GetObject",
            "sagemaker:AddTags",
            "sagemaker:CreateEndpoint",
            "sagemaker:CreateEndpointConfig",
            "sagemaker:CreateModel",
            "sagemaker:DeleteEndpoint",
            "sagemaker:DeleteEndpointConfig",
            "sagemaker:DeleteModel",
            "sagemaker:DescribeEndpoint",
            "sagemaker:DescribeEndpointConfig",
            "sagemaker:DescribeModel",
            "sagemaker:InvokeEndpoint",
            "sagemaker:ListEndpointConfigs",
            "sagemaker:ListEndpoints",
            "sagemaker:ListModels",
            "sagemaker:ListTags",
            "sagemaker:UpdateEndpoint",
            "servicequotas:ListServiceQuotas",
            "sts:GetCallerIdentity",
        }
    )

    def __init__(self, component: Component) -> None:
        super().__init__(component)
        self.settings = SagemakerEndpointSettings.model_validate(dict(component.settings))

    @classmethod
    def costs(cls, component: Component) -> Mapping[Phase, PhaseCost]:  # noqa: ARG003 - warm or cold takes about as long
        """Return the cost: a new fleet is provisioned whether the endpoint is created or updated.

        The estimate is the six minutes of an update with all traffic shifted at once.
        """
        return {
            Phase.REDEPLOY: PhaseCost(estimate_s=360, budget_s=1800, control_planes=("sagemaker",)),
            Phase.VERIFY: PhaseCost(estimate_s=30, budget_s=600, control_planes=("sagemaker",)),
        }

    def start(self, phase: Phase, ctx: StepContext) -> OperationRef:
        """Observe what serves, then deploy what is missing.

        Raises:
            StepFailedError: No rung of the ladder is to be had; the endpoint is as it was.
            StepInterruptedError: Somebody else's deployment is under way on the endpoint.
        """
        if phase is not Phase.REDEPLOY:
            return super().start(phase, ctx)
        return ladder.deploy(self._target(ctx))

    def poll(self, ref: OperationRef, ctx: StepContext) -> OperationStatus:
        """Look at the endpoint: it must be in service with our configuration and all instances."""
        seen = endpoints.look(ref.resource_id, ctx.target_region)
        return endpoints.progress(seen, ref.details["config"], ref.details["count"])

    def fallback(self, ref: OperationRef, status: OperationStatus, ctx: StepContext) -> OperationRef:
        """Deploy on the next rung when AWS had no capacity; any other failure is final."""
        if not is_capacity(status.detail):
            return super().fallback(ref, status, ctx)
        return ladder.next_rung(self._target(ctx), ref, status)

    def finish(self, ref: OperationRef, ctx: StepContext) -> Mapping[str, Any]:
        """Tag the endpoint, register its autoscaling, say what was mapped and which capacity was obtained."""
        target, region = self._target(ctx), ctx.target_region
        wanted, seen = target.deployment(), target.serving()
        config = endpoints.config_of(seen.config, region)["ProductionVariants"][0]
        endpoints.tag(seen.arn, ctx.tags, region)
        if limits := autoscaling.wanted(self.settings.autoscaling, target.home["autoscaling"], wanted.count):
            autoscaling.register(autoscaling.resource(seen.name, seen.variant), limits, region)
        model = endpoints.model_of(config["ModelName"], region)
        for what, before, after in served.mappings(target.home, model):
            mapped = {"component": self.component.name, "what": what, "source": before, "target": after}
            ctx.emit(EventType.REFERENCE_MAPPED, mapped)
        decided = ladder.decided(target, config["InstanceType"], seen.desired, ref.details["refused"])
        return {
            "endpoint": seen.name,
            "endpoint_arn": seen.arn,
            "config": seen.config,
            "model": config["ModelName"],
            "image": endpoints.container_of(model)["Image"],
            "artifact_url": wanted.artifact_url,
            "artifact_sha256": wanted.artifact_sha256,
            "instance_type": config["InstanceType"],
            "count": seen.desired,
            "degraded": decided["degraded"],
        }

    def verify(self, ctx: StepContext) -> Iterable[Check]:
        """Count instances, look for references to the region that was left, then ask the model itself."""
        return proving.checks(self._target(ctx))

    @property
    def answers_within_s(self) -> float | None:
        """Return the longer of the two latencies of the catalog: a client comes through DNS and the front door."""
        return max(self.settings.verify.p95_latency, self.settings.verify.end_to_end)

    def watch(self, ctx: StepContext) -> Iterable[Check]:
        """Replay the golden inputs and judge predictions, quality and latency of the model that serves."""
        return proving.trial(self._target(ctx))

    def protect(self, ctx: StepContext, stage: Stage) -> Capture:
        """Capture what serves, measure it, and keep the golden rows with the predictions of today.

        Raises:
            VerificationFailedError: The endpoint does not answer well; that must not become the measure.
        """
        return proving.capture(self._target(ctx), stage)

    def readiness(self, ctx: StepContext) -> Iterable[Finding]:
        """Say whether golden inputs, role, images, standby and room for every rung are there; reads only.

        AWS has no way to ask for capacity: what does not run already is shown as not guaranteed.
        """
        name, region, target = self.component.name, ctx.target_region, self._target(ctx)
        if not target.golden_file.is_file():
            yield finding("no-golden-inputs", name, f"{target.golden_file} is not there")
        role = role_arn(self.settings.role, region)
        if not role_exists(role, region):
            yield finding("role-absent", name, f"role {role} does not exist")
        seen = endpoints.look(self.settings.endpoint, region)
        if self.component.standby not in (Standby.PILOT_LIGHT, Standby.COLD):
            yield from standing.standby_findings(name, self.settings.endpoint, seen, region)
        if ctx.capture is None:
            yield finding("no-recovery-point", name, f"{name} is in no recovery point")
            return
        home = target.home
        yield from standing.image_findings(name, self.settings.image, home, self.settings.instances, region)
        yield from standing.room_findings(name, self.settings.instances, target.count, seen, region)
        if seen is not None and seen.status == endpoints.SERVING:
            yield from standing.reference_findings(name, seen, names_of(ctx.source_region, dict(home), region), region)

    def compare(self, ctx: StepContext) -> Iterable[Finding]:
        """Say whether home still serves what the newest point holds; reads only."""
        if ctx.capture is not None:
            yield from standing.served_findings(
                self.component.name, self.settings.endpoint, ctx.capture.content, ctx.source_region
            )

    def footprint(self, ctx: StepContext) -> Iterable[Usage]:
        """Say how many instance hours the standby runs a month; reads only."""
        return standing.hours(self.component.name, self.settings.endpoint, ctx.target_region)

    def names(self, ctx: StepContext) -> Iterable[str]:
        """Return the endpoint."""
        return [f"endpoint {self._target(ctx).name}"]

    def hourly(self, ctx: StepContext) -> Mapping[str, float]:
        """Return the instances that were obtained; before that, those of the first rung of the ladder."""
        made = ctx.outputs.get(self.component.name, {})
        instance = str(made.get("instance_type") or self.settings.instances[0])
        return {f"sagemaker:{instance}": float(made.get("count") or self._target(ctx).count)}

    def resources(self, system: System) -> Mapping[str, tuple[str, ...]]:
        """Return what is named after endpoint and component; described is whatever serves, to count its instances.

        Images in registries of AWS are never asked for.
        """
        named, base = self.settings.endpoint, f"{self.component.name[:40]}-{ANY_RUN}"
        served = of_sagemaker(f"endpoint/{named}", f"endpoint/{named[:44]}-{ANY_RUN}")
        made = of_sagemaker(f"endpoint-config/{base}", f"model/{base}")
        features = need(system, self.component, FEATURES)
        table = system.component(features).settings["table"] if features else None
        return {
            "application-autoscaling:": ("application-autoscaling:scalable-target/*",),
            "dynamodb:": (f"dynamodb:table/{table}", f"dynamodb:table/{table[:200]}-{ANY_RUN}") if table else (),
            "ecr:": () if self.settings.image else ("ecr:repository/*",),
            "iam:GetRole": (role_resource(self.settings.role),),
            "sagemaker:": (*served, *made),
            **dict.fromkeys(DESCRIBING, of_sagemaker("endpoint/*", "endpoint-config/*", "model/*")),
        }

    def passes(self, system: System) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002
        """Return the execution role."""
        return {"sagemaker.amazonaws.com": (role_resource(self.settings.role),)}

    def release(self, ctx: StepContext) -> Iterable[str]:
        """Remove the endpoint of a drill, and what the run made that does not serve. Safe to repeat."""
        removed: list[str] = []
        target = self._target(ctx)
        if ctx.isolated:
            autoscaling.deregister(autoscaling.resource(target.name, target.variant), ctx.target_region)
            if endpoints.remove(target.name, ctx.target_region, factor=ctx.time_factor, clock=ctx.clock):
                removed.append(f"endpoint {target.name}")
        seen = endpoints.look(self.settings.endpoint, ctx.target_region)
        keep = seen.target if seen else ""
        return [*removed, *endpoints.remove_named(target.base, ctx.target_region, keep=keep)]

    def _target(self, ctx: StepContext) -> Target:
        return Target(settings=self.settings, ctx=ctx)
