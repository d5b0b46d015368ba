"""Whether the RTO will be met, while there is time to do something about it. A missed RTO never stops a recovery."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.aws.limits import LOOK_AT_LEAST_S, LOOK_MODELLED_S
from recovery_ops.errors import RecoveryError
from recovery_ops.execution.meter import Meter
from recovery_ops.execution.view import RunView
from recovery_ops.model.events import Event, EventType
from recovery_ops.model.plan import Plan, Step, SystemStep
from recovery_ops.planning.estimates import longest_chain, remaining_s

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
    """Says once for a step that the RTO will be missed because of it, whatever the step does meanwhile.

    Only the step that takes longer than planned says so, if the longest chain leads through it; time in which people
    hold it counts. ``declare`` says so when the plan does not fit into what is left of the RTO. ``meter`` is that of
    the attempt under way, if there is one. ``outside``: whoever looks is not the process of the step, and all that
    the step does is to wait, for people or for AWS.
    """

    def __init__(self, view: RunView, step: Step, *, outside: bool = False) -> None:
        self._view, self._step, self._outside = view, step, outside
        self._factor = view.settings.time_factor or 1.0
        self._rest_s = remaining_s(_leading(view.plan)).get(step.id)
        self._said = self._rest_s is None or step.id == SystemStep.STAGE  # the clocks of a drill start after it
        self._looking = threading.Lock()
        self._held_s = 0.0
        self._held_since: datetime | None = None
        self.meter: Meter | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Count the block as time in which people hold the step."""
        since = self._held_since = datetime.now(UTC)
        try:
            yield
        finally:
            self._held_s, self._held_since = self._held_s + _since(since), None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look from a thread of its own as long as the block lasts, whenever the forecast may have become bad."""
        over = threading.Event()
        if not self._said:
            threading.Thread(target=self._watch, args=(over,), name="forecast", daemon=True).start()
        try:
            yield
        finally:
            over.set()

    def look(self, *, over: bool = False) -> float:
        """Forecast, and record it when it is bad news of this step.

        Args:
            over: Whether the step has ended.

        Returns:
            Wall seconds until the next look can find anything else.
        """
        with self._looking:
            soonest_s = self._soonest_s()
            if self._said or soonest_s > 0:
                return soonest_s
            try:
                return self._judge(over=over)
            except RecoveryError as error:
                log.warning("no forecast", run_id=self._view.ref.run_id, step=self._step.id, error=error.message)
                return self._pause_s

    @property
    def _pause_s(self) -> float:
        return max(self._view.wall(LOOK_MODELLED_S), LOOK_AT_LEAST_S)

    def _watch(self, over: threading.Event) -> None:
        ref = self._view.ref
        with calling_as(Caller(run_id=ref.run_id, step=self._step.id, forbidden_region=ref.impaired_region)):
            pause_s = self._soonest_s()
            while not self._said and not over.wait(min(max(pause_s, 0.0), threading.TIMEOUT_MAX)):
                pause_s = self.look()

    def _soonest_s(self) -> float:
        """Wall seconds until this step could be bad news at the earliest; needs no look into the record."""
        objective_s, since_s = self._view.system.rto_of(self._view.intent), _since(self._view.impact_at)
        return (objective_s - (self._rest_s or 0.0) - LOOK_MODELLED_S) * self._factor - since_s

    def _judge(self, *, over: bool) -> float:
        took_s, planned_s = self._took_s(), self._step.estimate_s
        if took_s <= planned_s and not (over and self._step.id == SystemStep.DECLARE):
            return max((planned_s - took_s) * self._factor, self._pause_s)
        found = forecast(self._view, {self._step.id: took_s if over else took_s + LOOK_MODELLED_S})
        if round(found.late_s, 1) > 0 and self._step.id in found.chain:
            self._said = True
            self._say(found)
        return max(-found.late_s * self._factor, self._pause_s)

    def _took_s(self) -> float:
        """Return modelled seconds since everything that the step needs was over."""
        took_s = _since(_ready_at(self._view, self._step, _succeeded(self._view)))
        waited_s = took_s if self._outside else min(took_s, self._waited_s())
        return took_s - waited_s + waited_s / self._factor

    def _waited_s(self) -> float:
        """Return wall seconds that this process has seen the step wait, for people or for AWS."""
        held_s, since = self._held_s, self._held_since
        if since is not None:
            held_s += _since(since)
        if self.meter is None:
            return held_s
        asked_s = _since(self.meter.began_at) if self._step.id == SystemStep.APPROVE else 0.0
        return held_s + asked_s + self.meter.waiting_s()

    def _say(self, found: Forecast) -> None:
        name = self._step.id
        if any(event.type is EventType.RTO_FORECAST for event in self._view.log.events_of(f"{name}#")):
            return
        facts = {
            "forecast_s": round(found.forecast_s, 1),
            "objective_s": found.objective_s,
            "late_s": round(found.late_s, 1),
            "step": name,
            "chain": list(found.chain),
        }
        self._view.log.writer(f"{name}#forecast").append(EventType.RTO_FORECAST, facts)
        late = {"step": name, "late_s": facts["late_s"], "chain": " > ".join(found.chain)}
        log.warning("the RTO will be missed", run_id=self._view.ref.run_id, **late)


def forecast(view: RunView, known_s: Mapping[str, float]) -> Forecast:
    """Return when traffic will be served by the recovery region.

    Steps that succeeded count from the moment at which they could have begun, pauses included, those that could have
    begun at least until now, the others as long as they were estimated; a step that was skipped takes no time, and
    ``known_s`` (modelled seconds by step) goes before all. What lay between T0 and T3 counts as it was.
    """
    ended, skipped = _succeeded(view), view.control().skips
    took_s = {step.id: _taken_s(view, step, ended) for step in view.plan.steps}
    took_s |= dict.fromkeys(skipped, 0.0) | dict(known_s)
    chain = longest_chain([replace(step, estimate_s=took_s[step.id]) for step in view.plan.steps], SystemStep.CUTOVER)
    clocks = view.clocks
    before_s = (datetime.fromisoformat(clocks["T3"]) - datetime.fromisoformat(clocks["T0"])).total_seconds()
    return Forecast(
        forecast_s=max(0.0, before_s) + sum(step.estimate_s for step in chain),
        objective_s=view.system.rto_of(view.intent),
        chain=tuple(step.id for step in chain),
    )


def _succeeded(view: RunView) -> dict[str, Event]:
    """Return the success of every step that has succeeded, by step."""
    return {event.payload["step"]: event for event in view.log.tails() if event.type is EventType.STEP_SUCCEEDED}


def _taken_s(view: RunView, step: Step, ended: Mapping[str, Event]) -> float:
    end = ended.get(step.id)
    if end is not None:
        wall_s = max(0.0, (end.at - _ready_at(view, step, ended)).total_seconds())
        waited_s = min(wall_s, float(end.payload["waited_s"]))
        return wall_s - waited_s + waited_s / (view.settings.time_factor or 1.0)
    if not set(step.needs) <= ended.keys():
        return step.estimate_s
    return max(step.estimate_s, _since(_ready_at(view, step, ended)))


def _ready_at(view: RunView, step: Step, ended: Mapping[str, Event]) -> datetime:
    """Return when the last step that ``step`` waits for was over: T3 when it waits for none."""
    needs = {item.id: item.needs for item in view.plan.steps}
    moments, queue = [datetime.fromisoformat(view.clocks["T3"])], list(step.needs)
    while queue:
        name = queue.pop()
        if name in ended:
            moments.append(ended[name].at)
        else:  # skipped, so that what it waited for counts
            queue += needs[name]
    return max(moments)


def _since(moment: datetime) -> float:
    return max(0.0, (datetime.now(UTC) - moment).total_seconds())


def _leading(plan: Plan) -> list[Step]:
    """Return cutover and the steps that it waits for; the others have nothing to say about the RTO of the system."""
    wanted, found = {str(SystemStep.CUTOVER)}, []
    for step in reversed(plan.steps):
        if step.id in wanted:
            wanted |= set(step.needs)
            found.append(step)
    return found[::-1]
