"""The one place that knows botocore's errors and turns them into ours."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from recovery_ops.errors import StepInterruptedError, StepRejectedError
from recovery_ops.record.envelope import redacted

T = TypeVar("T")

THROTTLED = frozenset(
    {
        "503", "PriorRequestNotComplete", "ProvisionedThroughputExceededException", "RequestLimitExceeded", "SlowDown",
        "Throttled", "Throttling", "ThrottlingException", "TooManyRequestsException",
    }
)  # fmt: skip
"""AWS is busy and has not done what was asked for. Source: botocore, "Retries", standard mode. An answer to HEAD has no
body, so that S3's ``SlowDown`` is a mere 503 there."""
RETRYABLE = THROTTLED | {
    "InternalError", "InternalFailure", "InternalServerError", "LimitExceededException", "RequestTimeout",
    "ServiceUnavailable", "TooManyUpdates",
}  # fmt: skip
ABSENT = frozenset(
    {
        "404", "NoSuchBucket", "NoSuchKey", "NoSuchVersion", "NotFound", "ParameterNotFound", "ResourceNotFound",
        "ResourceNotFoundException", "TableNotFoundException", "ObjectNotFoundException", "NoSuchHostedZone",
        "ReplicationConfigurationNotFoundError", "NoSuchBucketPolicy", "NoSuchEntity",
        "RepositoryNotFoundException", "ImageNotFoundException",
    }
)  # fmt: skip


def code_of(error: BaseException) -> str:
    """Return AWS's error code of a botocore ``ClientError``, or an empty string for anything else."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def is_absent(error: BaseException) -> bool:
    """Return whether AWS said that the thing does not exist (SageMaker and CloudFormation say so in words)."""
    text = str(error)
    vague = code_of(error) in {"ValidationException", "ValidationError"}
    return code_of(error) in ABSENT or (vague and ("Could not find" in text or "does not exist" in text))


@contextmanager
def aws_errors(what: str, *, region: str, **facts: Any) -> Iterator[None]:
    """Raise our errors for botocore's inside the block.

    Raises:
        StepRejectedError: AWS answered no; nothing was changed by this call.
        StepInterruptedError: No answer, or throttled until the attempts were used up; repeating is safe.
    """
    from botocore.exceptions import BotoCoreError, ClientError, FlexibleChecksumError

    try:
        yield
    except ClientError as error:
        code = code_of(error) or "Unknown"
        kind = StepInterruptedError if code in RETRYABLE or _is_5xx(error) else StepRejectedError
        detail = redacted(str(error.response.get("Error", {}).get("Message", "")))
        message = f"{what}: AWS refused {error.operation_name} in {region}: {code}: {detail}"
        raise kind(message, region=region, operation=error.operation_name, aws_code=code, **facts) from error
    except BotoCoreError as error:
        came = "a damaged answer" if isinstance(error, FlexibleChecksumError) else "no answer"
        message = f"{what}: {came} from AWS in {region}: {redacted(str(error))}"
        raise StepInterruptedError(message, region=region, **facts) from error


def _is_5xx(error: Any) -> bool:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) >= 500


@contextmanager
def already_done(*codes: str, containing: str = "") -> Iterator[None]:
    """Treat AWS's "exists already" answers as success; the caller then checks whose it is.

    ``containing`` narrows a vague code such as ``ValidationException`` to messages with that text.
    """
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if code_of(error) not in codes or containing not in str(error):
            raise


def found(call: Callable[[], T]) -> T | None:
    """Return what ``call`` returns, or ``None`` when AWS says that the thing does not exist."""
    from botocore.exceptions import ClientError

    try:
        return call()
    except ClientError as error:
        if is_absent(error):
            return None
        raise


@contextmanager
def refused_as(kind: Callable[[str], Exception], *codes: str, what: str) -> Iterator[None]:
    """Raise ``kind(what)`` when AWS refuses with one of ``codes``; other refusals pass through."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if code_of(error) in codes:
            raise kind(what) from error
        raise
