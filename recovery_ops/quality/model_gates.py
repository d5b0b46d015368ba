"""All gates of a serving model, in the order in which a person would ask: is it the same, is it good, is it fast."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from recovery_ops.model.checks import Check
from recovery_ops.quality.baseline import Baseline
from recovery_ops.quality.golden import golden_check, quality_check
from recovery_ops.quality.golden_set import GoldenSet
from recovery_ops.quality.load import Lookup, end_to_end_check, latency_check, throughput_check
from recovery_ops.quality.probes import Predict


@dataclass(frozen=True, slots=True, kw_only=True)
class Goals:
    """What a model must do. Times are milliseconds of wall time, shares are from 0 to 1."""

    tolerance: float
    p95_ms: float
    throughput_per_s: float
    auc: float
    auc_drop: float
    end_to_end_p95_ms: float


def model_checks(
    component: str,
    predict: Predict,
    golden: GoldenSet,
    goals: Goals,
    *,
    baseline: Baseline | None,
    lookup: Lookup,
    entities: Sequence[str],
) -> Iterator[Check]:
    """Yield one check per gate of a model; ``lookup`` gives the features of one of ``entities``.

    Raises:
        ClaimLostError: This process must not act any more.
        ImpairedRegionError: A probe called the region that is being left.
    """
    rows = golden.rows
    yield golden_check(component, predict, rows, golden.predictions, goals.tolerance)
    yield quality_check(
        component,
        predict,
        rows,
        golden.labels,
        minimum=goals.auc,
        baseline=baseline.auc if baseline else None,
        allowed_drop=goals.auc_drop,
    )
    yield latency_check(
        component, predict, rows, limit_ms=goals.p95_ms, baseline_p95_ms=baseline.p95_ms if baseline else None
    )
    yield throughput_check(
        component,
        predict,
        rows,
        required_per_s=goals.throughput_per_s,
        baseline_per_s=baseline.throughput_per_s if baseline else None,
    )
    yield end_to_end_check(
        component,
        lookup,
        predict,
        entities,
        limit_ms=goals.end_to_end_p95_ms,
        baseline_p95_ms=baseline.end_to_end_p95_ms if baseline else None,
    )
