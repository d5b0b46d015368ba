"""Alarms: evaluated beside the regions, told to SNS and from there to SQS; a dead region makes its metrics missing."""

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError
from sandbox_clients import HOME, RECOVERY, Aws, eventually

from recovery_ops.sandbox.control import Control


def wired(aws: Aws, region: str = RECOVERY) -> tuple[str, str]:
    """Return a topic and the URL of a queue that is subscribed to it."""
    name = f"alarms-{uuid.uuid4().hex[:8]}"
    topic = aws.client("sns", region).create_topic(Name=name)["TopicArn"]
    sqs = aws.client("sqs", region, read_timeout=30)
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    aws.client("sns", region).subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return topic, url


def alarm(aws: Aws, topic: str, region: str = RECOVERY, **changed: Any) -> str:
    name = f"alarm-{uuid.uuid4().hex[:8]}"
    facts = {
        "AlarmName": name,
        "Namespace": "Forwarded",
        "MetricName": "Heartbeat",
        "Dimensions": [{"Name": "Region", "Value": HOME}],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 2,
        "ComparisonOperator": "LessThanThreshold",
        "Threshold": 1,
        "TreatMissingData": "breaching",
        "AlarmActions": [topic],
        "OKActions": [topic],
    }
    aws.client("cloudwatch", region).put_metric_alarm(**(facts | changed))
    return name


def state(aws: Aws, name: str, region: str = RECOVERY) -> str:
    (found,) = aws.client("cloudwatch", region).describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return str(found["StateValue"])


def told(aws: Aws, url: str, name: str, wanted: str, region: str = RECOVERY) -> dict[str, Any]:
    """Return the message that says that the alarm has turned to ``wanted``."""
    sqs, found = aws.client("sqs", region, read_timeout=30), list[dict[str, Any]]()

    def receive() -> bool:
        answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2)
        for message in answer.get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found.append(json.loads(json.loads(message["Body"])["Message"]))
        return any(item["AlarmName"] == name and item["NewStateValue"] == wanted for item in found)

    eventually(receive, within_s=30)
    return next(item for item in found if item["NewStateValue"] == wanted)


def test_metrics_of_a_dead_region_go_missing_and_the_alarm_beside_it_says_so(aws: Aws, control: Control) -> None:
    topic, url = wired(aws)
    name = alarm(aws, topic)
    eventually(lambda: state(aws, name) == "OK")
    control.fault(HOME, "reset")
    message = told(aws, url, name, "ALARM")
    assert message["Region"] == RECOVERY
    assert message["Trigger"]["TreatMissingData"] == "breaching"
    assert "missing datapoints were treated as [Breaching]" in message["NewStateReason"]
    control.heal()
    assert told(aws, url, name, "OK")["OldStateValue"] == "ALARM"


def test_an_alarm_in_the_dead_region_says_nothing(aws: Aws, control: Control) -> None:
    topic, _ = wired(aws, HOME)
    inside = alarm(aws, topic, HOME, Dimensions=[{"Name": "Region", "Value": RECOVERY}])
    witness = alarm(aws, wired(aws)[0])
    eventually(lambda: state(aws, inside, HOME) == "OK")
    control.fault(HOME, "reset")
    eventually(lambda: state(aws, witness) == "ALARM")
    control.heal()
    assert state(aws, inside, HOME) == "OK"


@pytest.mark.parametrize(
    ("treated", "expected"), [("missing", "INSUFFICIENT_DATA"), ("breaching", "ALARM"), ("notBreaching", "OK")]
)
def test_missing_data_means_what_the_alarm_says(aws: Aws, treated: str, expected: str) -> None:
    topic, _ = wired(aws)
    name = alarm(aws, topic, MetricName="never", TreatMissingData=treated)
    aws.client("cloudwatch", RECOVERY).set_alarm_state(
        AlarmName=name, StateValue="OK" if expected != "OK" else "ALARM", StateReason="to see it change"
    )
    eventually(lambda: state(aws, name) == expected)


@pytest.mark.parametrize(("statistic", "value"), [("Sum", 12.0), ("Maximum", 7.0), ("Average", 4.0), ("Minimum", 2.0)])
def test_a_statistic_is_compared_with_the_threshold(aws: Aws, statistic: str, value: float) -> None:
    topic, _ = wired(aws)
    metric = f"own-{uuid.uuid4().hex[:6]}"
    over = alarm(
        aws, topic, Namespace="Ours", MetricName=metric, Dimensions=[], Statistic=statistic, Threshold=value,
        Period=86_400, EvaluationPeriods=1, ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="missing",
    )  # fmt: skip
    under = alarm(
        aws, topic, Namespace="Ours", MetricName=metric, Dimensions=[], Statistic=statistic, Threshold=value + 0.1,
        Period=86_400, EvaluationPeriods=1, ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="missing",
    )  # fmt: skip
    data = [{"MetricName": metric, "Value": number} for number in (2.0, 3.0, 7.0)]
    aws.client("cloudwatch", RECOVERY).put_metric_data(Namespace="Ours", MetricData=data)
    eventually(lambda: state(aws, over) == "ALARM")
    eventually(lambda: state(aws, under) == "OK")


def test_a_long_poll_holds_nobody_up_and_ends_with_the_message(aws: Aws) -> None:
    import threading

    topic, url = wired(aws)
    seen: list[Any] = []
    waiting = threading.Thread(
        target=lambda: seen.extend(
            aws.client("sqs", RECOVERY, read_timeout=30).receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
        )
    )
    waiting.start()
    aws.client("sqs", RECOVERY).list_queues()
    aws.client("sns", RECOVERY).publish(TopicArn=topic, Message="hello")
    waiting.join(15)
    assert json.loads(seen[0]["Body"])["Message"] == "hello"


def test_what_is_not_delivered_or_evaluated_is_refused(aws: Aws) -> None:
    topic, _ = wired(aws)
    with pytest.raises(ClientError, match="not delivered"):
        aws.client("sns", RECOVERY).subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")
    with pytest.raises(ClientError, match="not modelled"):
        alarm(aws, "arn:aws:lambda:us-west-2:123456789012:function:f")
    with pytest.raises(ClientError, match="not modelled"):
        aws.client("cloudwatch", RECOVERY).put_metric_alarm(
            AlarmName="p", Namespace="n", MetricName="m", ExtendedStatistic="p99", Period=60, EvaluationPeriods=1,
            ComparisonOperator="GreaterThanThreshold", Threshold=1,
        )  # fmt: skip
