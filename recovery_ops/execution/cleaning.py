"""Clean-up of a drill: all that it made is removed, and looked for afterwards. Runs whatever happened before."""

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import structlog

from recovery_ops.aws.leavings import left_behind
from recovery_ops.aws.limits import POLL_AT_LEAST_S, POLL_MODELLED_S
from recovery_ops.errors import RecoveryError, StepFailedError
from recovery_ops.execution.faulting import mend
from recovery_ops.execution.meter import Meter
from recovery_ops.execution.rehearsing import put_back
from recovery_ops.execution.spending import spent
from recovery_ops.execution.view import RunView
from recovery_ops.kinds import driver
from recovery_ops.model.events import EventType
from recovery_ops.record.log import EventWriter

log = structlog.get_logger(__name__)

GONE_LIMIT_MODELLED_S = 3600.0
"""Modelled seconds until everything is gone: what is still being made has to stand before it can be deleted."""
GONE_LIMIT_AT_LEAST_S = 30.0

Outputs = dict[str, Any]


def clean_up(view: RunView, writer: EventWriter, meter: Meter) -> Outputs:
    """Remove everything that carries the id of this run, and make sure that nothing is left.

    Raises:
        StepFailedError: Something is left; the record says what. Repeating goes on from there.
    """
    removed, trouble = _round(view)
    end = time.monotonic() + max(view.wall(GONE_LIMIT_MODELLED_S), GONE_LIMIT_AT_LEAST_S)
    with meter.waiting():
        while (left := _left(view, trouble)) and time.monotonic() < end:
            time.sleep(max(view.wall(POLL_MODELLED_S), POLL_AT_LEAST_S))
            more, trouble = _round(view)
            removed += more
    paid = spent(view)
    gone = list(dict.fromkeys(removed))
    facts = {
        "removed": gone,
        "leftovers": left,
        "spent_usd": paid.usd,
        "prices_of": paid.prices_of,
        "not_priced": list(paid.not_priced),
    }
    writer.append(EventType.CLEANED_UP, facts)
    if left:
        message = f"{view.ref.system}: drill {view.ref.run_id} has left behind: {'; '.join(left)}"
        raise StepFailedError(message, system=view.ref.system, region=view.ref.recovery_region)
    return {"removed": len(gone), "spent_usd": paid.usd}


def _round(view: RunView) -> tuple[list[str], list[str]]:
    """Ask every component once, last made first, then take back fault and traffic; return what went and what did not.

    Nothing stops a round: what AWS does not let go of now is asked for again in the next one.
    """
    removed: list[str] = []
    trouble: list[str] = []
    for name in reversed(view.plan.components):
        _collect(removed, trouble, name, partial(_released, view, name))
    _collect(removed, trouble, "traffic", partial(put_back, view))
    _collect(removed, trouble, "fault", partial(_mended, view))
    return removed, trouble


def _collect(removed: list[str], trouble: list[str], what: str, call: Callable[[], Iterable[str]]) -> None:
    try:
        removed += call()
    except RecoveryError as error:
        log.warning("not removed yet", what=what, error=error.message)
        trouble.append(f"{what}: {error.message}")


def _released(view: RunView, name: str) -> Iterable[str]:
    component = view.system.component(name)
    return list(driver(component).release(view.context(component)))


def _mended(view: RunView) -> list[str]:
    mend(view.ref)
    return []


def _left(view: RunView, trouble: list[str]) -> list[str]:
    """Return what stands still. When AWS does not tell, that counts as left: nobody has seen that it is gone."""
    try:
        return [*left_behind(view.ref.run_id, view.ref.recovery_region), *trouble]
    except RecoveryError as error:
        return [*trouble, f"not known: {error.message}"]
