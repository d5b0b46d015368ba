"""How our errors become Airflow's retries: the whole mapping, in one place.

Airflow repeats what the library calls retryable and nothing else; a test compares this with the error tree.
"""

from datetime import timedelta

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

from recovery_ops.errors import DeadlineExceededError, RecoveryError, StepInterruptedError

RETRIES = 4
RETRY_DELAY = timedelta(seconds=1)

POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=StepInterruptedError,
            action=RetryAction.RETRY,
            retry_delay=RETRY_DELAY,
            reason="AWS did not answer or throttled; repeating is safe",
        ),
        RetryRule(
            exception=DeadlineExceededError,
            action=RetryAction.RETRY,
            retry_delay=RETRY_DELAY,
            reason="the operation goes on in AWS; the step resumes it",
        ),
        RetryRule(
            exception=RecoveryError, action=RetryAction.FAIL, reason="repeating would not help; see the playbook"
        ),
    ]
)
