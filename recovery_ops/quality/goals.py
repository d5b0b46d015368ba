"""What a recovered model must prove, as a catalog says it."""

from pydantic import BaseModel, ConfigDict, Field

from recovery_ops.catalog.quantities import Duration, Rate, Ratio


class Auc(BaseModel):
    """Area under the ROC curve on the golden set: at least ``min``, and at most ``max_drop`` below the baseline."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min: Ratio
    max_drop: Ratio = 0.01


class Verify(BaseModel):
    """What a recovered endpoint must prove. Latencies are p95, in seconds of wall time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    golden: str
    """Parquet file in the folder beside the catalog: features in the order of the model, and a label."""
    label: str | None = None
    """Column of the label; the last one unless named."""
    tolerance: float = Field(default=1e-6, ge=0)
    """Largest absolute difference of a golden prediction."""
    p95_latency: Duration = 0.2
    latency_ratio: float = Field(default=2.0, ge=1)
    """How many times the baseline's latencies are still as fast as before."""
    throughput: Rate = 10.0
    auc: Auc
    end_to_end: Duration = 0.5
    """From the look-up of features to the answer."""
