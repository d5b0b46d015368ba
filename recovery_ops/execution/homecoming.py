"""Going home: what has to be true before a failback may start, and how to make it true."""

from collections.abc import Mapping
from typing import Any

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.errors import RequestError
from recovery_ops.execution.debts import OpenDebt, open_debts, pay_debts
from recovery_ops.execution.protecting import protect
from recovery_ops.execution.serving import Serving, serving_region
from recovery_ops.execution.view import record_store
from recovery_ops.model.plan import Plan
from recovery_ops.model.points import ConsistentPoint
from recovery_ops.model.system import System
from recovery_ops.record.shelf import Shelf


def prepare(system: System, *, person: str | None = None) -> ConsistentPoint | None:
    """Pay every debt, then take a recovery point where the system serves, held at home as well. Safe to repeat.

    Returns:
        The point; ``None`` when the system serves at home and there is nothing to go back from.

    Raises:
        RequestError: A debt cannot be paid yet; names it and why.
        PointDamagedError: The point did not become complete at home.
    """
    with calling_as(Caller(run_id="prepare", step="system.prepare")):
        serving = serving_region(system)
    if serving.region == system.home:
        return None
    unpaid = [payment for payment in pay_debts(system, person=person) if not payment.paid]
    if unpaid:
        reasons = {payment.debt.key: payment.why for payment in unpaid}
        raise RequestError(_owing(system, tuple(payment.debt for payment in unpaid), reasons))
    return protect(system, serving_region=serving.region)


def refuse_too_early(system: System, plan: Plan, point: ConsistentPoint) -> Mapping[str, Any]:
    """Refuse a failback that would leave something behind; return when the regions parted, for the declaration.

    Raises:
        RequestError: The system serves elsewhere than the failback leaves, a debt is open, or the newest recovery point
            at home was not taken where the system serves; nothing was changed.
    """
    serving = serving_region(system)
    if serving.region != plan.impaired_region:
        message = f"{system.name} serves in {serving.region}; a failback cannot leave {plan.impaired_region}"
        raise RequestError(message, system=system.name, region=serving.region)
    if owed := open_debts(system):
        raise RequestError(_owing(system, owed, {}), system=system.name)
    if point.region != serving.region or (serving.since is not None and point.taken_at < serving.since):
        message = (
            f"{system.name}: the newest complete recovery point in {plan.recovery_region} is {point.id}, taken in "
            f"{point.region} at {point.taken_at:%Y-%m-%d %H:%M:%S} UTC, before {serving.region} served; take one with "
            f"`recovery-ops protect {system.name}`"
        )
        raise RequestError(message, system=system.name)
    return parted_since(system, serving)


def parted_since(system: System, serving: Serving) -> Mapping[str, Any]:
    """Return ``lost_at`` and ``moved_at`` (ISO 8601) of the run that brought the system where it serves, if known."""
    stores = [record_store(system, region) for region in system.regions if region not in serving.silent]
    state = Shelf(system.name, stores).state(serving.run_id) if serving.run_id else None
    lost_at = state.declared_clocks.get("T0") if state else None
    if state is None or lost_at is None or state.effective_at is None:
        return {}
    return {"lost_at": lost_at.isoformat(), "moved_at": state.effective_at.isoformat()}


def _owing(system: System, owed: tuple[OpenDebt, ...], reasons: Mapping[Any, str]) -> str:
    lines = [f"{system.name} does not go home while {len(owed)} debts are open; `recovery-ops debts pay {system.name}`"]
    for debt in owed:
        why = reasons.get(debt.key) or debt.why
        lines.append(f"  {debt.debt} {debt.component} in {debt.region}: {debt.what} ({why})")
    return "\n".join(lines)
