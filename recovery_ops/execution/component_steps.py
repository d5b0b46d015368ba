"""A step of a component: its operation in AWS is started, or found, waited for and brought to its end."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import structlog

from recovery_ops.aws.limits import BUDGET_AT_LEAST_S, POLL_AT_LEAST_S, POLL_MODELLED_S
from recovery_ops.aws.waiting import require_success, watch
from recovery_ops.errors import RecoveryError, RunCancelledError
from recovery_ops.execution.heeding import Ear
from recovery_ops.execution.meter import Meter
from recovery_ops.execution.proving import prove
from recovery_ops.execution.starting_point import record_point_used
from recovery_ops.execution.view import RunView, component_of
from recovery_ops.kinds import Kind, StepContext, driver
from recovery_ops.model.events import Event, EventType
from recovery_ops.model.operations import OperationRef, OperationState, OperationStatus
from recovery_ops.model.plan import Phase, Step
from recovery_ops.record.log import EventWriter

log = structlog.get_logger(__name__)


class StillRunning(Exception):  # noqa: N818 - a signal to whoever runs the step, not an error
    """The wait limit was reached while an operation goes on."""

    def __init__(self, operation: OperationRef) -> None:
        super().__init__(operation.resource_id)
        self.operation = operation


class ComponentStep:
    """One phase of one component, begun or gone on with where ``past``, the events of the step, left it.

    ``wait_limit_s``: wall seconds to wait in place; ``None`` waits until the budget of the operation is used up.
    """

    def __init__(
        self,
        view: RunView,
        step: Step,
        writer: EventWriter,
        meter: Meter,
        past: list[Event],
        wait_limit_s: float | None,
    ) -> None:
        self.view, self.step, self.writer, self.meter = view, step, writer, meter
        self.open = _open_operation(past)
        meter.add_waited(self._age_s())
        self.wait_limit_s = wait_limit_s
        self.phase = Phase(step.phase)
        self.listen = Ear(view, step)
        component = component_of(view, step)
        self.kind: Kind = driver(component)
        self.ctx: StepContext = view.context(component, writer)

    def run(self) -> dict[str, Any]:
        """Return the outputs of the phase.

        Raises:
            StillRunning: The wait limit was reached; the operation goes on, and another call goes on with it.
            DeadlineExceededError: The budget of the operation is used up.
            RunCancelledError: A person cancelled the run; what was started is stopped as far as AWS allows it.
        """
        outputs = {} if self.phase is Phase.VERIFY else self._work()
        if self.phase is Phase.VERIFY:
            prove(self.view, self.step, self.kind, self.ctx, self.writer)
        record_point_used(self.view, self.step, self.kind, self.ctx, self.writer)
        return outputs

    def _work(self) -> dict[str, Any]:
        ref = self._operation() or self._started(self.kind.start(self.phase, self.ctx))
        try:
            while (status := self._wait(ref)).state is OperationState.FAILED:
                ref = self._started(self.kind.fallback(ref, status, self.ctx))
        except RunCancelledError:
            self._stop(ref)
            raise
        require_success(ref, status)
        self._mind(graceful=self.view.is_graceful(self.step.id))
        return dict(self.kind.finish(ref, self.ctx))

    def _operation(self) -> OperationRef | None:
        if self.open is None:
            return None
        return OperationRef.from_json(self.open.payload["ref"])

    def _started(self, ref: OperationRef) -> OperationRef:
        payload = {"step": self.step.id, "ref": ref.to_json()}
        self.open = self.writer.append(EventType.OPERATION_STARTED, payload)
        return ref

    def _wait(self, ref: OperationRef) -> OperationStatus:
        budget_s = max(self.view.wall(self.step.budget_s), BUDGET_AT_LEAST_S) - self._age_s()
        limit_s = budget_s if self.wait_limit_s is None else min(budget_s, self.wait_limit_s)
        with self.meter.waiting():
            status = watch(
                ref,
                self._poll,
                limit_s=limit_s,
                interval_s=max(self.view.wall(POLL_MODELLED_S), POLL_AT_LEAST_S),
                clock=self.ctx.clock,
            )
        if not status.over and limit_s < budget_s:
            raise StillRunning(ref)
        ended = {"step": self.step.id, "ref": ref.to_json(), "state": status.state, "detail": status.detail}
        self.writer.append(EventType.OPERATION_ENDED, ended | {"waited_s": self.meter.waited_s})
        return status

    def _poll(self, ref: OperationRef) -> OperationStatus:
        self.listen()
        self._mind(graceful=self.listen.graceful)
        return self.kind.poll(ref, self.ctx)

    def _mind(self, *, graceful: bool | None) -> None:
        """Count on the region that is left no more, once a person said so, even in the middle of the step."""
        if graceful is not None and graceful != self.ctx.graceful:
            self.ctx = replace(self.ctx, graceful=graceful)

    def _stop(self, ref: OperationRef) -> None:
        """Stop what was started, as far as AWS allows it; that it goes on there does no harm to a cancelled run."""
        try:
            self.kind.cancel(ref, self.ctx)
        except RecoveryError as error:
            log.warning("operation not stopped", run_id=self.view.ref.run_id, step=self.step.id, error=error.message)

    def _age_s(self) -> float:
        return (datetime.now(UTC) - self.open.at).total_seconds() if self.open else 0.0


def _open_operation(past: list[Event]) -> Event | None:
    """Return the newest operation that was started and has not ended; a retry after its end starts afresh."""
    newest = None
    for event in past:
        if event.type is EventType.OPERATION_STARTED:
            newest = event
        elif event.type is EventType.OPERATION_ENDED:
            newest = None
    return newest
