"""CloudWatch: alarms that are evaluated, and tell SNS; metrics that regions send each other while they live."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog
from moto.cloudwatch.models import Alarm, CloudWatchBackend, cloudwatch_backends
from moto.sns.models import sns_backends

from recovery_ops.sandbox import locks, patching, service_metrics
from recovery_ops.sandbox.alarms import COMPARISONS, STATISTICS, evaluate, message_of
from recovery_ops.sandbox.world import ACCOUNT, World

log = structlog.get_logger(__name__)

MODELLED = {
    "cloudwatch": frozenset(
        {"PutMetricAlarm", "DescribeAlarms", "DescribeAlarmsForMetric", "DeleteAlarms", "SetAlarmState"}
        | {"DescribeAlarmHistory", "PutMetricData", "GetMetricData", "GetMetricStatistics", "ListMetrics"}
        | {"TagResource", "UntagResource", "ListTagsForResource"}
    )
}
_ACTIONS = {"ALARM": "alarm_actions", "OK": "ok_actions", "INSUFFICIENT_DATA": "insufficient_data_actions"}
_TOLD = "recovery_ops_told"


def install(world: World) -> None:
    """Let a new alarm know nothing, and a changed one keep what it knows."""
    del world
    original = patching.original(CloudWatchBackend, "put_metric_alarm")
    patching.replace(CloudWatchBackend, "put_metric_alarm", _put_metric_alarm(original))


def start(world: World) -> None:
    """Begin to forward metrics and to evaluate alarms; it ends with the clock."""
    _later(world)


def look(world: World) -> None:
    """Forward metrics, evaluate every alarm of every region that lives, and tell the topics of those that changed."""
    service_metrics.report(world, world.answered)
    now = datetime.now(UTC)
    for region in world.regions:
        if world.faults.is_down(region, "cloudwatch"):
            continue
        with locks.of("cloudwatch"):
            backend = cloudwatch_backends[ACCOUNT][region]
            told = [item for alarm in list(backend.alarms.values()) for item in _evaluated(world, backend, alarm, now)]
        for topic, message in told:
            _tell(world, topic, message)


def inventory(world: World) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return every alarm."""
    return {region: {"cloudwatch": found} for region in world.regions if (found := _of_region(region))}


def _later(world: World) -> None:
    def tick() -> None:
        try:
            look(world)
        finally:
            _later(world)

    world.clock.later_wall(service_metrics.interval_s(world), tick)


def _evaluated(world: World, backend: CloudWatchBackend, alarm: Alarm, now: datetime) -> list[tuple[str, str]]:
    """Evaluate one alarm; return what is to be told to which topic, also after a person has set its state."""
    if alarm.metric_name and alarm.period:
        period_s = max(alarm.period * world.clock.factor, service_metrics.interval_s(world))
        found = evaluate(alarm, backend.metric_data, now, period_s)
        if found.state != alarm.state_value:
            alarm.update_state(found.reason, "{}", found.state)
    before = getattr(alarm, _TOLD, "INSUFFICIENT_DATA")
    if alarm.state_value == before:
        return []
    setattr(alarm, _TOLD, alarm.state_value)
    topics = getattr(alarm, _ACTIONS[alarm.state_value]) if alarm.actions_enabled else []
    message = json.dumps(message_of(alarm, before, ACCOUNT))
    return [(topic, message) for topic in topics or []]


def _tell(world: World, topic: str, message: str) -> None:
    region = topic.split(":")[3]
    if world.faults.is_down(region, "sns"):
        return
    facts = json.loads(message)
    subject = f'{facts["NewStateValue"]}: "{facts["AlarmName"]}" in {facts["Region"]}'
    try:
        with locks.of("sns", "sqs"):
            sns_backends[ACCOUNT][region].publish(message=message, arn=topic, subject=subject[:100])
    except Exception as refused:  # noqa: BLE001 - a topic that is gone must not stop the other alarms
        log.warning("an alarm could not tell its topic", topic=topic, reason=repr(refused))


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
        _refuse_unmodelled(options)
        standing = self.alarms.get(name)
        alarm = original(self, name, *args, **options)
        known = standing.state_value if standing else "INSUFFICIENT_DATA"
        alarm.state_value = known
        if standing:
            alarm.state_reason, alarm.state_reason_data = standing.state_reason, standing.state_reason_data
            alarm.history = standing.history
            setattr(alarm, _TOLD, getattr(standing, _TOLD, "INSUFFICIENT_DATA"))
        return alarm

    return put_metric_alarm


def _refuse_unmodelled(options: dict[str, Any]) -> None:
    if options.get("metric_data_queries") or options.get("extended_statistic") or options.get("rule"):
        raise NotImplementedError("alarms on metric math, percentiles and other alarms are not modelled by the sandbox")
    if options.get("comparison_operator") not in COMPARISONS or options.get("statistic") not in STATISTICS:
        raise NotImplementedError("anomaly detection is not modelled by the sandbox")
    actions = [item for name in _ACTIONS.values() for item in options.get(name) or []]
    if foreign := [item for item in actions if item.split(":")[2:3] != ["sns"]]:
        raise NotImplementedError(f"alarms tell SNS topics only; {foreign[0]} is not modelled by the sandbox")
