"""Tables that take time: creation, deletion, replicas, restores."""

import copy
import time
from collections.abc import Callable, Mapping
from typing import Any

from recovery_ops.sandbox import durations
from recovery_ops.sandbox.dynamodb import items, tables
from recovery_ops.sandbox.dynamodb.history import History
from recovery_ops.sandbox.dynamodb.replication import RETRY_WALL_S
from recovery_ops.sandbox.dynamodb.tables import Tables, find
from recovery_ops.sandbox.jobs import JobBook
from recovery_ops.sandbox.world import World

_REPLICA_EXISTS = (
    "Failed to create a the new replica of table with name: '{name}' "
    "because one or more replicas already existed as tables."
)
_PREFIX = "com.amazonaws.dynamodb.v20120810#"


def refuse(code: str, message: str) -> Exception:
    """Return an error of DynamoDB's, as ``refuse("ResourceInUseException", "…")``."""
    from moto.core.exceptions import JsonRESTError

    error: Exception = JsonRESTError(_PREFIX + code, message)
    return error


class Lifecycle:
    """What happens to tables over time. Every method is called under the DynamoDB lock."""

    def __init__(self, world: World, state: Tables) -> None:
        self._world = world
        self._state = state
        self.jobs: JobBook

    def handlers(self) -> dict[str, Callable[..., None]]:
        """Return the handlers of jobs that this class schedules."""
        return {
            "activate": self.activate,
            "remove": self._remove,
            "replica-ready": self._replica_ready,
            "replica-gone": self._replica_gone,
        }

    def created(self, region: str, name: str, duration: str = "dynamodb.table.create") -> None:
        """Make a table that moto has stored ``CREATING`` for the modelled duration."""
        self._state.forget(region, name)
        self._state.statuses[(region, name)] = "CREATING"
        self.jobs.later(durations.seconds(duration), "activate", region, name)

    def activate(self, region: str, name: str) -> None:
        """Make a table ``ACTIVE``."""
        self._state.statuses.pop((region, name), None)

    def start_deletion(self, region: str, name: str) -> None:
        """Make a table ``DELETING``; it leaves its global table at once and is gone after the modelled duration."""
        status = self._state.statuses.get((region, name))
        if status in ("CREATING", "UPDATING", "DELETING"):
            raise refuse(
                "ResourceInUseException",
                f"Attempt to change a resource which is still in use: Table is being {status.lower()}: {name}",
            )
        self._state.leave(name, region)
        self._state.statuses[(region, name)] = "DELETING"
        self.jobs.later(durations.seconds("dynamodb.table.delete"), "remove", region, name)

    def _remove(self, region: str, name: str) -> None:
        tables.backend(region).tables.pop(name, None)
        tables.backend(region).resource_policies.pop(f"{_arn(region, name)}", None)
        self._state.forget(region, name)

    def add_replica(self, source: str, name: str, target: str) -> None:
        """Start making a replica of ``name`` in ``target``; it serves nothing until it is ``ACTIVE``."""
        self._check_new_replica(source, name, target)
        table = find(source, name)
        tables.backend(target).tables[name] = tables.copy_settings(table, name=name, region=target)
        self._state.statuses[(target, name)] = "CREATING"
        self._state.statuses[(source, name)] = "UPDATING"
        self._state.replicas[(name, target)] = "CREATING"
        self.jobs.later(durations.seconds("dynamodb.replica.create"), "replica-ready", source, name, target)

    def _check_new_replica(self, source: str, name: str, target: str) -> None:
        if target not in self._world.regions:
            raise refuse("ValidationException", f"Unsupported table replication. Region {target} does not exist")
        if target == source or target in self._state.groups.get(name, set()):
            raise refuse(
                "ValidationException",
                _REPLICA_EXISTS.format(name=name),
            )
        if self._state.statuses.get((source, name)):
            raise refuse(
                "ResourceInUseException",
                f"Attempt to change a resource which is still in use: Table is being updated: {name}",
            )
        if find(target, name) is not None:
            raise refuse(
                "ValidationException",
                _REPLICA_EXISTS.format(name=name),
            )

    def _replica_ready(self, source: str, name: str, target: str) -> None:
        origin, replica = find(source, name), find(target, name)
        if origin is None or replica is None:
            return
        if not self._world.replicates(source, target):
            self.jobs.later_wall(RETRY_WALL_S, "replica-ready", source, name, target)
            return
        tables.fill(replica, items.all_items(origin).values())
        self._state.join(name, source, target)
        self._state.replicas.pop((name, target), None)
        for region in (source, target):
            self.activate(region, name)

    def remove_replica(self, source: str, name: str, target: str) -> None:
        """Start removing the replica of ``name`` in ``target``; ends when that region can be reached."""
        if target not in self._state.peers(source, name):
            raise refuse(
                "ValidationException",
                "Replica specified in the Replica Update or Replica Delete action of the request "
                f"was not found: {target}",
            )
        self._state.replicas[(name, target)] = "DELETING"
        self._state.statuses[(source, name)] = "UPDATING"
        self.jobs.later(durations.seconds("dynamodb.replica.delete"), "replica-gone", source, name, target)

    def _replica_gone(self, source: str, name: str, target: str) -> None:
        if not self._world.replicates(source, target):
            self.jobs.later_wall(RETRY_WALL_S, "replica-gone", source, name, target)
            return
        self._state.leave(name, target)
        self._remove(target, name)
        self.activate(source, name)

    def enable_recovery(self, region: str, name: str, period_days: int | None) -> None:
        """Begin to record the table for point-in-time recovery; a second call changes the period only."""
        table = find(region, name)
        history = self._state.histories.get((region, name))
        if history is None:
            history = History(since=self._state.stamp(), base=items.all_items(table))
            self._state.histories[(region, name)] = history
        history.period_days = period_days or history.period_days

    def describe_recovery(self, region: str, name: str) -> dict[str, Any]:
        """Return ``ContinuousBackupsDescription`` with a latest restorable time that moves."""
        history = self._state.histories.get((region, name))
        if history is None:
            recovery: dict[str, Any] = {"PointInTimeRecoveryStatus": "DISABLED"}
        else:
            earliest, latest = history.window(self._world.clock.factor)
            recovery = {
                "PointInTimeRecoveryStatus": "ENABLED",
                "RecoveryPeriodInDays": history.period_days,
                "EarliestRestorableDateTime": earliest,
                "LatestRestorableDateTime": latest,
            }
        return {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": recovery}

    def restore(self, region: str, request: Mapping[str, Any]) -> Any:
        """Start ``RestoreTableToPointInTime`` in ``region``; return the new table, ``CREATING`` and filled."""
        source_region, name = self._source_of(region, request)
        source, target = find(source_region, name), str(request["TargetTableName"])
        if source is None:
            raise refuse("TableNotFoundException", f"Table not found: {name}")
        if find(region, target) is not None:
            raise refuse("TableAlreadyExistsException", f"Table already exists: {target}")
        moment, rows = self._rows_at(source_region, name, request)
        table = tables.copy_settings(source, name=target, region=region)
        _override(table, request)
        tables.fill(table, rows.values())
        table.restore_summary = {"SourceTableArn": source.table_arn, "RestoreDateTime": moment}
        tables.backend(region).tables[target] = table
        self.created(region, target, "dynamodb.restore")
        return table

    def _source_of(self, region: str, request: Mapping[str, Any]) -> tuple[str, str]:
        arn = str(request.get("SourceTableArn") or _arn(region, str(request.get("SourceTableName"))))
        source_region = arn.split(":")[3]
        if self._world.faults.is_down(source_region, "dynamodb"):
            raise refuse("InternalServerError", f"The source table's Region {source_region} cannot be reached")
        return source_region, arn.split("/")[-1]

    def _rows_at(self, region: str, name: str, request: Mapping[str, Any]) -> tuple[float, dict[str, items.Item]]:
        history = self._state.histories.get((region, name))
        if history is None:
            raise refuse(
                "PointInTimeRecoveryUnavailableException", f"Point in time recovery is not enabled for table '{name}'"
            )
        earliest, latest = history.window(self._world.clock.factor)
        if request.get("UseLatestRestorableTime"):
            return latest, history.at(latest)
        moment = _moment(request.get("RestoreDateTime"))
        if not int(earliest) <= moment <= latest:
            window = " to ".join(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)) for at in (earliest, latest))
            raise refuse(
                "InvalidRestoreTimeException",
                f"The RestoreDateTime is outside of the restorable window of table '{name}': {window}",
            )
        return moment, history.at(moment)


