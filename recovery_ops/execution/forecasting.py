"""Whether the RTO will be met, while there is time to do something about it. A missed RTO never stops a recovery."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from recovery_ops.errors import RecoveryError
from recovery_ops.execution.view import RunView
from recovery_ops.model.events import EventType
from recovery_ops.model.plan import Step, SystemStep
from recovery_ops.planning.estimates import longest_chain
from recovery_ops.record.log import EventWriter

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """When traffic will be served again, modelled seconds after T0. ``late_s`` is more than 0 when that is too late."""

    forecast_s: float
    objective_s: float
    chain: tuple[str, ...]

    @property
    def late_s(self) -> float:
        """Return by how much the objective will be missed; negative is time in hand."""
        return self.forecast_s - self.objective_s


class Watchman:
    """Says once for a step that the RTO will be missed because of it.

    Only the step that takes longer than planned says so, if the longest chain leads through it; ``declare`` says so
    when the plan does not fit into what is left of the RTO.
    """

    def __init__(self, view: RunView, step: Step, writer: EventWriter) -> None:
        self._view, self._step, self._writer = view, step, writer
        self._said = not _leads_to_cutover(view, step)

    def look(self, so_far_s: float, *, over: bool) -> Forecast | None:
        """Forecast, and record it when it is bad news of this step.

        Args:
            so_far_s: Modelled seconds that the step has taken until now.
            over: Whether the step has ended.
        """
        overrun = so_far_s > self._step.estimate_s or self._step.id == SystemStep.DECLARE
        if self._said or not overrun:
            return None
        try:
            return self._warn(so_far_s if over else max(so_far_s, self._step.estimate_s))
        except RecoveryError as error:
            log.warning("no forecast", run_id=self._view.ref.run_id, step=self._step.id, error=error.message)
            return None

    def _warn(self, took_s: float) -> Forecast | None:
        found = forecast(self._view, {self._step.id: took_s})
        if found.late_s <= 0 or self._step.id not in found.chain:
            return None
        self._said = True
        facts = {
            "forecast_s": round(found.forecast_s, 1),
            "objective_s": found.objective_s,
            "late_s": round(found.late_s, 1),
            "step": self._step.id,
            "chain": list(found.chain),
        }
        self._writer.append(EventType.RTO_FORECAST, facts)
        late = {"step": self._step.id, "late_s": facts["late_s"], "chain": " > ".join(found.chain)}
        log.warning("the RTO will be missed", run_id=self._view.ref.run_id, **late)
        return found


def forecast(view: RunView, known_s: Mapping[str, float]) -> Forecast:
    """Return when traffic will be served by the recovery region.

    Steps that succeeded count as long as they took, the others as long as they were estimated, ``known_s`` (modelled
    seconds by step) before both. What lay between T0 and T3 counts as it was.
    """
    took_s = {**_taken(view), **known_s}
    steps = [_lasting(step, took_s.get(step.id, step.estimate_s)) for step in view.plan.steps]
    chain = longest_chain(steps, SystemStep.CUTOVER)
    clocks = view.clocks
    before_s = (datetime.fromisoformat(clocks["T3"]) - datetime.fromisoformat(clocks["T0"])).total_seconds()
    return Forecast(
        forecast_s=max(0.0, before_s) + sum(step.estimate_s for step in chain),
        objective_s=view.system.rto_of(view.intent),
        chain=tuple(step.id for step in chain),
    )


def _taken(view: RunView) -> dict[str, float]:
    factor = view.settings.time_factor or 1.0
    return {
        event.payload["step"]: event.payload["worked_s"] + event.payload["waited_s"] / factor
        for event in view.log.tails()
        if event.type is EventType.STEP_SUCCEEDED
    }


def _lasting(step: Step, seconds: float) -> Step:
    return replace(step, estimate_s=seconds)


def _leads_to_cutover(view: RunView, step: Step) -> bool:
    """Steps after cutover, and runs without one, have nothing to say about the RTO of the system."""
    needs = {item.id: item.needs for item in view.plan.steps}
    waiting, seen = [str(SystemStep.CUTOVER)] if SystemStep.CUTOVER in needs else [], set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += needs[name]
    return step.id in seen
