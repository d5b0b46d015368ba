"""What an alarm makes of its metric: datapoints by period, then M of N, then what missing data means."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import Alarm

ALARM, OK, UNKNOWN = "ALARM", "OK", "INSUFFICIENT_DATA"
COMPARISONS: Mapping[str, tuple[str, Callable[[float, float], bool]]] = {
    "GreaterThanOrEqualToThreshold": ("greater than or equal to", lambda value, limit: value >= limit),
    "GreaterThanThreshold": ("greater than", lambda value, limit: value > limit),
    "LessThanThreshold": ("less than", lambda value, limit: value < limit),
    "LessThanOrEqualToThreshold": ("less than or equal to", lambda value, limit: value <= limit),
}
STATISTICS: Mapping[str, Callable[[Sequence[Any]], float]] = {
    "Sum": lambda data: sum(_part(item, "sum") for item in data),
    "SampleCount": lambda data: sum(_part(item, "sample_count", 1.0) for item in data),
    "Minimum": lambda data: min(_part(item, "min") for item in data),
    "Maximum": lambda data: max(_part(item, "max") for item in data),
    "Average": lambda data: STATISTICS["Sum"](data) / max(STATISTICS["SampleCount"](data), 1.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The state that the data call for, and why, in the words of CloudWatch."""

    state: str
    reason: str


def evaluate(alarm: Alarm, data: Sequence[Any], now: datetime, period_s: float) -> Finding:
    """Return the state of ``alarm`` at ``now`` (aware). ``period_s`` are wall seconds of one period.

    Periods end at ``now``; on AWS they are aligned to the clock, and a late datapoint may still change one.
    """
    wanted = int(alarm.evaluation_periods)
    needed = int(alarm.datapoints_to_alarm or wanted)
    points = [_point(alarm, _within(data, now, period_s, index)) for index in range(wanted)]
    words, compare = COMPARISONS[alarm.comparison_operator]
    treat = alarm.treat_missing_data or "missing"
    missing = sum(point is None for point in points)
    breaching = sum(compare(point, alarm.threshold) for point in points if point is not None)
    breaching += missing if treat == "breaching" else 0
    if breaching >= needed:
        seen = f"{missing} missing datapoints were treated as [Breaching]" if missing else f"{words} {alarm.threshold}"
        return Finding(state=ALARM, reason=f"Threshold Crossed: {breaching} of {wanted} datapoints: {seen}.")
    if missing == wanted and treat == "missing":
        return Finding(state=UNKNOWN, reason=f"Insufficient Data: {missing} datapoints were unknown.")
    if missing == wanted and treat == "ignore":
        return Finding(state=alarm.state_value, reason=alarm.state_reason)
    return Finding(state=OK, reason=f"Threshold Crossed: {breaching} of {wanted} datapoints were breaching.")


def message_of(alarm: Alarm, before: str, account: str) -> dict[str, Any]:
    """Return what CloudWatch tells an SNS topic when ``alarm`` has changed from ``before``."""
    return {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": account,
        "AlarmArn": alarm.alarm_arn,
        "OldStateValue": before,
        "NewStateValue": alarm.state_value,
        "NewStateReason": alarm.state_reason,
        "StateChangeTime": f"{_aware(alarm.state_updated_timestamp):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "+0000",
        "Region": alarm.region_name,
        "Trigger": {
            "Namespace": alarm.namespace,
            "MetricName": alarm.metric_name,
            "Statistic": alarm.statistic,
            "Period": alarm.period,
            "EvaluationPeriods": alarm.evaluation_periods,
            "ComparisonOperator": alarm.comparison_operator,
            "Threshold": alarm.threshold,
            "TreatMissingData": alarm.treat_missing_data or "missing",
            "Dimensions": [{"name": item.name, "value": item.value} for item in alarm.dimensions],
        },
    }


def _within(data: Sequence[Any], now: datetime, period_s: float, index: int) -> list[Any]:
    ages = ((item, (now - _aware(item.timestamp)).total_seconds()) for item in data)
    return [item for item, age in ages if index * period_s <= age < (index + 1) * period_s]


def _point(alarm: Alarm, data: Sequence[Any]) -> float | None:
    """Return the statistic over the data of one period that belong to exactly this metric."""
    wanted = {(item.name, item.value) for item in alarm.dimensions}
    own = [
        item
        for item in data
        if item.namespace == alarm.namespace
        and item.name == alarm.metric_name
        and {(one.name, one.value) for one in item.dimensions} == wanted
    ]
    return STATISTICS[alarm.statistic](own) if own else None


def _part(item: Any, name: str, single: float | None = None) -> float:
    if hasattr(item, name):
        return float(getattr(item, name))
    return float(item.value) if single is None else single


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)
