"""Poison on top of one object, one object more, and one that an older version came back over."""

from fraud_world import TARGET, FraudWorld

from recovery_ops.model.plan import Intent

COMPONENT = "training-data"
BUCKET = f"fraud-data-{TARGET}"


def damage(world: FraudWorld, intent: Intent) -> None:
    if intent is Intent.CORRUPTION:
        s3, pinned = world.outsider("s3"), world.captures[COMPONENT].objects
        s3.put_object(Bucket=BUCKET, Key=pinned[0].key, Body=b"poison")
        s3.put_object(Bucket=BUCKET, Key="training/part-9999.parquet", Body=b"more poison")
        s3.delete_object(Bucket=BUCKET, Key=pinned[1].key)
