"""The bridge between the two worlds: Airflow repeats exactly what the library calls retryable."""

import pytest
from airflow.sdk import RetryAction

from recovery_ops import errors
from recovery_ops.airflow.retries import POLICY

ALL_ERRORS = [
    value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.RecoveryError)
]


@pytest.mark.parametrize("cls", ALL_ERRORS, ids=lambda cls: cls.__name__)
def test_airflow_repeats_exactly_what_the_library_calls_retryable(cls: type[errors.RecoveryError]) -> None:
    decision = POLICY.evaluate(cls("what happened"), try_number=1, max_tries=3)
    assert decision.action is (RetryAction.RETRY if cls.retryable else RetryAction.FAIL)


def test_what_is_not_ours_is_left_to_airflow() -> None:
    assert POLICY.evaluate(ConnectionError("reset"), try_number=1, max_tries=3).action is RetryAction.DEFAULT


def test_the_policy_survives_the_way_into_the_database() -> None:
    again = type(POLICY).deserialize(POLICY.serialize())
    assert again.evaluate(errors.StepInterruptedError("x"), 1, 3).action is RetryAction.RETRY
    assert again.evaluate(errors.ClaimLostError("x"), 1, 3).action is RetryAction.FAIL
