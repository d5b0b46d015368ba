"""Pages for people in S3: written over, since the newest is the one that counts; older versions stay in the bucket."""

import hashlib
from collections.abc import Mapping

from recovery_ops.aws.clients import client
from recovery_ops.aws.translate import aws_errors, found


def put_page(
    bucket: str, key: str, body: bytes, region: str, *, content_type: str, metadata: Mapping[str, str]
) -> None:
    """Write a page; safe to repeat."""
    with aws_errors(f"write s3://{bucket}/{key}", region=region):
        client("s3", region).put_object(
            Bucket=bucket, Key=key, Body=body, ContentType=content_type, Metadata=dict(metadata)
        )


def digest_of(bucket: str, key: str, region: str) -> str | None:
    """Return the SHA-256 (hex) of what a reader gets now, or ``None`` when nothing is there."""
    with aws_errors(f"read s3://{bucket}/{key}", region=region):
        answer = found(lambda: client("s3", region).get_object(Bucket=bucket, Key=key))
        return None if answer is None else hashlib.sha256(answer["Body"].read()).hexdigest()


def metadata_of(bucket: str, key: str, region: str) -> Mapping[str, str] | None:
    """Return the metadata of a page, or ``None`` when nothing is there."""
    with aws_errors(f"look at s3://{bucket}/{key}", region=region):
        answer = found(lambda: client("s3", region).head_object(Bucket=bucket, Key=key))
    return None if answer is None else {str(name): str(value) for name, value in answer["Metadata"].items()}
