"""The verification checklist of a run, and the rule that opens cutover."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from recovery_ops.model.checks import Check, CheckOutcome, Gate

Required = Mapping[str, Collection[Gate]]
"""Component -> the gates that must have been judged for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict:
    """Whether traffic may move. ``blocking`` holds every gating check that is not a pass, those not run included.

    ``open`` with something ``blocking`` means that ``person`` overrode it for the reason ``override``; ``passed`` stays
    ``False`` then, and so does the verdict of the run.
    """

    open: bool
    passed: bool
    reason: str
    blocking: tuple[Check, ...] = ()
    override: str = ""
    person: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "open": self.open,
            "passed": self.passed,
            "reason": self.reason,
            "blocking": [check.to_json() for check in self.blocking],
            "override": self.override,
            "person": self.person,
        }


def checklist(checks: Iterable[Check], required: Required) -> list[Check]:
    """Return ``checks`` and one ``not-run`` check for each required gate that has no gating result.

    An advisory check does not stand for its gate. The order is that of ``checks``, then of ``required``.
    """
    done = list(checks)
    judged = {(check.component, check.gate) for check in done if not check.advisory}
    missing = [
        _not_run(component, gate)
        for component, gates in required.items()
        for gate in sorted(gates)
        if (component, gate) not in judged
    ]
    return done + missing


def _not_run(component: str, gate: Gate) -> Check:
    return Check(
        component=component,
        gate=gate,
        name=f"{gate} was judged",
        expected="at least one result",
        observed=None,
        outcome=CheckOutcome.NOT_RUN,
        detail=f"no {gate} check of {component} has a result",
    )


def gate_verdict(
    checks: Iterable[Check],
    required: Required,
    *,
    ungated: Collection[str] = (),
    override: str | None = None,
    person: str | None = None,
) -> GateVerdict:
    """Say whether cutover may happen: every required gate was judged and every gating check passed.

    ``ungated`` names components that traffic does not need; their checks stay visible and block nothing. An
    ``override`` counts only with a reason and a ``person``; it opens the gate and never makes it passed.
    """
    gating = [c for c in checklist(checks, required) if not c.advisory and c.component not in ungated]
    blocking = tuple(check for check in gating if check.outcome is not CheckOutcome.PASS)
    if gating and not blocking:
        return GateVerdict(open=True, passed=True, reason=f"all {len(gating)} gating checks passed")
    reason = _why_closed(blocking)
    why, who = (override or "").strip(), (person or "").strip()
    if why and who:
        reason = f"{reason}; overridden by {who}: {why}"
        return GateVerdict(open=True, passed=False, reason=reason, blocking=blocking, override=why, person=who)
    return GateVerdict(open=False, passed=False, reason=reason, blocking=blocking)


def _why_closed(blocking: tuple[Check, ...]) -> str:
    if not blocking:
        return "nothing was judged"
    shown = [f"{check.component} {check.gate} {check.outcome}: {check.name}" for check in blocking[:5]]
    more = f" and {len(blocking) - 5} more" if len(blocking) > 5 else ""
    return "; ".join(shown) + more
