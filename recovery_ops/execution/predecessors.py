"""Which runs a closing run is compared with: fixed in its own record, so that its report stays the same for ever."""

import structlog

from recovery_ops.errors import RecoveryError
from recovery_ops.record.shelf import Shelf
from recovery_ops.record.state import RunState
from recovery_ops.record.store import ObjectStore

LOOKED_AT = 40
"""Newest runs whose declaration and close are read; older ones are not compared with."""
SAME_PLAN = 5
_log = structlog.get_logger(__name__)


def predecessors(store: ObjectStore, system: str, run_id: str, plan_hash: str) -> list[str]:
    """Return the closed run before this one, then up to five more of the same plan, newest first.

    A tabletop has no plan, so that no run is compared with it. Best effort: a record that cannot be read costs the
    comparison and never the close.
    """
    try:
        found = Shelf(system, [store]).summaries(newest=LOOKED_AT)
    except RecoveryError as error:
        _log.warning("the run is compared with none", run_id=run_id, reason=str(error))
        return []
    closed = [run for run in found if run.closed_at and run.declared_at and run.plan_hash and run.run_id != run_id]
    closed.sort(key=_age, reverse=True)
    same = [run.run_id for run in closed if run.plan_hash == plan_hash][:SAME_PLAN]
    return list(dict.fromkeys([*(run.run_id for run in closed[:1]), *same]))


def _age(run: RunState) -> tuple[str, str]:
    return str(run.closed_at), run.run_id
