"""What a region tells the others while it lives: the stand-in for a metric forwarder that runs in every region.

An alarm of CloudWatch reads metrics of its own region only. On AWS something in the watched region (a metric stream, a
scheduled function) has to send them where they are watched; when the region dies, so does the sender, and the data
go missing. This is that sender. It knows regions and front doors, and nothing of any system.
"""

from datetime import UTC, datetime, timedelta

from moto.cloudwatch.models import MetricDatum, cloudwatch_backends

from recovery_ops.sandbox import locks
from recovery_ops.sandbox.tally import Tally
from recovery_ops.sandbox.world import ACCOUNT, World

NAMESPACE = "Forwarded"
EVERY_S = 30.0
"""AWS seconds between two reports."""
LEAST_WALL_S = 0.1
KEPT_WALL_S = 60.0
KEPT_REPORTS = 240


def interval_s(world: World) -> float:
    """Return the wall seconds between two reports."""
    return max(EVERY_S * world.clock.factor, LEAST_WALL_S)


def report(world: World, tally: Tally) -> None:
    """Let every region that lives send what its front door did to every other region whose CloudWatch lives."""
    for region in world.regions:
        answered = tally.take(region)
        if world.faults.is_down(region) or world.faults.is_down(region, "cloudwatch"):
            continue
        values = {
            "Heartbeat": 1.0,
            "Requests": float(len(answered)),
            "Errors": float(sum(status >= 500 for status, _ in answered)),
        }
        if answered:
            values["Latency"] = max(seconds for _, seconds in answered) * 1000
        for other in world.regions:
            if other != region and not world.faults.is_down(other, "cloudwatch"):
                _put(world, other, region, values)


def _put(world: World, place: str, region: str, values: dict[str, float]) -> None:
    now = datetime.now(UTC)
    oldest = now - timedelta(seconds=max(KEPT_WALL_S, KEPT_REPORTS * interval_s(world)))
    dimensions = [{"Name": "Region", "Value": region}]
    with locks.of("cloudwatch"):
        backend = cloudwatch_backends[ACCOUNT][place]
        backend.metric_data[:] = [item for item in backend.metric_data if _stays(item, oldest)]
        backend.metric_data += [MetricDatum(NAMESPACE, name, value, dimensions, now) for name, value in values.items()]


def _stays(item: MetricDatum, oldest: datetime) -> bool:
    return bool(item.namespace != NAMESPACE or item.timestamp >= oldest)
