"""CloudWatch alarms of one region, and the queue that tells of their changes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from recovery_ops.aws.clients import client
from recovery_ops.aws.translate import aws_errors

LONG_POLL_S = 5
"""How long a receive waits for a message: less than the read timeout of our clients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmState:
    """``OK``, ``ALARM`` or ``INSUFFICIENT_DATA``, since ``changed_at``."""

    name: str
    state: str
    changed_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmChange:
    """A message about one change. ``key`` is the same however often SQS delivers it; ``receipt`` deletes it."""

    key: str
    receipt: str
    facts: Mapping[str, Any]


def alarm_states(names: Sequence[str], region: str) -> list[AlarmState]:
    """Return the state of the alarms called ``names``; one that does not exist is left out."""
    with aws_errors("look at alarms", region=region):
        answer = client("cloudwatch", region, suspect=True).describe_alarms(AlarmNames=list(names))
    return [
        AlarmState(
            name=str(alarm["AlarmName"]),
            state=str(alarm["StateValue"]),
            changed_at=alarm.get("StateUpdatedTimestamp"),
            reason=str(alarm.get("StateReason", "")),
        )
        for alarm in answer["MetricAlarms"]
    ]


def receive(queue: str, region: str) -> list[AlarmChange]:
    """Wait up to :data:`LONG_POLL_S` for messages of ``queue``; one that tells of no alarm has empty facts."""
    with aws_errors(f"receive from {queue}", region=region):
        sqs = client("sqs", region)
        answer = sqs.receive_message(
            QueueUrl=_url(sqs, queue), MaxNumberOfMessages=10, WaitTimeSeconds=LONG_POLL_S, VisibilityTimeout=60
        )
    return [_change(message) for message in answer.get("Messages", [])]


def forget(queue: str, receipt: str, region: str) -> None:
    """Delete a message that was handed on."""
    with aws_errors(f"forget a message of {queue}", region=region):
        sqs = client("sqs", region)
        sqs.delete_message(QueueUrl=_url(sqs, queue), ReceiptHandle=receipt)


def _url(sqs: Any, queue: str) -> str:
    return str(sqs.get_queue_url(QueueName=queue)["QueueUrl"])


def _change(message: Mapping[str, Any]) -> AlarmChange:
    facts = _facts(str(message["Body"]))
    key = f"{facts.get('AlarmArn')}@{facts.get('StateChangeTime')}" if facts else str(message["MessageId"])
    return AlarmChange(key=key, receipt=str(message["ReceiptHandle"]), facts=facts)


def _facts(body: str) -> Mapping[str, Any]:
    """Return what CloudWatch said, from SNS's envelope or raw; nothing of what anybody else may have sent."""
    try:
        found = json.loads(body)
        found = json.loads(found["Message"]) if "Message" in found else found
        wanted = ("AlarmName", "AlarmArn", "NewStateValue", "OldStateValue", "StateChangeTime", "Region")
        return {name: str(found[name]) for name in wanted}
    except (ValueError, KeyError, TypeError):
        return {}
