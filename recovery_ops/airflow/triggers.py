"""Watching long operations from the triggerer, without a worker slot."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from recovery_ops.errors import StepInterruptedError
from recovery_ops.model.operations import OperationRef
from recovery_ops.model.runs import RunRef
from recovery_ops.model.settings import Settings

POLL_MODELLED_S = 15.0


class OperationTrigger(BaseTrigger):
    """Fire when an operation of a run is over, well or badly; the step itself asks AWS again and decides."""

    def __init__(self, run: Mapping[str, Any], operation: Mapping[str, Any]) -> None:
        super().__init__()
        self.run_json = dict(run)
        self.operation_json = dict(operation)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what rebuilds this trigger in another process."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {"run": self.run_json, "operation": self.operation_json}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until the operation is over; an unanswered look is looked at again."""
        from recovery_ops.execution.steps import look

        ref, operation = RunRef.from_json(self.run_json), OperationRef.from_json(self.operation_json)
        pause_s = max(POLL_MODELLED_S * Settings.from_environment().time_factor, 0.5)
        while True:
            try:
                status = await asyncio.to_thread(look, ref, operation)
            except StepInterruptedError:
                await asyncio.sleep(pause_s)
                continue
            if status.over:
                yield TriggerEvent({"state": str(status.state), "detail": status.detail})
                return
            await asyncio.sleep(pause_s)
