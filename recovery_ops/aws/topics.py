"""SNS topics."""

from recovery_ops.aws.clients import client
from recovery_ops.aws.translate import aws_errors


def publish(topic_arn: str, subject: str, body: str) -> str:
    """Publish a message in the region of the topic and return its id."""
    region = topic_arn.split(":")[3]
    with aws_errors(f"publish to {topic_arn}", region=region):
        answer = client("sns", region).publish(TopicArn=topic_arn, Subject=subject[:100], Message=body)
    return str(answer["MessageId"])
