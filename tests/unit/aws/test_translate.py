"""What botocore raises, in our words."""

import pytest
from botocore.exceptions import ConnectTimeoutError, FlexibleChecksumError

from recovery_ops.aws.translate import aws_errors
from recovery_ops.errors import StepInterruptedError


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (
            FlexibleChecksumError(error_msg="Expected checksum a did not match calculated checksum: b"),
            "a damaged answer",
        ),
        (ConnectTimeoutError(endpoint_url="https://s3"), "no answer"),
    ],
)
def test_bytes_that_are_not_what_their_checksum_says_are_no_silence(raised: Exception, said: str) -> None:
    with (
        pytest.raises(StepInterruptedError, match=f"pin x: {said} from AWS in us-west-2") as caught,
        aws_errors("pin x", region="us-west-2"),
    ):
        raise raised
    assert caught.value.retryable
