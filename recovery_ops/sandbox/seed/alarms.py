"""Who looks at fraud detection from outside: in each region an alarm about the other one, a topic and a queue."""

import json

from recovery_ops.sandbox.seed.fraud_detection import REGIONS, client
from recovery_ops.sandbox.service_metrics import NAMESPACE

QUEUE = "fraud-alarms"
ALARM = "fraud-{region}-alive"


def watch(endpoint_url: str) -> None:
    """Make alarms, topics and queues behind ``endpoint_url``. An alarm is judged as soon as it is there."""
    for region in REGIONS:
        topic = _topic(endpoint_url, region)
        for other in REGIONS:
            if other != region:
                _alarm(endpoint_url, region, other, topic)


def _topic(endpoint_url: str, region: str) -> str:
    """Return a topic that tells the queue of alarms in ``region``."""
    sqs, sns = (client(service, region, endpoint_url) for service in ("sqs", "sns"))
    queue = sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = str(sns.create_topic(Name=QUEUE)["TopicArn"])
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return topic


def _alarm(endpoint_url: str, region: str, other: str, topic: str) -> None:
    """Let ``region`` raise an alarm when nothing is heard of ``other`` for two minutes."""
    client("cloudwatch", region, endpoint_url).put_metric_alarm(
        AlarmName=ALARM.format(region=other),
        Namespace=NAMESPACE,
        MetricName="Heartbeat",
        Dimensions=[{"Name": "Region", "Value": other}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=2,
        Threshold=1,
        ComparisonOperator="LessThanThreshold",
        TreatMissingData="breaching",
        AlarmActions=[topic],
        OKActions=[topic],
    )
