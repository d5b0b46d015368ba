"""What the record says about one plan: how long it would take by what was measured, and whether it is proven."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from recovery_ops.aws.calls import calling_as
from recovery_ops.execution.systems import plan_for
from recovery_ops.model.plan import Mode, Plan
from recovery_ops.model.readiness import Prediction, Proof, plain
from recovery_ops.model.system import System
from recovery_ops.planning.predicting import predicted_rtos
from recovery_ops.planning.proofs import proof_of
from recovery_ops.readiness.history import History, durations, history_of
from recovery_ops.readiness.sweeping import LOOKING, dark_regions, open_stores


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Predictions and proof of a plan. ``unread`` says why the record could not be read; then estimates are all."""

    predictions: tuple[Prediction, ...]
    proof: Proof
    unread: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "predictions": [plain(asdict(item)) for item in self.predictions],
            "proof": plain(asdict(self.proof)),
            "record_unread": self.unread,
        }


def forecast(system: System, plan: Plan, *, offline: bool = False) -> Forecast:
    """Return what is known about ``plan``; ``offline`` asks nobody and takes the plan's own estimates."""
    history = History(unread="not asked") if offline else _history(system)
    drill = plan_for(system, plan.recovery_region, mode=Mode.DRILL, impaired_region=plan.impaired_region)
    return Forecast(
        predictions=predicted_rtos(plan, durations(history.runs, plan.recovery_region, plan.intent)),
        proof=proof_of(
            plan.hash,
            history.trials,
            now=datetime.now(UTC),
            lasts_s=system.proof_lasts_s,
            drill_hash=None if plan.mode is Mode.DRILL else drill.hash,
        ),
        unread=history.unread,
    )


def _history(system: System) -> History:
    with calling_as(LOOKING):
        stores = open_stores(system, dark_regions(system))
        if not stores:
            return History(unread=f"the record answers in none of {', '.join(system.regions)}")
        return history_of(system.name, list(stores.values()))
