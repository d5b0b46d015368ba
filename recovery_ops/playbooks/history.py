"""What earlier runs took, read from the record of whichever region answers; without one a playbook says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from recovery_ops.errors import RecoveryError
from recovery_ops.execution.view import record_store
from recovery_ops.model.system import System
from recovery_ops.record.shelf import Shelf
from recovery_ops.record.state import RunState
from recovery_ops.record.store import ObjectStore

log = structlog.get_logger(__name__)
SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The newest runs of a system, newest first, and the modelled seconds that each step took in the last one."""

    runs: tuple[RunState, ...] = ()
    steps: Mapping[str, float] = field(default_factory=dict)


NO_HISTORY = History()


def history_of(system: System) -> History:
    """Return the history of ``system`` from the regions that answer; none answers = no history."""
    stores: list[ObjectStore] = []
    for region in system.regions:
        store = record_store(system, region)
        try:
            store.list("systems/none/")
        except RecoveryError as error:
            log.warning("history without a region", system=system.name, region=region, why=error.message)
        else:
            stores.append(store)
    return read_history(system.name, stores)


def read_history(system: str, stores: Sequence[ObjectStore]) -> History:
    """Return the history of ``system`` as it stands in ``stores``."""
    shelf = Shelf(system, stores)
    runs = tuple(shelf.summaries()[:SHOWN]) if stores else ()
    closed = next((run.run_id for run in runs if run.closed_outcome == "committed"), None)
    return History(runs=runs, steps=_durations(shelf.state(closed)) if closed else {})


def _durations(run: RunState) -> dict[str, float]:
    factor = run.time_factor or 1.0
    return {step.id: step.worked_s + step.waited_s / factor for step in run.steps.values() if step.over}
