"""What a catalog says about a ``model-registry``."""

from pydantic import Field

from recovery_ops.catalog.quantities import BucketTemplate
from recovery_ops.kinds import KindSettings


class Artifacts(KindSettings):
    """Where model archives lie: a replicated, versioned bucket."""

    bucket: BucketTemplate
    prefix: str = Field(min_length=1, pattern=r"/$")


class ModelRegistrySettings(KindSettings):
    """Settings of a ``model-registry``.

    Example:
        ```yaml
        group: fraud-scoring
        artifacts: {bucket: "fraud-models-{region}", prefix: models/}
        ```
    """

    group: str = Field(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$")
    """Name of the model package group, the same in every region."""
    artifacts: Artifacts
