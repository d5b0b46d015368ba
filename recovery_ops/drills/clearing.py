"""Clean-up of drills that died on the way, by another process: nothing of a drill may stay because its runner did."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from recovery_ops.drills.settling import publish_settled
from recovery_ops.errors import RecoveryError, RunActiveError
from recovery_ops.execution import controls
from recovery_ops.execution.direct import Progress, finish, quiet
from recovery_ops.execution.open_runs import find_run
from recovery_ops.execution.taking_over import take_over
from recovery_ops.execution.view import open_log, record_store
from recovery_ops.model.events import EventType
from recovery_ops.model.runs import RunRef
from recovery_ops.model.system import System
from recovery_ops.record.fold import fold
from recovery_ops.record.payload import Payload
from recovery_ops.record.state import RunState
from recovery_ops.record.store import ObjectStore
from recovery_ops.reporting.drill_history import leftovers, open_drills

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """What became of one drill that was not closed. ``why`` is empty when it is gone and closed.

    ``still_runs``: its runner lives, or a real run has to close first; nothing was done. ``verdict`` is that of the
    report of a drill that was closed, ``unreported`` why there is none.
    """

    run_id: str
    removed: tuple[str, ...] = ()
    leftovers: tuple[str, ...] = ()
    why: str = ""
    still_runs: bool = False
    verdict: str = ""
    unreported: str = ""

    @property
    def clean(self) -> bool:
        """Return whether nothing of the drill stands any more."""
        return not (self.why or self.leftovers)

    @property
    def done(self) -> bool:
        """Return whether nothing is left to do: nothing of the drill stands, and its report is made."""
        return self.clean and not self.unreported


def clear(
    system: System,
    *,
    person: str,
    reason: str,
    run_id: str | None = None,
    progress: Progress = quiet,
    out: Path | None = None,
) -> list[Cleared]:
    """End every drill that its runner has left behind: remove what it made, close it, publish its report.

    A drill whose runner lives goes on; one that yielded to a real run waits until that one is closed.

    Args:
        system: Whose drills.
        person: Who asks.
        reason: Why; stands in the evidence.
        run_id: Only this drill.
        progress: As in :func:`recovery_ops.execution.direct.run_direct`.
        out: Folder in which the report of each drill gets a folder of its own; beside the record it lies anyway.

    Raises:
        RecoveryError: No record answers.
    """
    found = [state.run_id for state in open_drills(system.name, answering(system))]
    wanted = found if run_id is None else [name for name in found if name == run_id]
    return [_clear(system, name, person, reason, progress, out) for name in wanted]


def answering(system: System) -> list[ObjectStore]:
    """Return the records of all regions that answer.

    Raises:
        RecoveryError: None does; the error of the last one.
    """
    found: list[ObjectStore] = []
    last: RecoveryError | None = None
    for region in system.regions:
        store = record_store(system, region, suspect=True)
        try:
            store.list(f"systems/{system.name}/claims/")
            found.append(store)
        except RecoveryError as error:
            log.warning("record left out", region=region, error=error.message)
            last = error
    if not found and last is not None:
        raise last
    return found


def _clear(system: System, run_id: str, person: str, reason: str, progress: Progress, out: Path | None) -> Cleared:
    try:
        ref = find_run(system, run_id)
        take_over(ref, person=person, reason=reason)
        if not _state(system, ref).control.stopped:
            controls.cancel(ref, person=person, reason=reason)
        finish(ref, progress=progress)
    except RunActiveError as error:
        return Cleared(run_id=run_id, why=error.message, still_runs=True)
    except RecoveryError as error:
        return Cleared(run_id=run_id, why=error.message)
    state = _state(system, ref)
    outcome = _outcome(state)
    return outcome if state.closed_at is None else _reported(system, ref, outcome, out)


def _reported(system: System, ref: RunRef, outcome: Cleared, out: Path | None) -> Cleared:
    """Publish the report of a drill that was closed. That there is none is recorded, and holds up no other clean-up."""
    try:
        report = publish_settled(ref, out / ref.run_id if out else None, system)
    except Exception as error:  # noqa: BLE001 - whatever keeps one report from being made, other drills are still to end
        why = error.message if isinstance(error, RecoveryError) else f"{type(error).__name__}: {error}"
        log.warning("a drill that was ended has no report", run_id=ref.run_id, why=why)
        return replace(outcome, unreported=why)
    return replace(outcome, verdict=str(report["verdict"]))


def _state(system: System, ref: RunRef) -> RunState:
    return fold(open_log(ref, system).events())


def _outcome(state: RunState) -> Cleared:
    notes = state.note(EventType.CLEANED_UP)
    why = "" if notes and state.closed_at else "clean-up or close did not succeed; see runs show"
    removed = [what for note in notes for what in Payload(note.facts).texts("removed")]
    return Cleared(run_id=state.run_id, removed=tuple(removed), leftovers=tuple(leftovers(state)), why=why)


def told(cleared: Sequence[Cleared]) -> str:
    """Return in words what became of drills."""
    lines = []
    for item in cleared:
        left = f"left behind: {'; '.join(item.leftovers)}" if item.leftovers else ""
        report = f"; no report: {item.unreported}" if item.unreported else ""
        report = f"; verdict {item.verdict}" if item.verdict else report
        lines.append(f"{item.run_id}: {item.why or left or f'clean, {len(item.removed)} things removed'}{report}")
    return "\n".join(lines) or "no drill was left behind"
