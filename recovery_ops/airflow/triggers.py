"""Watching long operations, and people, from the triggerer, without a worker slot."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from recovery_ops.airflow.library import library
from recovery_ops.aws.limits import LOOK_MODELLED_S, POLL_MODELLED_S, TRIGGER_POLL_AT_LEAST_S
from recovery_ops.errors import RecoveryError
from recovery_ops.model.operations import OperationRef, OperationState, OperationStatus
from recovery_ops.model.plan import SystemStep
from recovery_ops.model.runs import RunRef
from recovery_ops.model.settings import Settings

WATCH_S = 600.0
"""Wall seconds until the step is woken whatever happens, so that it can look at its own deadline."""


class OperationTrigger(BaseTrigger):
    """Fire when an operation of a run is over, well or badly; the step itself asks AWS again and decides.

    Firing twice is safe: the step finds its outcome recorded. ``until`` is a UTC epoch time, so that a trigger that
    moves to another process keeps its end.
    """

    def __init__(self, run: Mapping[str, Any], operation: Mapping[str, Any], until: float | None = None) -> None:
        super().__init__()
        self.run_json = dict(run)
        self.operation_json = dict(operation)
        self.until = time.time() + WATCH_S if until is None else until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what rebuilds this trigger in another process."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {"run": self.run_json, "operation": self.operation_json, "until": self.until}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until the operation is over; an unanswered look is looked at again."""
        pause_s = max(POLL_MODELLED_S * Settings.from_environment().time_factor, TRIGGER_POLL_AT_LEAST_S)
        while not (status := await asyncio.to_thread(self._look)).over and time.time() < self.until:
            await asyncio.sleep(pause_s)
        yield TriggerEvent({"state": str(status.state), "detail": status.detail})

    def _look(self) -> OperationStatus:
        """Look once. An error that repeating does not mend ends the watch: the step meets it again and reports it."""
        try:
            return library().look(RunRef.from_json(self.run_json), OperationRef.from_json(self.operation_json))
        except RecoveryError as error:
            state = OperationState.RUNNING if error.retryable else OperationState.FAILED
            return OperationStatus(state=state, detail=error.message)


class PeopleTrigger(BaseTrigger):
    """Fire when people hold a step no more; the step itself reads the record again and decides.

    ``until`` is a UTC epoch time, as of :class:`OperationTrigger`.
    """

    def __init__(self, run: Mapping[str, Any], step: str, until: float | None = None) -> None:
        super().__init__()
        self.run_json = dict(run)
        self.step = step
        self.until = time.time() + WATCH_S if until is None else until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what rebuilds this trigger in another process."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {"run": self.run_json, "step": self.step, "until": self.until}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until nobody holds the step; each look renews the lease of the run."""
        pause_s = max(LOOK_MODELLED_S * Settings.from_environment().time_factor, TRIGGER_POLL_AT_LEAST_S)
        while await asyncio.to_thread(self._held) and time.time() < self.until:
            await asyncio.sleep(pause_s)
        yield TriggerEvent({"step": self.step})

    def _held(self) -> bool:
        try:
            return library().is_held(RunRef.from_json(self.run_json), self.step)
        except RecoveryError as error:
            return error.retryable


class QuestionTrigger(PeopleTrigger):
    """Fire when nobody waits for the answer about cutover any more; each look forecasts the RTO."""

    def __init__(self, run: Mapping[str, Any], step: str = SystemStep.APPROVE, until: float | None = None) -> None:
        super().__init__(run, str(step), until)

    def _held(self) -> bool:
        try:
            return library().is_unanswered(RunRef.from_json(self.run_json))
        except RecoveryError as error:
            return error.retryable
