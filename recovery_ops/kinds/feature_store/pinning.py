"""What a recovery point holds of a feature store, and whether a region can give it back."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from recovery_ops.aws import items, published, tables
from recovery_ops.aws.objects import pin
from recovery_ops.errors import NoRecoveryPointError
from recovery_ops.kinds import StepContext
from recovery_ops.kinds.feature_store.settings import FeatureStoreSettings
from recovery_ops.model.points import Capture
from recovery_ops.quality.datasets import profile_objects
from recovery_ops.quality.feature_gates import newest_of, written_until
from recovery_ops.quality.profile import profile_frame

if TYPE_CHECKING:
    import pandas as pd

REPLICATED_S = 2.0
"""Age at which a write has reached every replica. Source: of global tables AWS says typically within a second."""


def take(settings: FeatureStoreSettings, ctx: StepContext) -> Capture:
    """Note the whole second that the table can be restored to, profile it, and pin the offline objects.

    A scan also sees what came after it, which no restore brings back. Writes that were acknowledged shortly before
    that second may be missing in a table that is restored from a replica, so the profile is that of rows which were
    :data:`REPLICATED_S` old then.
    """
    watermark, region, name = datetime.now(UTC).replace(microsecond=0), ctx.source_region, ctx.component.name
    table = served_table(settings, region)
    online = written_until(items.scan(table, region), settings.timestamp, watermark)
    objects = pin(settings.offline.bucket, settings.offline.prefix, region)
    offline = profile_objects(objects, region, component=name, key=(settings.key,), timestamp=settings.timestamp)
    newest = newest_of(online, settings.timestamp)
    settled = watermark - timedelta(seconds=REPLICATED_S)
    arrived = written_until(online, settings.timestamp, settled) or online
    return Capture(
        component=name,
        kind=ctx.component.kind,
        watermark=watermark,
        objects=objects,
        content={
            "table": table,
            "restore_at": watermark.isoformat(),
            "newest": newest.isoformat() if newest else None,
            "online": profile_frame(frame_of(arrived), (settings.key,), settings.timestamp).to_json(),
            "offline": offline.to_json(),
        },
    )


def captured(ctx: StepContext) -> Capture:
    """Return what the chosen point holds of the feature store.

    Raises:
        NoRecoveryPointError: There is no point.
    """
    if ctx.capture is None:
        message = f"{ctx.component.name}: a feature store comes back with a recovery point, and there is none"
        raise NoRecoveryPointError(message, component=ctx.component.name)
    return ctx.capture


def missing(capture: Capture, region: str) -> Iterable[str]:
    """Say when the table is not in ``region``, or cannot be restored there to the second of the point."""
    table = str(capture.content["table"])
    limits = tables.window(table, region)
    if tables.describe(table, region) is None:
        yield f"table {table} is not in {region}"
    elif limits is None:
        yield f"point-in-time recovery of {table} is off in {region}"
    elif restore_at(capture) < limits[0].replace(microsecond=0):
        yield f"{table} in {region} can be restored only from {limits[0]:%Y-%m-%d %H:%M:%S} UTC on"


def known_table(settings: FeatureStoreSettings, ctx: StepContext) -> str:
    """Return the table that the point names: it has another name once it was restored."""
    return str(ctx.capture.content["table"]) if ctx.capture else settings.table


def served_table(settings: FeatureStoreSettings, region: str) -> str:
    """Return the table that readers in ``region`` are told."""
    return published.value_of(settings.table_parameter, region) or settings.table


def restore_at(capture: Capture) -> datetime:
    """Return the second of the point."""
    return datetime.fromisoformat(capture.content["restore_at"])


def newest_write(capture: Capture) -> datetime | None:
    """Return when the newest item was written that the point saw."""
    text = capture.content["newest"]
    return datetime.fromisoformat(text) if text else None


def frame_of(rows: Sequence[Mapping[str, Any]]) -> "pd.DataFrame":
    """Return items as a table of columns."""
    import pandas as pd

    return pd.DataFrame(rows)
