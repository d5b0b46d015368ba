"""Tasks of the hop benchmark: one that does nothing, one that judges a frame with Great Expectations."""

from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseOperator

SUITE = {
    "name": "hop",
    "expectations": [
        {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 1000}},
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}},
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}},
        {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "x", "min_value": 0, "max_value": 1}},
    ],
}


class NoOp(BaseOperator):
    """Do nothing."""

    def execute(self, context: Mapping[str, Any]) -> None:
        """Return at once."""


class Judge(BaseOperator):
    """Judge a made-up frame of 1000 rows."""

    def execute(self, context: Mapping[str, Any]) -> int:  # noqa: ARG002 - Airflow hands it in
        """Return how many expectations passed.

        Raises:
            AssertionError: Not all of them.
        """
        import pandas as pd

        from recovery_ops.quality.suites import judge_frame

        frame = pd.DataFrame({"id": range(1000), "x": [n / 1000 for n in range(1000)]})
        outcomes = [str(check.outcome) for check in judge_frame(frame, SUITE, component="bench", label="frame")]
        assert outcomes == ["pass"] * len(SUITE["expectations"]), outcomes
        return len(outcomes)
