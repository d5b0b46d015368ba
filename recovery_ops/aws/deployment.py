"""One model brought to one endpoint, on the first instance type of a ladder that AWS will give."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from recovery_ops.aws import autoscaling, endpoints
from recovery_ops.aws.endpoints import Serving
from recovery_ops.aws.objects import head
from recovery_ops.aws.waiting import Clock
from recovery_ops.errors import StepInterruptedError, StepRejectedError

SHA256 = "recovery-ops:artifact-sha256"
REFUSED = "recovery-ops:refused"
NO_CAPACITY = re.compile(
    r"insufficient ?(instance ?)?capacity|ResourceLimitExceeded|Unable to provision", re.IGNORECASE
)
BROKEN = ("Failed", "OutOfService", "UpdateRollbackFailed", "Deleting")

Refusals = Sequence[Mapping[str, str]]
"""``{"instance", "reason"}`` for every rung that AWS did not give, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One instance type and the image that runs on it."""

    instance_type: str
    image: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What an endpoint should serve, and where it may run.

    ``base`` begins the names of models and configurations; those of later rungs get a number. ``factor`` is wall
    seconds per AWS second.
    """

    endpoint: str
    base: str
    region: str
    variant: str
    rungs: tuple[Rung, ...]
    artifact_url: str
    artifact_sha256: str
    role_arn: str
    count: int
    environment: Mapping[str, str] = field(default_factory=dict)
    network: Mapping[str, Any] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    factor: float = 1.0
    clock: Clock = time

    def name(self, rung: int) -> str:
        """Return the name of model and configuration of a rung (from 0)."""
        return self.base if rung == 0 else f"{self.base}-{rung}"

    def rung_of(self, config: str) -> int | None:
        """Return which of our rungs a configuration is, or ``None`` when it is not ours."""
        return next((rung for rung in range(len(self.rungs)) if self.name(rung) == config), None)

    def on(self, instance_type: str) -> int | None:
        """Return the first rung with ``instance_type``."""
        return next((n for n, rung in enumerate(self.rungs) if rung.instance_type == instance_type), None)

    def reusable(self, seen: Serving) -> bool:
        """Return whether the endpoint serves this artifact on this image with enough capacity: nothing is to do.

        The artifact is the same when the model says so by our tag, or when it was in place before the configuration
        that loaded it was made; golden predictions then prove it.
        """
        if seen.status != endpoints.SERVING or seen.pending or seen.current < self.count:
            return False
        config = endpoints.config_of(seen.config, self.region)
        variant = (config.get("ProductionVariants") or [{}])[0]
        rung = self.on(str(variant.get("InstanceType")))
        model = endpoints.model_of(str(variant.get("ModelName")), self.region)
        container = endpoints.container_of(model)
        if rung is None or container.get("Image") != self.rungs[rung].image:
            return False
        return container.get("ModelDataUrl") == self.artifact_url and self._loaded_by(config, model)

    def _loaded_by(self, config: Mapping[str, Any], model: Mapping[str, Any]) -> bool:
        if endpoints.tags_of(str(model["ModelArn"]), self.region).get(SHA256) == self.artifact_sha256:
            return True
        bucket, key = self.artifact_url.removeprefix("s3://").split("/", 1)
        artifact = head(bucket, key, self.region)
        return artifact is not None and bool(artifact["LastModified"] < config["CreationTime"])

    def launch(self, seen: Serving | None, first: int, refused: Refusals) -> tuple[int | None, Refusals]:
        """Deploy on the first rung from ``first`` on that AWS accepts; a quota that is too small refuses at once.

        Safe to repeat: names are fixed, and what an earlier attempt made is kept.

        Returns:
            The rung, or ``None`` when every one was refused, and all refusals so far.

        Raises:
            StepInterruptedError: Another deployment is under way on this endpoint; nothing was changed.
            StepRejectedError: SageMaker refuses for another reason than capacity.
        """
        if seen is not None and seen.busy:
            message = f"endpoint {seen.name} in {self.region} is {seen.status} to {seen.target}, which is not ours"
            raise StepInterruptedError(message, region=self.region)
        if seen is not None and seen.status in BROKEN:
            endpoints.remove(seen.name, self.region, factor=self.factor, clock=self.clock)
            seen = None
        for rung in range(first, len(self.rungs)):
            try:
                self._launch(seen, rung, refused)
            except StepRejectedError as error:
                if not NO_CAPACITY.search(str(error.facts.get("aws_code", ""))):
                    raise
                refused = self.after_refusal(rung, error.message, refused)
            else:
                return rung, refused
        return None, refused

    def after_refusal(self, rung: int, reason: str, refused: Refusals) -> Refusals:
        """Return the refusals with that of ``rung`` added."""
        return [*refused, {"instance": self.rungs[rung].instance_type, "reason": reason}]

    def refused_before(self, config: str) -> Refusals:
        """Return the refusals that led to a configuration of ours, as its tag remembers them."""
        arn = endpoints.config_of(config, self.region).get("EndpointConfigArn")
        noted = endpoints.tags_of(str(arn), self.region).get(REFUSED, "") if arn else ""
        pairs = [item.partition("=") for item in noted.split()]
        return [{"instance": instance, "reason": reason} for instance, _, reason in pairs]

    def _launch(self, seen: Serving | None, rung: int, refused: Refusals) -> None:
        name, chosen = self.name(rung), self.rungs[rung]
        tags = {**self.tags, SHA256: self.artifact_sha256}
        endpoints.ensure_model(name, self._model(chosen), tags, self.region)
        noted = (
            {REFUSED: " ".join(f"{item['instance']}={_code(item['reason'])}" for item in refused)} if refused else {}
        )
        endpoints.ensure_config(name, self._variant(name, chosen), {**tags, **noted}, self.region)
        if seen is not None:
            autoscaling.deregister(autoscaling.resource(seen.name, seen.variant), self.region)
        endpoints.deploy(seen, self.endpoint, name, self.tags, self.region)

    def _model(self, rung: Rung) -> dict[str, Any]:
        container = {"Image": rung.image, "ModelDataUrl": self.artifact_url, "Environment": dict(self.environment)}
        network = {"VpcConfig": dict(self.network)} if self.network else {}
        return {"PrimaryContainer": container, "ExecutionRoleArn": self.role_arn, **network}

    def _variant(self, model: str, rung: Rung) -> dict[str, Any]:
        return {
            "VariantName": self.variant,
            "ModelName": model,
            "InstanceType": rung.instance_type,
            "InitialInstanceCount": self.count,
            "InitialVariantWeight": 1.0,
        }


def decision(component: str, region: str, ladder: Sequence[str], obtained: str | None, **facts: Any) -> dict[str, Any]:
    """Return the payload of the event that states which instances were obtained; ``facts`` are count and refusals."""
    named = {"component": component, "region": region, "requested": list(ladder), "obtained": obtained}
    return {**named, "degraded": obtained != ladder[0], **facts}


def is_capacity(reason: str) -> bool:
    """Return whether AWS's failure reason says that there are no such instances to be had now."""
    return NO_CAPACITY.search(reason) is not None


def _code(reason: str) -> str:
    """Return the part of a reason that fits into a tag."""
    found = NO_CAPACITY.search(reason)
    return found.group(0).replace(" ", "") if found else "refused"
