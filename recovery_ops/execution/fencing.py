"""Fences: the old side's writers stopped before promotion, the new side's let in before traffic moves there.

A fence that cannot be set on a region that is gone is a debt. On a graceful move the region answers, and a fence that
cannot be set stops the move: nobody may write on both sides.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

from recovery_ops.aws.objects import in_threads
from recovery_ops.errors import DeadlineExceededError, StepError, StepFailedError
from recovery_ops.execution.meter import Meter
from recovery_ops.execution.view import RunView
from recovery_ops.kinds import StepContext, driver
from recovery_ops.model.events import EventType
from recovery_ops.model.plan import SystemStep
from recovery_ops.record.log import EventWriter

ARRIVAL_LIMIT_S = 900.0
"""Modelled seconds until the last writes must have arrived. Source: S3 Replication Time Control, 15 minutes."""
ARRIVAL_LIMIT_AT_LEAST_S = 20.0

Outputs = dict[str, Any]
Call = Callable[[StepContext], Iterable[str]]
Tried = tuple[list[str], StepError | None]


def fence(view: RunView, writer: EventWriter, meter: Meter) -> Outputs:
    """Stop the writers of the region that is left.

    A graceful move waits until their last writes have arrived, as long as nobody makes it ungraceful: it loses nothing.

    Raises:
        StepFailedError: Writers of a graceful run go on; ``runs ungraceful`` lets it go on without that region.
        DeadlineExceededError: Writes that were acknowledged have not arrived in time; traffic has not moved.
    """
    fenced: list[str] = []
    unreached: list[str] = []
    components = view.system.components
    tried = in_threads(lambda component: _fenced(view.context(component, writer)), components)
    for component, (done, error) in zip(components, tried, strict=True):
        fenced += done
        facts = {"component": component.name, "region": view.ref.impaired_region}
        for what in done:
            writer.append(EventType.FENCED, facts | {"what": what})
        if error is not None and view.is_graceful(SystemStep.FENCE):
            unreached.append(f"{component.name}: {error.message}")
        elif error is not None:
            debt = {"debt": "fence", "what": f"stop writers of {component.name}", "why": error.message}
            writer.append(EventType.DEBT_NOTED, facts | debt)
    if unreached:
        message = (
            f"{view.ref.system}: writers in {view.ref.impaired_region} could not be stopped, and this run is graceful"
        )
        raise StepFailedError("\n  ".join([message, *unreached]), region=view.ref.impaired_region)
    if view.is_graceful(SystemStep.FENCE):
        with meter.waiting():
            _until_arrived(view)
    return {"fenced": fenced}


def give_back(view: RunView, writer: EventWriter) -> None:
    """Let writers into the region that goes on serving, the move being off; a home that is not reached stays closed.

    Safe to repeat. Home may have been fenced before this run, and this run may have opened it.
    """
    open_side(view, writer, view.ref.impaired_region)
    if view.ref.recovery_region != view.system.home:
        return
    for component in view.system.components:
        facts = {"component": component.name, "region": view.ref.recovery_region}
        try:
            for what in driver(component).fence(view.context(component, writer).turned()):
                writer.append(EventType.FENCED, facts | {"what": what})
        except StepError as error:
            debt = {"debt": "fence", "what": f"stop writers of {component.name}", "why": error.message}
            writer.append(EventType.DEBT_NOTED, facts | debt)


def open_side(view: RunView, writer: EventWriter, region: str) -> None:
    """Let writers into ``region``, one of the two of this run; what cannot be reached is a debt. Safe to repeat."""
    sides = [view.context(component, writer).leaving(region) for component in view.system.components]
    for ctx, (done, error) in zip(sides, in_threads(_unfenced, sides), strict=True):
        facts = {"component": ctx.component.name, "region": region}
        for what in done:
            writer.append(EventType.UNFENCED, facts | {"what": what})
        if error is not None:
            debt = {"debt": "unfence", "what": f"let writers of {ctx.component.name} in again", "why": error.message}
            writer.append(EventType.DEBT_NOTED, facts | debt)


def _fenced(ctx: StepContext) -> Tried:
    return _tried(driver(ctx.component).fence, ctx)


def _unfenced(ctx: StepContext) -> Tried:
    return _tried(driver(ctx.component).unfence, ctx)


def _tried(call: Call, ctx: StepContext) -> Tried:
    """Return what was done for a component and why the rest was not; a region that hangs costs each the same time."""
    done: list[str] = []
    try:
        done.extend(call(ctx))
    except StepError as error:
        return done, error
    return done, None


def _until_arrived(view: RunView) -> None:
    """Wait until everything that was written on the fenced side stands on the other."""
    end = time.monotonic() + max(view.wall(ARRIVAL_LIMIT_S), ARRIVAL_LIMIT_AT_LEAST_S)
    waiting = {component.name: ["not looked at"] for component in view.system.components}
    while waiting and view.is_graceful(SystemStep.FENCE):
        looked = {name: list(_travelling(view, name)) for name in waiting}
        waiting = {name: found for name, found in looked.items() if found}
        if waiting and time.monotonic() > end:
            first = "; ".join(f"{name}: {', '.join(found[:3])}" for name, found in waiting.items())
            message = f"{view.ref.system}: writers are stopped, but not everything has arrived in time: {first}"
            raise DeadlineExceededError(message, system=view.ref.system, region=view.ref.recovery_region)
        if waiting:
            time.sleep(max(view.wall(5.0), 0.1))


def _travelling(view: RunView, name: str) -> Iterable[str]:
    component = view.system.component(name)
    return driver(component).travelling(view.context(component))
