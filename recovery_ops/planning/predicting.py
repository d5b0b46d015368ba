"""Predicted RTO and RPO: measured durations where there are any, the plan's estimates where there are none.

Pure functions. A step's sample is modelled AWS seconds; predictions begin at T3, as the plan's own forecast does.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from recovery_ops.model.plan import Plan, Step
from recovery_ops.model.readiness import Basis, Outlook, Prediction, Spread
from recovery_ops.planning.estimates import longest_chain

Samples = Mapping[str, Sequence[float]]
"""Step id, or component, -> measured modelled seconds."""


def spread(samples: Sequence[float]) -> Spread | None:
    """Return how ``samples`` are distributed, percentiles by nearest rank; ``None`` for none."""
    if not samples:
        return None
    ordered = sorted(samples)
    return Spread(
        p50_s=_rank(ordered, 0.5),
        p90_s=_rank(ordered, 0.9),
        least_s=ordered[0],
        most_s=ordered[-1],
        count=len(ordered),
    )


def predicted_rtos(plan: Plan, samples: Samples) -> tuple[Prediction, ...]:
    """Return the predicted RTO of the system and of every component of ``plan``.

    The chain is the longest one by medians. A phase of a component that was never measured makes ``achievable`` out of
    reach; a system step (fence, cutover) counts with its estimate, which has its source in ``costs.py``.
    """
    known = {step.id: seen for step in plan.steps if (seen := spread(samples.get(step.id, ())))}
    likely = [replace(step, estimate_s=known[step.id].p50_s) if step.id in known else step for step in plan.steps]
    late = [replace(step, estimate_s=known[step.id].p90_s) if step.id in known else step for step in plan.steps]
    found: list[Prediction] = []
    for estimate in plan.estimates:
        chain = longest_chain(likely, estimate.chain[-1])
        late_s = sum(step.estimate_s for step in longest_chain(late, estimate.chain[-1]))
        found.append(_rto(estimate.name, estimate.objective_s, chain, late_s, known))
    return tuple(found)


def predicted_rpo(name: str, objective_s: float, ages_s: Sequence[float], *, default_s: float | None) -> Prediction:
    """Return the predicted RPO of a component from the live RPOs that sweeps measured.

    Args:
        name: The component.
        objective_s: RPO of the catalog.
        ages_s: Age of the newest recoverable state at every sweep.
        default_s: What to expect where nothing was measured: the cadence of points; ``None`` when nothing can be said.
    """
    found = spread(ages_s)
    if found is None:
        why = "no sweep has measured it" + ("; the cadence of recovery points is taken" if default_s else "")
        verdict = _verdict(default_s, default_s, objective_s, complete=False)
        return Prediction(
            name=name, objective="rpo", objective_s=objective_s, likely_s=default_s, late_s=default_s,
            basis=Basis.ESTIMATED, verdict=verdict, why=why,
        )  # fmt: skip
    return Prediction(
        name=name,
        objective="rpo",
        objective_s=objective_s,
        likely_s=found.p50_s,
        late_s=found.p90_s,
        basis=Basis.MEASURED,
        verdict=_verdict(found.p50_s, found.p90_s, objective_s, complete=True),
        runs=found.count,
        why=f"{found.count} sweeps, {found.least_s:.0f} to {found.most_s:.0f} s",
    )


def _rto(
    name: str, objective_s: float, chain: Sequence[Step], late_s: float, known: Mapping[str, Spread]
) -> Prediction:
    unmeasured = tuple(step.id for step in chain if step.id not in known)
    phases = [step.id for step in chain if step.component is not None]
    open_phases = [step_id for step_id in phases if step_id not in known]
    counts = [known[step.id].count for step in chain if step.id in known]
    likely_s = sum(step.estimate_s for step in chain)
    return Prediction(
        name=name,
        objective="rto",
        objective_s=objective_s,
        likely_s=likely_s,
        late_s=max(late_s, likely_s),
        basis=Basis.MEASURED if not unmeasured else Basis.PARTLY if counts else Basis.ESTIMATED,
        verdict=_verdict(likely_s, max(late_s, likely_s), objective_s, complete=not open_phases),
        runs=min(counts, default=0),
        chain=tuple(step.id for step in chain),
        unmeasured=unmeasured,
        why=_why(len(phases), open_phases, min(counts, default=0)),
    )


def _why(phases: int, open_phases: Sequence[str], runs: int) -> str:
    if open_phases:
        return f"{len(open_phases)} of {phases} phases on the longest chain were never measured"
    return f"every phase on the longest chain was measured, at least {runs} times"


def _verdict(likely_s: float | None, late_s: float | None, objective_s: float, *, complete: bool) -> Outlook:
    """Judge medians and ninetieth percentiles; what lies between the two is not known."""
    if likely_s is None or late_s is None:
        return Outlook.NOT_KNOWN
    if likely_s > objective_s:
        return Outlook.NOT_ACHIEVABLE
    return Outlook.ACHIEVABLE if complete and late_s <= objective_s else Outlook.NOT_KNOWN


def _rank(ordered: Sequence[float], share: float) -> float:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
