"""What a catalog says about a ``feature-store``."""

from pydantic import Field

from recovery_ops.catalog.quantities import BucketTemplate, Duration
from recovery_ops.kinds import KindSettings


class Offline(KindSettings):
    """Where offline features lie: Parquet in a replicated, versioned bucket."""

    bucket: BucketTemplate
    prefix: str = Field(min_length=1, pattern=r"/$")

    def place(self, region: str) -> tuple[str, str]:
        """Return the bucket of ``region``, and ``region``."""
        return self.bucket.format(region=region), region


class Suites(KindSettings):
    """Great Expectations suites, JSON files in the folder beside the catalog."""

    online: str | None = None
    offline: str | None = None


class FeatureStoreSettings(KindSettings):
    """Settings of a ``feature-store``.

    Example:
        ```yaml
        table: fraud-features
        key: entity_id
        table_parameter: /fraud-detection/features/table
        offline: {bucket: "fraud-data-{region}", prefix: features/offline/}
        suites: {online: suites/features_online.json, offline: suites/features_offline.json}
        freshness: 1m
        ```
    """

    table: str = Field(pattern=r"^[a-zA-Z0-9_.-]{3,255}$")
    """Global table of online features; the same name in every region until a restore makes another one."""
    key: str
    """Partition key, text; also a column offline."""
    version: str = "version"
    """Number that grows with every write of an item; also a column offline."""
    timestamp: str = "updated_at"
    """Time of the write, ISO 8601 text; also a column offline."""
    table_parameter: str = Field(pattern=r"^/")
    """SSM parameter that tells readers and writers the name of the table."""
    offline: Offline
    suites: Suites = Suites()
    freshness: Duration | None = None
    """How old the newest captured write may be at the impact; the component's RPO unless named."""
