"""What a living endpoint does today, measured at protect time: the figures a recovered one is judged against."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from recovery_ops.aws.waiting import Clock
from recovery_ops.errors import VerificationFailedError
from recovery_ops.quality.golden import area_under_curve
from recovery_ops.quality.load import (
    END_TO_END,
    LATENCY,
    THROUGHPUT,
    Lookup,
    lookups,
    paced,
    single_rows,
    sustained_rate,
)
from recovery_ops.quality.probes import Predict, Row, ask, problem_of
from recovery_ops.quality.timing import Call, Effort, Timings, measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Figures of one endpoint at one moment.

    ``predictions`` answer the golden rows in order. Latencies are p95 in ms of wall time, ``throughput_per_s`` is the
    rate sustained at the offered load, ``auc`` a share from 0 to 1. ``None``: no labels, or no feature look-up to time.
    """

    predictions: tuple[float, ...]
    p95_ms: float
    throughput_per_s: float
    auc: float | None = None
    end_to_end_p95_ms: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self) | {"predictions": list(self.predictions)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Baseline":
        """Rebuild a baseline from :meth:`to_json`."""
        return cls(**{**value, "predictions": tuple(value["predictions"])})


def measure_baseline(
    predict: Predict,
    rows: Sequence[Row],
    labels: Sequence[int | float | bool] | None,
    *,
    required_per_s: float,
    lookup: Lookup | None = None,
    entities: Sequence[str] = (),
    latency: Effort = LATENCY,
    throughput: Effort = THROUGHPUT,
    end_to_end: Effort = END_TO_END,
    clock: Clock = time,
) -> Baseline:
    """Measure a living endpoint: the golden ``rows`` once, latency, throughput at the expected load, end to end.

    The load stays at 1.25 times ``required_per_s``, so that protecting a system does not overload it.

    Raises:
        VerificationFailedError: A call failed or the answers cannot be used: what cannot be measured must not become
            the measure. Nothing in AWS was changed.
        ValueError: ``labels`` hold one class only.
    """
    predictions = _predictions(predict, rows)
    calls = single_rows(predict, rows)
    offered = paced(throughput, required_per_s)
    return Baseline(
        predictions=predictions,
        p95_ms=_p95("latency", calls, latency, clock),
        throughput_per_s=round(sustained_rate(_timings("throughput", calls, offered, clock), offered), 3),
        auc=None if labels is None else area_under_curve(labels, predictions),
        end_to_end_p95_ms=(
            _p95("end to end", lookups(lookup, predict, entities), end_to_end, clock) if lookup and entities else None
        ),
    )


def _predictions(predict: Predict, rows: Sequence[Row]) -> tuple[float, ...]:
    if not rows:
        raise VerificationFailedError("a baseline needs golden rows; there are none")
    answer = ask(predict, rows)
    if problem := answer.error or problem_of(answer.scores, len(rows)):
        raise VerificationFailedError(f"the golden rows could not be predicted, so there is no baseline: {problem}")
    return answer.scores


def _timings(what: str, call: Call, effort: Effort, clock: Clock) -> Timings:
    timings = measure(call, effort, clock)
    if timings.failures or not timings.good_ms:
        reason = timings.failures[0] if timings.failures else "not one call was measured"
        raise VerificationFailedError(
            f"no {what} baseline: {len(timings.failures)} calls failed, {len(timings.good_ms)} did not: {reason}"
        )
    return timings


def _p95(what: str, call: Call, effort: Effort, clock: Clock) -> float:
    return float(_timings(what, call, effort, clock).summary(effort)["p95_ms"])
