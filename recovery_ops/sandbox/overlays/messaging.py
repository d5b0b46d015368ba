"""SNS and SQS as far as alarms and notifications need them: moto's, with long polls that hold nobody up."""

import json
import time
from collections.abc import Callable
from typing import Any

from moto.sns.models import SNSBackend, sns_backends
from moto.sqs.models import SQSBackend, sqs_backends

from recovery_ops.sandbox import locks, patching
from recovery_ops.sandbox.calls import Answer, Environ
from recovery_ops.sandbox.world import ACCOUNT, World

MODELLED = {
    "sns": frozenset(
        {"CreateTopic", "DeleteTopic", "ListTopics", "GetTopicAttributes", "SetTopicAttributes", "Subscribe"}
        | {"Unsubscribe", "ListSubscriptions", "ListSubscriptionsByTopic", "Publish", "TagResource", "UntagResource"}
        | {"ListTagsForResource", "SetSubscriptionAttributes", "GetSubscriptionAttributes"}
    ),
    "sqs": frozenset(
        {"CreateQueue", "DeleteQueue", "ListQueues", "GetQueueUrl", "GetQueueAttributes", "SetQueueAttributes"}
        | {"SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "PurgeQueue", "ListQueueTags"}
        | {"TagQueue", "UntagQueue"}
    ),
}
_LOOK_S = 0.05
_LONGEST_S = 20.0


def install(world: World) -> None:
    """Let moto answer at once what is there, deliver under the queue's lock, and refuse what is not delivered."""
    del world
    receive = patching.original(SQSBackend, "receive_message")
    patching.replace(SQSBackend, "receive_message", _receive(receive))
    publish = patching.original(SNSBackend, "publish")
    patching.replace(SNSBackend, "publish", _publish(publish))
    subscribe = patching.original(SNSBackend, "subscribe")
    patching.replace(SNSBackend, "subscribe", _subscribe(subscribe))


def data_plane(world: World) -> Callable[[Environ, bytes, str, str], Answer | None]:
    """Return what waits for a message outside the lock; the answer itself is moto's."""

    def wait(environ: Environ, body: bytes, region: str, service: str) -> Answer | None:
        if service == "sqs" and environ.get("HTTP_X_AMZ_TARGET", "").endswith(".ReceiveMessage"):
            _await_message(world, region, json.loads(body))
        return None

    return wait


def inventory(world: World) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return every topic and queue."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for region in world.regions:
        topics, queues = sns_backends[ACCOUNT][region].topics, sqs_backends[ACCOUNT][region].queues
        by_service = {
            "sns": [{"type": "AWS::SNS::Topic", "id": arn, "tags": dict(item._tags)} for arn, item in topics.items()],
            "sqs": [{"type": "AWS::SQS::Queue", "id": name, "tags": dict(item.tags)} for name, item in queues.items()],
        }
        if kept := {service: items for service, items in by_service.items() if items}:
            found[region] = kept
    return found


def _await_message(world: World, region: str, request: dict[str, Any]) -> None:
    """Return when the queue has a message, the wait is over or the region is out."""
    name = str(request.get("QueueUrl", "")).rpartition("/")[2]
    with locks.of("sqs"):
        queue = sqs_backends[ACCOUNT][region].queues.get(name)
    if queue is None:
        return
    wanted = request.get("WaitTimeSeconds")
    wait_s = float(queue.receive_message_wait_time_seconds if wanted is None else wanted)
    end = time.monotonic() + min(wait_s, _LONGEST_S)
    while time.monotonic() < end and not world.faults.is_down(region, "sqs"):
        with locks.of("sqs"):
            if queue.messages:
                return
        time.sleep(_LOOK_S)


def _receive(original: Callable[..., Any]) -> Callable[..., Any]:
    def receive_message(
        self: SQSBackend, queue_name: str, count: int, wait_seconds_timeout: int, *args: Any, **options: Any
    ) -> Any:
        del wait_seconds_timeout
        return original(self, queue_name, count, 0, *args, **options)

    return receive_message


def _publish(original: Callable[..., Any]) -> Callable[..., Any]:
    def publish(self: SNSBackend, *args: Any, **options: Any) -> Any:
        with locks.of("sqs"):
            return original(self, *args, **options)

    return publish


def _subscribe(original: Callable[..., Any]) -> Callable[..., Any]:
    def subscribe(self: SNSBackend, topic_arn: str, endpoint: str, protocol: str) -> Any:
        if protocol != "sqs":
            raise NotImplementedError(f"subscriptions by {protocol} are not delivered by the sandbox; use sqs")
        return original(self, topic_arn, endpoint, protocol)

    return subscribe
