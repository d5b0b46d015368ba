"""What people ask of a run while it goes on, and how its steps obey."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

from recovery_ops.aws.calls import current_caller
from recovery_ops.aws.limits import LOOK_AT_LEAST_S, LOOK_MODELLED_S
from recovery_ops.errors import ClaimLostError, RunCancelledError, StepFailedError
from recovery_ops.execution.attempts import Failure, held_until, last_failure, wants_retry
from recovery_ops.execution.forecasting import Watchman
from recovery_ops.execution.guarding import stand_guard
from recovery_ops.execution.runners import current_runner
from recovery_ops.execution.view import RunView, holding
from recovery_ops.model.events import Event
from recovery_ops.model.plan import Mode, Step, SystemStep
from recovery_ops.record.control import ControlState

T = TypeVar("T")


ALWAYS = (SystemStep.ROLLBACK, SystemStep.CLEAN_UP, SystemStep.CLOSE)
"""Steps that neither a pause nor a cancel holds up: they leave things in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heed:
    """What a step does about the wishes of people. ``held`` says why it waits, ``None`` when it may go on.

    ``until`` is when a wait ends by itself (aware UTC); ``waited`` says that it had to wait before.
    """

    skipped: bool = False
    held: str | None = None
    until: datetime | None = None
    waited: bool = False


GO, SKIP = Heed(), Heed(skipped=True)


class SkippedByPersonError(Exception):
    """A person skipped the step while it waited; never leaves the package."""


def heed(view: RunView, step: Step, past: list[Event]) -> Heed:
    """Return whether ``step`` may start now; ``past`` are its own events.

    Raises:
        RunCancelledError: The run was cancelled or yields to another one.
        ClaimLostError: Somebody took the run over, and this process is not the one who may act.
        StepFailedError: The step failed before, waited for a person, and nobody came.
    """
    control = view.control()
    refuse_other_runner(view, control)
    if step.id in ALWAYS:
        return GO
    refuse_stopped(view, control)
    if step.id in control.skips:
        return SKIP
    if control.paused is not None:
        return Heed(held=f"{control.paused.person} paused the run: {control.paused.reason}")
    return _heed_failure(view, step, last_failure(past, control, step.id), control)


def _heed_failure(view: RunView, step: Step, failure: Failure | None, control: ControlState) -> Heed:
    end = None if failure is None else held_until(view, step, failure)
    if failure is None or end is None or wants_retry(control, step, failure):
        return GO
    if datetime.now(UTC) < end:
        return Heed(held=f"failed, waits for retry or skip until {end:%H:%M:%S} UTC: {failure.message}", until=end)
    message = f"{failure.message}\n  nobody retried or skipped {step.id} until {end:%H:%M:%S} UTC"
    raise StepFailedError(message, component=step.component, region=view.ref.recovery_region)


def waits_for_people(view: RunView, step: Step) -> bool:
    """Return whether a step that has just failed waits for somebody to retry or skip it."""
    failure = last_failure(view.log.events_of(f"{step.id}#"), view.control(), step.id)
    return failure is not None and held_until(view, step, failure) is not None


def wait_until_allowed(view: RunView, step: Step, past: list[Event], limit_s: float | None, watchman: Watchman) -> Heed:
    """Wait while people hold the step, at most ``limit_s`` wall seconds; keep the lease of the run meanwhile.

    ``watchman`` is told, for what people hold up uses up the RTO.

    Raises:
        RunCancelledError: The run was cancelled or yields to another one.
        ClaimLostError: Somebody took the run over.
        StepFailedError: The step failed before, waited for a person, and nobody came.
    """
    if step.id not in ALWAYS:
        stand_guard(view)
    found = heed(view, step, past)
    if found.held is None:
        return found
    with holding(view, step.id), watchman.held():
        seen = until(lambda: heed(view, step, past), lambda seen: seen.held is None, view, limit_s)
    return replace(seen, waited=True)


def until(look: Callable[[], T], enough: Callable[[T], bool], view: RunView, limit_s: float | None) -> T:
    """Look until it is enough or ``limit_s`` wall seconds have passed; return the last look."""
    end = None if limit_s is None else time.monotonic() + limit_s
    pause_s = max(view.wall(LOOK_MODELLED_S), LOOK_AT_LEAST_S)
    while not enough(seen := look()):
        left = pause_s if end is None else min(pause_s, end - time.monotonic())
        if left <= 0:
            return seen
        time.sleep(left)
    return seen


def refuse_stopped(view: RunView, control: ControlState) -> None:
    """Raise ``RunCancelledError`` when no step may start any more."""
    where = f"{view.ref.system}: run {view.ref.run_id}"
    if control.cancelled is not None:
        wish = control.cancelled
        message = f"{where} was cancelled by {wish.person}: {wish.reason}"
        raise RunCancelledError(message, system=view.ref.system, run_id=view.ref.run_id, person=wish.person)
    if control.preempted_by is not None:
        message = f"{where} yields to run {control.preempted_by}; only clean-up and close still run"
        raise RunCancelledError(message, system=view.ref.system, run_id=view.ref.run_id, by_run=control.preempted_by)


def refuse_other_runner(view: RunView, control: ControlState) -> None:
    """Raise ``ClaimLostError`` when the run was taken over by somebody else than this runner."""
    if control.runner is None or control.runner == current_runner():
        return
    taken = control.takeovers[-1]
    message = (
        f"{view.ref.system}: run {view.ref.run_id} was taken over by {taken.person} at {taken.at:%H:%M:%S} UTC"
        f" ({taken.to_execution}: {taken.runner}); {current_runner()} must not act for it any more"
    )
    raise ClaimLostError(message, run_id=view.ref.run_id, runner=taken.runner)


class Ear:
    """Listen to people while a step waits for AWS, not more often than it makes sense."""

    def __init__(self, view: RunView, step: Step) -> None:
        self._view, self._step = view, step
        self._every_s = max(view.wall(LOOK_MODELLED_S), LOOK_AT_LEAST_S)
        self._next_at = 0.0
        self.graceful: bool | None = None
        """Whether the step may count on the region that is left, as last heard; ``None`` before that."""

    def __call__(self) -> None:
        """Ask the record what people want.

        Raises:
            RunCancelledError: The run was cancelled; the wait ends.
            SkippedByPersonError: A person skipped this step; the wait ends.
            ClaimLostError: Somebody took the run over.
        """
        if self._step.id in ALWAYS or time.monotonic() < self._next_at:
            return
        self._next_at = time.monotonic() + self._every_s
        stand_guard(self._view)
        control = self._view.control()
        refuse_other_runner(self._view, control)
        refuse_stopped(self._view, control)
        self.graceful = control.is_graceful(self._step.id, declared=bool(self._view.declared["graceful"]))
        if self._step.id in control.skips:
            raise SkippedByPersonError(self._step.id)


def listen(view: RunView) -> None:
    """Let a loop of a system step hear people: raise when the run was cancelled or taken over."""
    if current_caller().step in ALWAYS:
        return
    stand_guard(view)
    control = view.control()
    refuse_other_runner(view, control)
    refuse_stopped(view, control)


def moves_traffic(view: RunView) -> bool:
    """Return whether this run is one that moves production traffic."""
    return view.plan.mode in (Mode.FAILOVER, Mode.FAILBACK)
