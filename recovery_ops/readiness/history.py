"""What runs have taught: how long each step took, and which plans have succeeded."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from recovery_ops.errors import RecoveryError
from recovery_ops.model.checks import CheckOutcome
from recovery_ops.model.events import EventType
from recovery_ops.model.plan import Intent, Mode, Phase
from recovery_ops.planning.proofs import Trial
from recovery_ops.record.shelf import Shelf
from recovery_ops.record.state import RunState, StepStatus
from recovery_ops.record.store import ObjectStore

NEWEST = 20
"""Runs that are read in full; older ones say little about today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The newest closed runs of a system. ``unread`` says why the record could not be read, empty when it was."""

    runs: tuple[RunState, ...] = ()
    unread: str = ""
    trials: tuple[Trial, ...] = field(default=())


def history_of(system: str, stores: Sequence[ObjectStore]) -> History:
    """Return the newest closed runs over all stores, which are the records of regions that answer."""
    try:
        shelf = Shelf(system, stores)
        closed = [summary.run_id for summary in shelf.summaries() if summary.closed_at is not None]
        runs = tuple(shelf.state(run_id) for run_id in closed[:NEWEST])
    except RecoveryError as error:
        return History(unread=error.message)
    return History(runs=runs, trials=tuple(trial_of(run) for run in runs if run.closed_at is not None))


def durations(
    runs: Iterable[RunState], recovery_region: str, intent: Intent = Intent.REGION_LOSS
) -> dict[str, list[float]]:
    """Return, by step id, the modelled seconds that each step took in runs into ``recovery_region``.

    A restore out of a point says nothing about how long a replica takes, nor the reverse: how data comes back counts
    in runs with ``intent`` only, all other steps are the same.
    Modelled is work as it was, and waiting for AWS divided by the factor of the run. Steps that did not succeed, and
    those after whose failure somebody repeated them by hand, are left out: their time is not that of a recovery.
    """
    found: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        if run.recovery_region != recovery_region:
            continue
        other = run.intent not in ("", intent)
        for step in run.steps.values():
            if other and step.phase == Phase.REHYDRATE:
                continue
            if step.status is StepStatus.SUCCEEDED and (step.worked_s or step.waited_s):
                found[step.id].append(step.worked_s + step.waited_s / (run.time_factor or 1.0))
    return dict(found)


def trial_of(run: RunState) -> Trial:
    """Return what a closed run says about its plan."""
    assert run.closed_at is not None
    return Trial(run_id=run.run_id, plan_hash=run.plan_hash, at=run.closed_at, succeeded=succeeded(run))


def succeeded(run: RunState) -> bool:
    """Return whether a closed run shows that its plan works: all of it, with no gate overridden.

    Lateness is another question: a plan that works late is proven, and its predicted RTO says that it is late.
    """
    components = [step for step in run.steps.values() if step.component is not None]
    whole = bool(components) and all(step.status is StepStatus.SUCCEEDED for step in components)
    failed = any(item.check.outcome is not CheckOutcome.PASS and not item.check.advisory for item in run.current_checks)
    moves = run.mode in (Mode.FAILOVER, Mode.FAILBACK)
    moved = run.committed and not run.rolled_back if moves else True
    return whole and moved and not failed and not run.overrides and not _left_over(run)


def _left_over(run: RunState) -> bool:
    """Return whether the clean-up of a drill left something behind."""
    return any(note.facts.get("leftovers") for note in run.note(EventType.CLEANED_UP))
