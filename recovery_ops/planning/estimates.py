"""Forecasts: the longest chain of steps to the end of a component, and of the system."""

from collections.abc import Sequence

from recovery_ops.model.plan import Estimate, Intent, Step, SystemStep
from recovery_ops.model.system import System


def estimates(system: System, steps: Sequence[Step], intent: Intent) -> tuple[Estimate, ...]:
    """Return the forecast of the system, then of every component that has steps, from the start of ``declare`` (T3).

    The objectives beside it are those that hold for ``intent``.

    The system ends with cutover as a client sees it; the soak after it counts for no objective. A run or drill of one
    component has no cutover and says nothing about the system.
    """
    cutover = any(step.id == SystemStep.CUTOVER for step in steps)
    found = [_estimate(system.name, system.rto_of(intent), longest_chain(steps, SystemStep.CUTOVER))] if cutover else []
    last = {step.component: step.id for step in steps if step.component is not None}
    for name, step_id in last.items():
        found.append(_estimate(name, system.component(name).rto_of(intent), longest_chain(steps, step_id)))
    return tuple(found)


def longest_chain(steps: Sequence[Step], end: str) -> tuple[Step, ...]:
    """Return the chain of steps that decides when ``end`` is over, first to last.

    ``steps`` must be ordered: each after what it needs. Of two equal chains the first named need wins.
    """
    by_id = {step.id: step for step in steps}
    finish_s: dict[str, float] = {}
    previous: dict[str, str | None] = {}
    for step in steps:
        latest = max(step.needs, key=lambda need: finish_s[need], default=None)
        previous[step.id] = latest
        finish_s[step.id] = (finish_s[latest] if latest is not None else 0.0) + step.estimate_s
    chain: list[Step] = []
    at: str | None = end
    while at is not None:
        chain.append(by_id[at])
        at = previous[at]
    return tuple(reversed(chain))


def remaining_s(steps: Sequence[Step]) -> dict[str, float]:
    """Return per step the modelled seconds from its begin to the end of the longest chain that begins with it.

    ``steps`` must be ordered: each after what it needs.
    """
    after_s: dict[str, float] = dict.fromkeys((step.id for step in steps), 0.0)
    found: dict[str, float] = {}
    for step in reversed(steps):
        found[step.id] = step.estimate_s + after_s[step.id]
        for need in step.needs:
            after_s[need] = max(after_s[need], found[step.id])
    return found


def _estimate(name: str, objective_s: float, chain: Sequence[Step]) -> Estimate:
    total_s = sum(step.estimate_s for step in chain)
    return Estimate(name=name, objective_s=objective_s, estimate_s=total_s, chain=tuple(step.id for step in chain))
