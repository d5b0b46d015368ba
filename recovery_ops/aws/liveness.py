"""Whether the AWS services of a region answer at all, asked from outside, each once and briefly."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from recovery_ops.aws.calls import calling_as, current_caller
from recovery_ops.aws.clients import client
from recovery_ops.aws.objects import in_threads
from recovery_ops.aws.translate import aws_errors
from recovery_ops.errors import StepError, StepInterruptedError

ASKED: Mapping[str, Callable[[Any], Any]] = {
    "s3": lambda s3: s3.list_buckets(),
    "dynamodb": lambda dynamodb: dynamodb.list_tables(Limit=1),
    "sagemaker": lambda sagemaker: sagemaker.list_endpoints(MaxResults=1),
    "ssm": lambda ssm: ssm.describe_parameters(MaxResults=1),
}
"""One cheap question per service; a refusal is an answer too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """Services that answered, with the seconds it took, and those that did not, with the reason."""

    answered: Mapping[str, float]
    silent: Mapping[str, str]


def services_alive(region: str) -> Life:
    """Ask every service of ``region``; never raises for one that does not answer."""
    caller = current_caller()

    def ask(service: str) -> tuple[str, float, str]:
        began = time.monotonic()
        with calling_as(caller):
            try:
                with aws_errors(f"ask {service}", region=region):
                    ASKED[service](client(service, region, suspect=True))
            except StepInterruptedError as error:
                return service, time.monotonic() - began, error.message
            except StepError:
                pass  # it said no, and so it lives
        return service, time.monotonic() - began, ""

    seen = in_threads(ask, ASKED)
    return Life(
        answered={service: took for service, took, trouble in seen if not trouble},
        silent={service: trouble for service, _, trouble in seen if trouble},
    )


def newest_object_at(bucket: str, prefix: str, region: str) -> datetime | None:
    """Return when the newest object under ``prefix`` was written, or ``None`` when there is none."""
    with aws_errors(f"look at s3://{bucket}/{prefix}", region=region):
        pages = client("s3", region).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return max((item["LastModified"] for page in pages for item in page.get("Contents", [])), default=None)
