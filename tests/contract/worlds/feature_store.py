"""Poisoned items in the replica, written after the recovery point."""

import time

from fraud_world import FraudWorld

from recovery_ops.model.plan import Intent

COMPONENT = "features"


def damage(world: FraudWorld, intent: Intent) -> None:
    if intent is Intent.CORRUPTION:
        dynamodb = world.outsider("dynamodb")
        restore_at = world.captures[COMPONENT].watermark.timestamp()
        time.sleep(max(0.0, restore_at + 1 - time.time()))
        for item in dynamodb.scan(TableName="fraud-features", Limit=20)["Items"]:
            dynamodb.put_item(TableName="fraud-features", Item={**item, "https": {"N": "77"}, "version": {"N": "9"}})
