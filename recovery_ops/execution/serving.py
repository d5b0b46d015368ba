"""Where a system serves now: what its newest closed run said at the end, asked of every region that answers."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from recovery_ops.errors import RecordError, RecoveryError
from recovery_ops.execution.view import PRODUCTION, record_store
from recovery_ops.model.plan import Mode
from recovery_ops.model.system import System
from recovery_ops.record import keys
from recovery_ops.record.shelf import Shelf
from recovery_ops.record.state import RunState
from recovery_ops.record.store import ObjectStore

MOVED = (Mode.FAILOVER, Mode.FAILBACK)
"""Modes whose close says where the system serves; drills and component runs leave traffic where it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """The region that serves, since when and by which run; ``since`` and ``run_id`` are ``None`` before the first run.

    ``silent`` are regions whose record did not answer: a run that only they know of is not in this answer.
    """

    region: str
    since: datetime | None = None
    run_id: str | None = None
    silent: tuple[str, ...] = ()


def serving_region(system: System, *, dark: Collection[str] = ()) -> Serving:
    """Return where ``system`` serves: home until a closed production run says otherwise.

    Args:
        system: Its regions are asked.
        dark: Regions that were just asked and did not answer; they are not waited for again.

    Raises:
        RecordError: The record answers in no region, so nothing is known.
    """
    stores: list[ObjectStore] = []
    silent = {region: "does not answer" for region in system.regions if region in dark}
    for region, store in _stores(system):
        if region in silent:
            continue
        try:
            store.list(keys.claim_key(system.name, PRODUCTION))
            stores.append(store)
        except RecoveryError as error:
            silent[region] = error.message
    if not stores:
        reasons = "; ".join(f"{region}: {why}" for region, why in silent.items())
        raise RecordError(f"{system.name}: the record answers in no region, so where it serves is not known: {reasons}")
    newest = newest_closed(Shelf(system.name, stores).summaries())
    if newest is None or newest.serving_region is None:
        return Serving(region=system.home, silent=tuple(silent))
    return Serving(region=newest.serving_region, since=newest.closed_at, run_id=newest.run_id, silent=tuple(silent))


def first_other(system: System, serving: str) -> str:
    """Return the first region of the catalog that is not the one that serves."""
    return next(name for name in system.regions if name != serving)


def newest_closed(runs: Iterable[RunState]) -> RunState | None:
    """Return the run closed last of those that may have moved traffic and say where the system serves."""
    told = [run for run in runs if run.mode in MOVED and run.closed_at is not None and run.serving_region]
    return max(told, key=lambda run: (str(run.closed_at), run.run_id), default=None)


def _stores(system: System) -> Iterator[tuple[str, ObjectStore]]:
    for region in system.regions:
        yield region, record_store(system, region)
