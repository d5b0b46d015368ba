"""CloudWatch: alarms as they were put. Nothing evaluates them yet."""

from collections.abc import Callable
from typing import Any

from moto.cloudwatch.models import Alarm, CloudWatchBackend, cloudwatch_backends

from recovery_ops.sandbox import patching
from recovery_ops.sandbox.world import ACCOUNT, World

MODELLED = {
    "cloudwatch": frozenset(
        {"PutMetricAlarm", "DescribeAlarms", "DescribeAlarmsForMetric", "DeleteAlarms", "SetAlarmState"}
        | {"DescribeAlarmHistory", "PutMetricData", "GetMetricData", "GetMetricStatistics", "ListMetrics"}
        | {"TagResource", "UntagResource", "ListTagsForResource"}
    )
}


def install(world: World) -> None:
    """Let a new alarm know nothing, and a changed one keep what it knows."""
    del world
    original = patching.original(CloudWatchBackend, "put_metric_alarm")
    patching.replace(CloudWatchBackend, "put_metric_alarm", _put_metric_alarm(original))


def inventory(world: World) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return every alarm."""
    return {region: {"cloudwatch": found} for region in world.regions if (found := _of_region(region))}


def _of_region(region: str) -> list[dict[str, Any]]:
    backend = cloudwatch_backends[ACCOUNT][region]
    return [
        {
            "type": "AWS::CloudWatch::Alarm",
            "id": name,
            "tags": backend.tagger.get_tag_dict_for_resource(alarm.alarm_arn),
        }
        for name, alarm in list(backend.alarms.items())
    ]


def _put_metric_alarm(original: Callable[..., Alarm]) -> Callable[..., Alarm]:
    def put_metric_alarm(self: CloudWatchBackend, name: str, *args: Any, **options: Any) -> Alarm:
        standing = self.alarms.get(name)
        alarm = original(self, name, *args, **options)
        known = standing.state_value if standing else "INSUFFICIENT_DATA"
        alarm.state_value = known
        if standing:
            alarm.state_reason, alarm.state_reason_data = standing.state_reason, standing.state_reason_data
            alarm.history = standing.history
        return alarm

    return put_metric_alarm
