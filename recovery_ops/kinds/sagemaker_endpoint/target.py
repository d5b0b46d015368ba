"""What the endpoint in the target region is called and shall be, as the recovery point and the catalog say."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recovery_ops.aws import endpoints
from recovery_ops.aws.deployment import Deployment, Rung
from recovery_ops.aws.endpoints import Serving
from recovery_ops.aws.identity import role_arn
from recovery_ops.aws.images import image_for
from recovery_ops.aws.references import in_region
from recovery_ops.errors import NoRecoveryPointError, StepFailedError
from recovery_ops.kinds import StepContext
from recovery_ops.kinds.sagemaker_endpoint import needs
from recovery_ops.kinds.sagemaker_endpoint.settings import SagemakerEndpointSettings
from recovery_ops.model.points import Capture


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The endpoint of one component in the target region of one step."""

    settings: SagemakerEndpointSettings
    ctx: StepContext

    @property
    def name(self) -> str:
        """Return the name of the endpoint; that of a drill carries the run id."""
        named = self.settings.endpoint
        return f"{named[:44]}-{self.ctx.run_id}" if self.ctx.isolated else named

    @property
    def base(self) -> str:
        """Return what the names of models and configurations of the run begin with."""
        return f"{self.ctx.component.name[:40]}-{self.ctx.run_id}"

    @property
    def captured(self) -> Capture:
        """Return what the chosen point holds of the endpoint.

        Raises:
            NoRecoveryPointError: There is no point.
        """
        if self.ctx.capture is None:
            name = self.ctx.component.name
            message = f"{name}: what home served is known from a recovery point, and there is none"
            raise NoRecoveryPointError(message, component=name)
        return self.ctx.capture

    @property
    def home(self) -> Mapping[str, Any]:
        """Return what home served."""
        return self.captured.content

    @property
    def variant(self) -> str:
        """Return the name of the production variant."""
        return self.settings.variant or str(self.home["variant"])

    @property
    def count(self) -> int:
        """Return how many instances are needed: home's last desired count plus headroom."""
        desired = max(1, int(self.home["desired"]))
        lowest = self.settings.autoscaling.min if self.settings.autoscaling else 1
        return max(lowest, math.ceil(desired * (1 + self.settings.headroom) - 1e-9))

    @property
    def golden_file(self) -> Path:
        """Return where the golden inputs lie beside the catalog."""
        return Path(self.ctx.system.folder) / self.settings.verify.golden

    def serving(self) -> Serving:
        """Return the endpoint as it stands.

        Raises:
            StepFailedError: There is none.
        """
        seen = endpoints.look(self.name, self.ctx.target_region)
        if seen is None:
            component, region = self.ctx.component.name, self.ctx.target_region
            message = f"{component}: there is no endpoint {self.name} in {region}"
            raise StepFailedError(message, component=component, region=region)
        return seen

    def deployment(self) -> Deployment:
        """Return what is to be deployed, with an image for each rung of the ladder.

        Raises:
            NoRecoveryPointError: There is no point.
            StepFailedError: A component that is needed has not given its part.
        """
        ctx, home, region = self.ctx, self.home, self.ctx.target_region
        package = needs.package(ctx, home)
        environment = {name: in_region(text, ctx.source_region, region) for name, text in home["environment"].items()}
        return Deployment(
            endpoint=self.name,
            base=self.base,
            region=region,
            variant=self.variant,
            rungs=tuple(self._rung(instance_type) for instance_type in self.settings.instances),
            artifact_url=str(package["artifact_url"]),
            artifact_sha256=str(package["artifact_sha256"]),
            role_arn=role_arn(self.settings.role, region),
            count=self.count,
            environment=environment,
            network=needs.network(self.settings, ctx),
            tags=ctx.tags,
            factor=ctx.time_factor,
            clock=ctx.clock,
        )

    def _rung(self, instance_type: str) -> Rung:
        image = image_for(self.settings.image, str(self.home["image"]), self.ctx.target_region, instance_type)
        return Rung(instance_type=instance_type, image=image)
