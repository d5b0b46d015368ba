"""Judge that everything a recovery point names has its counterpart in the target region, and in the same state."""

from collections.abc import Mapping, Sequence

from recovery_ops.model.checks import Check, Gate
from recovery_ops.quality.probes import verdict


def counterparts_check(
    component: str, name: str, expected: Mapping[str, str], observed: Mapping[str, str], others: Sequence[str] = ()
) -> Check:
    """Compare states by name; ``others`` are things that should not be there at all. Nothing expected is a ``fail``."""
    different = {what: observed.get(what, "absent") for what, state in expected.items() if observed.get(what) != state}
    reasons = [f"{what} is {state}, not {expected[what]}" for what, state in different.items()]
    reasons += [f"{what} is not in the recovery point" for what in others]
    return Check(
        component=component,
        gate=Gate.CONFIGURATION,
        name=name,
        expected=dict(expected),
        observed=dict(observed) | ({"besides": list(others)} if others else {}),
        outcome=verdict(bool(expected) and not reasons),
        detail="; ".join(reasons[:5]) if expected else "the recovery point names nothing",
    )