def _arn(region: str, name: str) -> str:
    from recovery_ops.sandbox.world import ACCOUNT

    return f"arn:aws:dynamodb:{region}:{ACCOUNT}:table/{name}"


def _moment(value: Any) -> float:
    from datetime import UTC, datetime

    if value is None:
        raise refuse("ValidationException", "One of RestoreDateTime and UseLatestRestorableTime is required")
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return float(value)


def _override(table: Any, request: Mapping[str, Any]) -> None:
    """Apply the overrides of a restore request; indexes may be left out but not added, as on AWS."""
    table.billing_mode = request.get("BillingModeOverride", table.billing_mode)
    if throughput := request.get("ProvisionedThroughputOverride"):
        table.throughput = copy.deepcopy(dict(throughput))
    if (indexes := request.get("GlobalSecondaryIndexOverride")) is not None:
        wanted = {index["IndexName"] for index in indexes}
        if unknown := wanted - {index.name for index in table.global_indexes}:
            raise refuse("ValidationException", f"Index not present in the source table: {', '.join(sorted(unknown))}")
        table.global_indexes = [index for index in table.global_indexes if index.name in wanted]
    if unmodelled := {
        "LocalSecondaryIndexOverride",
        "SSESpecificationOverride",
        "OnDemandThroughputOverride",
        "VectorIndexOverride",
    } & set(request):
        raise NotImplementedError(f"RestoreTableToPointInTime with {', '.join(sorted(unmodelled))}")
