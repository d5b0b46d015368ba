"""What a catalog says about a ``sagemaker-endpoint``."""

from pydantic import Field, model_validator

from recovery_ops.aws.autoscaling import Limits
from recovery_ops.aws.images import ImageName
from recovery_ops.kinds import KindSettings
from recovery_ops.quality.goals import Verify


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
