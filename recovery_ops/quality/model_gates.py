"""All gates of a serving model, in the order in which a person would ask: is it the same, is it good, is it fast."""

from collections.abc import Iterator, Sequence

from recovery_ops.aws import items
from recovery_ops.model.checks import Check, Gate
from recovery_ops.quality.baseline import Baseline
from recovery_ops.quality.goals import Verify
from recovery_ops.quality.golden import golden_check, quality_check
from recovery_ops.quality.golden_set import GoldenSet
from recovery_ops.quality.load import Lookup, end_to_end_check, latency_check, throughput_check
from recovery_ops.quality.probes import Predict, verdict

PROBED_ENTITIES = 50


def capacity_check(component: str, *, instance_type: str, ladder: Sequence[str], running: int, wanted: int) -> Check:
    """Judge that all wanted instances run on a type of the ladder; another than the first is stated as degraded."""
    degraded = bool(ladder) and instance_type != ladder[0]
    missing = f"{running} of {wanted} instances run" if running < wanted else ""
    unknown = f"{instance_type} is not on the ladder" if instance_type not in ladder else ""
    notice = f"degraded: {instance_type} instead of {ladder[0]}" if degraded and not unknown else ""
    return Check(
        component=component,
        gate=Gate.CAPACITY,
        name="instances in service",
        expected={"instances": wanted, "ladder": list(ladder)},
        observed={"instances": running, "instance_type": instance_type, "degraded": degraded},
        outcome=verdict(not missing and not unknown),
        unit="instances",
        detail="; ".join(part for part in (missing, unknown, notice) if part),
    )


def model_checks(
    component: str,
    predict: Predict,
    golden: GoldenSet,
    goals: Verify,
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
    auc, p95_ms = (baseline.auc, baseline.p95_ms) if baseline else (None, None)
    yield from trial_checks(component, predict, golden, goals, baseline_auc=auc, baseline_p95_ms=p95_ms)
    yield throughput_check(
        component,
        predict,
        rows,
        required_per_s=goals.throughput,
        baseline_per_s=baseline.throughput_per_s if baseline else None,
    )
    yield end_to_end_check(
        component,
        lookup,
        predict,
        entities,
        limit_ms=goals.end_to_end * 1000,
        baseline_p95_ms=baseline.end_to_end_p95_ms if baseline else None,
        ratio=goals.latency_ratio,
    )


def trial_checks(
    component: str,
    predict: Predict,
    golden: GoldenSet,
    goals: Verify,
    *,
    baseline_auc: float | None,
    baseline_p95_ms: float | None = None,
) -> Iterator[Check]:
    """Yield the checks that can be repeated while real traffic flows: same predictions, same quality, fast enough.

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
        minimum=goals.auc.min,
        baseline=baseline_auc,
        allowed_drop=goals.auc.max_drop,
    )
    yield latency_check(
        component,
        predict,
        rows,
        limit_ms=goals.p95_latency * 1000,
        baseline_p95_ms=baseline_p95_ms,
        ratio=goals.latency_ratio,
    )


def probing(golden: GoldenSet, table: str | None, key: str, region: str) -> tuple[Lookup, list[str]]:
    """Return how features are looked up, and for whom: in the online ``table``, or, without one, in the golden rows."""
    if table is None:
        return (lambda entity: golden.rows[int(entity)]), [str(number) for number in range(len(golden.rows))]
    entities = items.keys(table, key, region, limit=PROBED_ENTITIES)
    return items.looking_up(table, key, golden.columns, region), entities
