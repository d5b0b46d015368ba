"""What people outside saw, added to the record of a run as facts of their own writers."""

from collections.abc import Mapping, Sequence
from typing import Any

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.aws.items import scan
from recovery_ops.execution.view import RunView, open_log
from recovery_ops.model.events import EventType
from recovery_ops.model.runs import RunRef
from recovery_ops.record.seal import complete


def record_client(view: RunView, facts: Mapping[str, Any]) -> None:
    """Append what an outside client measured; ``facts`` as in :attr:`EventType.CLIENT_OBSERVED`."""
    with calling_as(Caller(run_id=view.ref.run_id, step="witness.client")):
        view.log.writer("witness:client").append(EventType.CLIENT_OBSERVED, facts)
        complete(view.log)


def record_writer(view: RunView, component: str, journal: Mapping[str, Sequence[int]]) -> None:
    """Count acknowledged writes that the recovered table does not serve, and append the count.

    ``journal`` holds the acknowledged versions of every entity. A write is served when the recovered table has that
    version of its entity or a newer one.
    """
    with calling_as(Caller(run_id=view.ref.run_id, step="witness.writer", forbidden_region=view.ref.impaired_region)):
        table = view.outputs(view.system.component(component))[component]["table"]
        key = str(view.system.component(component).settings["key"])
        served = {str(row[key]): float(row["version"]) for row in scan(table, view.ref.recovery_region)}
        total = sum(len(versions) for versions in journal.values())
        lost = sum(sum(version > served.get(key, -1) for version in found) for key, found in journal.items())
        view.log.writer("witness:writer").append(
            EventType.DATA_LOSS_COUNTED,
            {
                "component": component,
                "acknowledged": total,
                "served": total - lost,
                "lost": lost,
                "basis": f"versions of {len(journal)} entities in {table} ({view.ref.recovery_region})",
            },
        )
        complete(view.log)


def record_notified(ref: RunRef, facts: Mapping[str, Any]) -> None:
    """Append that somebody was told, or could not be; ``facts`` as in :attr:`EventType.NOTIFIED`."""
    with calling_as(Caller(run_id=ref.run_id, step="witness.notifier", forbidden_region=ref.impaired_region)):
        log = open_log(ref)
        log.writer("witness:notifier").append(EventType.NOTIFIED, facts)
        complete(log)
