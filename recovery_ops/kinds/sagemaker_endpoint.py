"""``sagemaker-endpoint``: a model that answers, on instances that AWS can give today."""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, model_validator

from recovery_ops.aws import autoscaling, endpoints, served, standing
from recovery_ops.aws.autoscaling import Limits
from recovery_ops.aws.deployment import Deployment, Refusals, Rung, decision, is_capacity
from recovery_ops.aws.endpoints import Serving
from recovery_ops.aws.identity import role_arn
from recovery_ops.aws.images import ImageName, image_for
from recovery_ops.aws.permissions import role_exists
from recovery_ops.aws.references import in_region, names_of, references_check
from recovery_ops.errors import NoRecoveryPointError, StepFailedError
from recovery_ops.kinds import Kind, KindSettings, Stage, StepContext, kind
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
from recovery_ops.quality.baseline import Baseline, measure_baseline
from recovery_ops.quality.goals import Verify
from recovery_ops.quality.golden_set import GoldenSet
from recovery_ops.quality.model_gates import capacity_check, model_checks, probing, trial_checks

DESCRIBING = tuple(
    f"sagemaker:{name}" for name in ("DescribeEndpoint", "DescribeEndpointConfig", "DescribeModel", "ListTags")
)
REGISTRY, FEATURES, NETWORK = "model-registry", "feature-store", "cloudformation-stack"


class SagemakerEndpointSettings(KindSettings):
    """Settings of a ``sagemaker-endpoint``.

    Example:
        ```yaml
        endpoint: fraud-scoring
        group: fraud-scoring
        instances: [ml.c6i.2xlarge, ml.m6i.2xlarge, ml.c5.2xlarge]
        image: {framework: xgboost, version: 1.7-1}
        role: fraud-sagemaker-role
        autoscaling: {min: 1, max: 6, target: 600}
        headroom: 0.25
        verify:
          golden: golden.parquet
          tolerance: 1e-6
          p95_latency: 120ms
          throughput: 40/s
          auc: {min: 0.98}
        ```
    """

    endpoint: str = Field(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$")
    """Name of the endpoint, the same in every region."""
    instances: tuple[str, ...] = Field(min_length=1)
    """Instance types, best first; the next is taken when AWS has none of one."""
    role: str
    """Name or ARN of the execution role; roles are global."""
    group: str | None = None
    """Model package group it serves from; documentation, the component is found among ``needs``."""
    variant: str | None = None
    """Production variant; as at home unless named."""
    image: ImageName | None = None
    """Image of AWS; the home region's image, mapped, unless named."""
    autoscaling: Limits | None = None
    """As at home unless named."""
    headroom: float = Field(default=0.0, ge=0, le=10)
    """Share added to the home region's last desired count, before traffic comes."""
    subnets_output: str = "SubnetIds"
    """Output of the network stack with subnets, separated by commas."""
    group_output: str = "SecurityGroupId"
    """Output of the network stack with security groups, separated by commas."""
    verify: Verify

    @model_validator(mode="after")
    def _once(self) -> "SagemakerEndpointSettings":
        if len(set(self.instances)) != len(self.instances):
            raise ValueError("instances names a type twice")
        return self


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
        wanted = self._deployment(ctx)
        seen = endpoints.look(wanted.endpoint, ctx.target_region)
        ours = wanted.rung_of(seen.target) if seen else None
        if seen is None or (ours is None and not wanted.reusable(seen)):
            return self._launched(ctx, wanted, *wanted.launch(seen, 0, []))
        if ours is None:
            return self._ref(ctx, wanted, seen.config, [])
        refused = wanted.refused_before(seen.target)
        if seen.status != "Failed":
            return self._ref(ctx, wanted, seen.target, refused)
        after = wanted.after_refusal(ours, seen.reason, refused) if ours + 1 < len(wanted.rungs) else []
        return self._launched(ctx, wanted, *wanted.launch(seen, (ours + 1) % len(wanted.rungs), after))

    def poll(self, ref: OperationRef, ctx: StepContext) -> OperationStatus:
        """Look at the endpoint: it must be in service with our configuration and all instances."""
        seen = endpoints.look(ref.resource_id, ctx.target_region)
        return endpoints.progress(seen, ref.details["config"], ref.details["count"])

    def fallback(self, ref: OperationRef, status: OperationStatus, ctx: StepContext) -> OperationRef:
        """Deploy on the next rung when AWS had no capacity; any other failure is final."""
        if not is_capacity(status.detail):
            return super().fallback(ref, status, ctx)
        wanted = self._deployment(ctx)
        rung = wanted.rung_of(ref.details["config"]) or 0
        refused = wanted.after_refusal(rung, status.detail, ref.details["refused"])
        seen = endpoints.look(wanted.endpoint, ctx.target_region)
        return self._launched(ctx, wanted, *wanted.launch(seen, rung + 1, refused))

    def finish(self, ref: OperationRef, ctx: StepContext) -> Mapping[str, Any]:
        """Tag the endpoint, register its autoscaling, say what was mapped and which capacity was obtained."""
        wanted, region = self._deployment(ctx), ctx.target_region
        seen = self._serving(ctx)
        config = endpoints.config_of(seen.config, region)["ProductionVariants"][0]
        endpoints.tag(seen.arn, ctx.tags, region)
        if limits := autoscaling.wanted(self.settings.autoscaling, self._home(ctx)["autoscaling"], wanted.count):
            autoscaling.register(autoscaling.resource(seen.name, seen.variant), limits, region)
        model = endpoints.model_of(config["ModelName"], region)
        for what, source, target in served.mappings(self._home(ctx), model):
            mapped = {"component": self.component.name, "what": what, "source": source, "target": target}
            ctx.emit(EventType.REFERENCE_MAPPED, mapped)
        decided = self._decided(ctx, config["InstanceType"], seen.desired, ref.details["refused"])
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
        name, region, seen = self.component.name, ctx.target_region, self._serving(ctx)
        described = served.described(seen, region)
        config = described[f"endpoint configuration {seen.config}"]["ProductionVariants"][0]
        yield capacity_check(
            name,
            instance_type=str(config.get("InstanceType")),
            ladder=self.settings.instances,
            running=seen.current,
            wanted=self._count(ctx),
        )
        yield references_check(name, described, names_of(ctx.source_region, dict(self._home(ctx)), region), region)
        golden = GoldenSet.of_point(self._captured(ctx).objects[0], region)
        lookup, entities = probing(golden, self._online_table(ctx), self._key(ctx), region)
        yield from model_checks(
            name,
            endpoints.predictor(seen.name, region),
            golden,
            self.settings.verify,
            baseline=Baseline.from_json(self._home(ctx)["baseline"]),
            lookup=lookup,
            entities=entities,
        )

    def watch(self, ctx: StepContext) -> Iterable[Check]:
        """Replay the golden inputs and judge predictions, quality and latency of the model that serves.

        Latency is held to its limit alone: the figures of a quiet endpoint are no measure for one under real traffic.
        """
        golden = GoldenSet.of_point(self._captured(ctx).objects[0], ctx.target_region)
        auc = Baseline.from_json(self._home(ctx)["baseline"]).auc
        predict = endpoints.predictor(self._endpoint_name(ctx), ctx.target_region)
        return trial_checks(self.component.name, predict, golden, self.settings.verify, baseline_auc=auc)

    def protect(self, ctx: StepContext, stage: Stage) -> Capture:
        """Capture what serves, measure it, and keep the golden rows with the predictions of today.

        Raises:
            VerificationFailedError: The endpoint does not answer well; that must not become the measure.
        """
        watermark, region, verify = datetime.now(UTC), ctx.source_region, self.settings.verify
        content = served.captured(self.settings.endpoint, region)
        golden = GoldenSet.of_file(self._golden_path(ctx), verify.label)
        store = stage.captures.get(self._need(ctx.system, FEATURES) or "")
        lookup, entities = probing(golden, store.content["table"] if store else None, self._key(ctx), region)
        baseline = measure_baseline(
            endpoints.predictor(self.settings.endpoint, region),
            golden.rows,
            golden.labels,
            required_per_s=verify.throughput,
            lookup=lookup,
            entities=entities,
        )
        kept = stage.put("golden.json", golden.with_predictions(baseline.predictions).to_bytes())
        return Capture(
            component=self.component.name,
            kind=self.name,
            watermark=watermark,
            objects=(kept,),
            content={**content, "baseline": baseline.to_json(), "probe_row": list(golden.rows[0])},
        )

    def readiness(self, ctx: StepContext) -> Iterable[Finding]:
        """Say whether golden inputs, role, images, standby and room for every rung are there; reads only.

        AWS has no way to ask for capacity: what does not run already is shown as not guaranteed.
        """
        name, region = self.component.name, ctx.target_region
        if not self._golden_path(ctx).is_file():
            yield finding("no-golden-inputs", name, f"{self._golden_path(ctx)} is not there")
        role = role_arn(self.settings.role, region)
        if not role_exists(role, region):
            yield finding("role-absent", name, f"role {role} does not exist")
        seen = endpoints.look(self.settings.endpoint, region)
        if self.component.standby not in (Standby.PILOT_LIGHT, Standby.COLD):
            yield from standing.standby_findings(name, self.settings.endpoint, seen, region)
        if ctx.capture is None:
            yield finding("no-recovery-point", name, f"{name} is in no recovery point")
            return
        home = self._home(ctx)
        yield from standing.image_findings(name, self.settings.image, home, self.settings.instances, region)
        yield from standing.room_findings(name, self.settings.instances, self._count(ctx), seen, region)
        if seen is not None and seen.status == endpoints.SERVING:
            yield from standing.reference_findings(name, seen, names_of(ctx.source_region, dict(home), region), region)

    def compare(self, ctx: StepContext) -> Iterable[Finding]:
        """Say whether home still serves what the newest point holds; reads only."""
        if ctx.capture is not None:
            yield from standing.served_findings(
                self.component.name, self.settings.endpoint, self._home(ctx), ctx.source_region
            )

    def footprint(self, ctx: StepContext) -> Iterable[Usage]:
        """Say how many instance hours the standby runs a month; reads only."""
        return standing.hours(self.component.name, self.settings.endpoint, ctx.target_region)

    def names(self, ctx: StepContext) -> Iterable[str]:
        """Return the endpoint."""
        return [f"endpoint {self._endpoint_name(ctx)}"]

    def hourly(self, ctx: StepContext) -> Mapping[str, float]:
        """Return the instances that were obtained; before that, those of the first rung of the ladder."""
        made = ctx.outputs.get(self.component.name, {})
        instance = str(made.get("instance_type") or self.settings.instances[0])
        return {f"sagemaker:{instance}": float(made.get("count") or self._count(ctx))}

    def resources(self, system: System) -> Mapping[str, tuple[str, ...]]:
        """Return what is named after endpoint and component; described is whatever serves, to count its instances.

        Images in registries of AWS are never asked for.
        """
        named, base = self.settings.endpoint, f"{self.component.name[:40]}-{ANY_RUN}"
        served = of_sagemaker(f"endpoint/{named}", f"endpoint/{named[:44]}-{ANY_RUN}")
        made = of_sagemaker(f"endpoint-config/{base}", f"model/{base}")
        features = self._need(system, FEATURES)
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
        if ctx.isolated:
            name = self._endpoint_name(ctx)
            autoscaling.deregister(autoscaling.resource(name, self._variant(ctx)), ctx.target_region)
            if endpoints.remove(name, ctx.target_region, factor=ctx.time_factor, clock=ctx.clock):
                removed.append(f"endpoint {name}")
        seen = endpoints.look(self.settings.endpoint, ctx.target_region)
        keep = seen.target if seen else ""
        return [*removed, *endpoints.remove_named(self._base(ctx), ctx.target_region, keep=keep)]

    def _need(self, system: System, kind_name: str) -> str | None:
        """Return which component of a kind this one needs, if any."""
        needs = [system.component(name) for name in self.component.needs]
        return next((need.name for need in needs if need.kind == kind_name), None)

    def _base(self, ctx: StepContext) -> str:
        return f"{self.component.name[:40]}-{ctx.run_id}"

    def _endpoint_name(self, ctx: StepContext) -> str:
        return f"{self.settings.endpoint[:44]}-{ctx.run_id}" if ctx.isolated else self.settings.endpoint

    def _captured(self, ctx: StepContext) -> Capture:
        if ctx.capture is None:
            message = f"{self.component.name}: what home served is known from a recovery point, and there is none"
            raise NoRecoveryPointError(message, component=self.component.name)
        return ctx.capture

    def _home(self, ctx: StepContext) -> Mapping[str, Any]:
        return self._captured(ctx).content

    def _variant(self, ctx: StepContext) -> str:
        return self.settings.variant or str(self._home(ctx)["variant"])

    def _count(self, ctx: StepContext) -> int:
        desired = max(1, int(self._home(ctx)["desired"]))
        lowest = self.settings.autoscaling.min if self.settings.autoscaling else 1
        return max(lowest, math.ceil(desired * (1 + self.settings.headroom) - 1e-9))

    def _deployment(self, ctx: StepContext) -> Deployment:
        home, region = self._home(ctx), ctx.target_region
        registry = self._need(ctx.system, REGISTRY)
        if registry is None:
            raise StepFailedError(f"{self.component.name} needs no {REGISTRY}; its model is not known")
        package = served.chosen(ctx.output(registry, "packages"), ctx.output(registry, "current"), home)
        environment = {name: in_region(text, ctx.source_region, region) for name, text in home["environment"].items()}
        return Deployment(
            endpoint=self._endpoint_name(ctx),
            base=self._base(ctx),
            region=region,
            variant=self._variant(ctx),
            rungs=tuple(self._rung(instance_type, home, region) for instance_type in self.settings.instances),
            artifact_url=str(package["artifact_url"]),
            artifact_sha256=str(package["artifact_sha256"]),
            role_arn=role_arn(self.settings.role, region),
            count=self._count(ctx),
            environment=environment,
            network=self._network(ctx),
            tags=ctx.tags,
            factor=ctx.time_factor,
            clock=ctx.clock,
        )

    def _rung(self, instance_type: str, home: Mapping[str, Any], region: str) -> Rung:
        image = image_for(self.settings.image, str(home["image"]), region, instance_type)
        return Rung(instance_type=instance_type, image=image)

    def _network(self, ctx: StepContext) -> dict[str, list[str]] | None:
        network = self._need(ctx.system, NETWORK)
        if network is None:
            return None
        outputs, names = (
            ctx.output(network, "stack_outputs"),
            (self.settings.subnets_output, self.settings.group_output),
        )
        if gone := [name for name in names if not outputs.get(name)]:
            what = f"{self.component.name} needs {gone} of the stack {network}, which has given {sorted(outputs)}"
            raise StepFailedError(what, component=self.component.name, region=ctx.target_region)
        subnets, groups = (str(outputs[name]).split(",") for name in names)
        return {"Subnets": subnets, "SecurityGroupIds": groups}

    def _ref(self, ctx: StepContext, wanted: Deployment, config: str, refused: Refusals) -> OperationRef:
        details = {"config": config, "count": wanted.count, "refused": [dict(item) for item in refused]}
        return ctx.ref(Phase.REDEPLOY, wanted.endpoint, **details)

    def _launched(self, ctx: StepContext, wanted: Deployment, rung: int | None, refused: Refusals) -> OperationRef:
        if rung is not None:
            return self._ref(ctx, wanted, wanted.name(rung), refused)
        self._decided(ctx, None, 0, refused)
        reasons = "; ".join(f"{item['instance']}: {item['reason']}" for item in refused)
        message = (
            f"{self.component.name}: no instance type of the ladder is to be had in {ctx.target_region}: {reasons}"
        )
        raise StepFailedError(message, component=self.component.name, region=ctx.target_region)

    def _decided(self, ctx: StepContext, obtained: str | None, count: int, refused: Refusals) -> dict[str, Any]:
        facts = {"count": count, "refused": [dict(item) for item in refused]}
        decided = decision(self.component.name, ctx.target_region, self.settings.instances, obtained, **facts)
        ctx.emit(EventType.CAPACITY_DECIDED, decided)
        return decided

    def _serving(self, ctx: StepContext) -> Serving:
        name = self._endpoint_name(ctx)
        seen = endpoints.look(name, ctx.target_region)
        if seen is None:
            message = f"{self.component.name}: there is no endpoint {name} in {ctx.target_region}"
            raise StepFailedError(message, component=self.component.name, region=ctx.target_region)
        return seen

    def _golden_path(self, ctx: StepContext) -> Path:
        return Path(ctx.system.folder) / self.settings.verify.golden

    def _online_table(self, ctx: StepContext) -> str | None:
        features = self._need(ctx.system, FEATURES)
        return str(ctx.output(features, "table")) if features else None

    def _key(self, ctx: StepContext) -> str:
        features = self._need(ctx.system, FEATURES)
        return str(ctx.system.component(features).settings["key"]) if features else ""
