"""DynamoDB: global tables that replicate, honest point-in-time restore, tables that take time, enforced policies.

moto's tables and expressions are kept; every mutating operation is wrapped so that what was committed is known
afterwards. What is not modelled (PartiQL, table export) is refused with 501.
"""

import copy
from collections import deque
from collections.abc import Iterator
from typing import Any

from recovery_ops.sandbox import locks, patching
from recovery_ops.sandbox.dynamodb import answers, item_calls, items, policies, tables
from recovery_ops.sandbox.dynamodb.lifecycle import refuse
from recovery_ops.sandbox.dynamodb.parts import Parts, parts, use
from recovery_ops.sandbox.dynamodb.tables import Tables
from recovery_ops.sandbox.world import World

DAMAGES = ("dynamodb-item",)


def install(world: World) -> None:
    """Patch moto's DynamoDB for ``world``."""
    use(Parts(world))
    item_calls.patch()
    answers.patch()
    _patch_tables()
    _patch_recovery()
    _patch_policies()


# Tables -----------------------------------------------------------------------------------------------------------


def _patch_tables() -> None:
    from moto.dynamodb.models import DynamoDBBackend
    from moto.dynamodb.models.table import Table
    from moto.dynamodb.responses import DynamoHandler

    create, restore = (
        patching.original(DynamoDBBackend, "create_table"),
        patching.original(DynamoDBBackend, "restore_table_from_backup"),
    )
    update, describe = patching.original(DynamoHandler, "update_table"), patching.original(Table, "describe")

    def create_table(self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        table = create(self, name, *args, **kwargs)
        parts().lifecycle.created(self.region_name, name)
        return table

    def restore_table_from_backup(self: Any, target_table_name: str, backup_arn: str) -> Any:
        table = restore(self, target_table_name, backup_arn)
        table.billing_mode = self.backups[backup_arn].table.billing_mode
        parts().lifecycle.created(self.region_name, target_table_name, "dynamodb.restore")
        return table

    def delete_table(self: Any, name: str) -> Any:
        from moto.dynamodb.exceptions import DeletionProtectedException

        table = self.get_table(name)
        if table.deletion_protection_enabled:
            raise DeletionProtectedException(table.name)
        parts().lifecycle.start_deletion(self.region_name, table.name)
        return table

    def update_table(self: Any) -> Any:
        _update_replicas(self, self.body.get("ReplicaUpdates") or [])
        return update(self)

    def describe_table(self: Any, base_key: str = "TableDescription") -> Any:
        described = describe(self, base_key)
        described[base_key].update(_description(self))
        return described

    patching.replace(DynamoDBBackend, "create_table", create_table)
    patching.replace(DynamoDBBackend, "restore_table_from_backup", restore_table_from_backup)
    patching.replace(DynamoDBBackend, "delete_table", delete_table)
    patching.replace(DynamoHandler, "update_table", update_table)
    patching.replace(Table, "describe", describe_table)


def _update_replicas(handler: Any, updates: list[dict[str, Any]]) -> None:
    table = handler.dynamodb_backend.get_table(handler.body["TableName"])
    for change in updates:
        if create := change.get("Create"):
            parts().lifecycle.add_replica(handler.region, table.name, create["RegionName"])
        elif delete := change.get("Delete"):
            parts().lifecycle.remove_replica(handler.region, table.name, delete["RegionName"])
        else:
            raise NotImplementedError(f"UpdateTable with ReplicaUpdates {', '.join(change)}")


def _description(table: Any) -> dict[str, Any]:
    """Return what DescribeTable says beyond moto."""
    state, region = parts().state, tables.region_of(table)
    status = state.statuses.get((region, table.name), "ACTIVE")
    more: dict[str, Any] = {"TableStatus": status}
    if summary := getattr(table, "restore_summary", None):
        more["RestoreSummary"] = {**summary, "RestoreInProgress": status == "CREATING"}
    if replicas := _replicas(state, region, table.name):
        more |= {"Replicas": replicas, "GlobalTableVersion": "2019.11.21"}
    return more


def _replicas(state: Tables, region: str, name: str) -> list[dict[str, str]]:
    others = state.peers(region, name) | {r for n, r in state.replicas if n == name and r != region}
    return [{"RegionName": r, "ReplicaStatus": _replica_status(state, name, r)} for r in sorted(others)]


def _replica_status(state: Tables, name: str, region: str) -> str:
    if policies.stops_replication(region, name):
        return "REPLICATION_NOT_AUTHORIZED"
    return state.replicas.get((name, region), "ACTIVE")


# Point-in-time recovery -------------------------------------------------------------------------------------------


def _patch_recovery() -> None:
    from moto.dynamodb.models import DynamoDBBackend
    from moto.dynamodb.responses import DynamoHandler, DynamoResult

    def describe_continuous_backups(self: Any, table_name: str) -> Any:
        return parts().lifecycle.describe_recovery(self.region_name, _existing(self, table_name))

    def update_continuous_backups(self: Any, table_name: str, point_in_time_spec: dict[str, Any]) -> Any:
        name = _existing(self, table_name)
        if point_in_time_spec["PointInTimeRecoveryEnabled"]:
            parts().lifecycle.enable_recovery(self.region_name, name, point_in_time_spec.get("RecoveryPeriodInDays"))
        else:
            parts().state.histories.pop((self.region_name, name), None)
        return parts().lifecycle.describe_recovery(self.region_name, name)

    def restore_table_to_point_in_time(self: Any) -> Any:
        return DynamoResult(parts().lifecycle.restore(self.region, self.body).describe())

    patching.replace(DynamoDBBackend, "describe_continuous_backups", describe_continuous_backups)
    patching.replace(DynamoDBBackend, "update_continuous_backups", update_continuous_backups)
    patching.replace(DynamoHandler, "restore_table_to_point_in_time", restore_table_to_point_in_time)


def _existing(backend: Any, name: str) -> str:
    table = backend.tables.get(name.split("/")[-1])
    if table is None:
        raise refuse("TableNotFoundException", f"Table not found: {name}")
    return str(table.name)


# Policies ---------------------------------------------------------------------------------------------------------


def _patch_policies() -> None:
    from moto.dynamodb.models import DynamoDBBackend

    put = patching.original(DynamoDBBackend, "put_resource_policy")

    def put_resource_policy(self: Any, resource_arn: str, policy_doc: str, expected_revision_id: str | None) -> Any:
        try:
            problem = policies.problem_of(policy_doc)
        except ValueError as error:
            raise refuse("ValidationException", f"Invalid policy document: {error}") from error
        if problem:
            raise NotImplementedError(f"the sandbox does not model a table policy with {problem}")
        return put(self, resource_arn, policy_doc, expected_revision_id)

    patching.replace(DynamoDBBackend, "put_resource_policy", put_resource_policy)


# What the rest of the sandbox asks --------------------------------------------------------------------------------


def inventory(world: World) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return the tables and backups of every region."""
    return {region: {"dynamodb": list(_resources(region))} for region in world.regions}


def _resources(region: str) -> Iterator[dict[str, Any]]:
    backend = tables.backend(region)
    for table in backend.tables.values():
        yield {"type": "table", "id": table.name, "tags": {tag["Key"]: tag["Value"] for tag in table.tags}}
    for arn in backend.backups:
        yield {"type": "backup", "id": arn, "tags": {}}


def status(_world: World) -> dict[str, Any]:
    """Return what is on its way between the regions."""
    return {"replication": parts().replication.pending()}


def damage(_world: World, request: dict[str, Any]) -> dict[str, Any]:
    """Change or delete items in one region's replica only; nothing is replicated.

    ``{"what": "dynamodb-item", "region", "table", "keys": [{attribute: value}] | absent for all, "set": {attribute:
    value} | "delete": true}``; values plain or in DynamoDB JSON.
    """
    region = request["region"]
    with locks.of("dynamodb"):
        table = tables.find(region, request["table"])
        if table is None:
            raise ValueError(f"no table {request['table']!r} in {region}")
        rows = _chosen(table, request.get("keys"))
        for row in rows:
            changed = None if request.get("delete") else row | _typed(request["set"])
            items.write(table, row, changed)
            parts().state.note(region, table, row, changed, parts().state.stamp())
    return {"changed": len(rows)}


def _typed(attributes: dict[str, Any]) -> items.Item:
    return {name: items.typed(value) for name, value in attributes.items()}


def _chosen(table: Any, keys: list[dict[str, Any]] | None) -> list[items.Item]:
    rows = items.all_items(table)
    if keys is None:
        return list(rows.values())
    wanted = [items.key_text(table, _typed(key)) for key in keys]
    if missing := [key for key in wanted if key not in rows]:
        raise ValueError(f"table {table.name} has no item {missing[0]}")
    return [rows[key] for key in wanted]


def dump(_world: World) -> dict[str, Any]:
    """Return our state, for a snapshot."""
    return {
        "state": copy.deepcopy(parts().state),
        "queues": {direction: list(queue) for direction, queue in parts().replication.queues.items()},
        "jobs": [job for job in parts().jobs.dump() if job[1] != "deliver"],
    }


def load(world: World, state: dict[str, Any]) -> None:
    """Take over the state of a snapshot; what was on its way travels on."""
    use(new := Parts(world))
    vars(new.state).update(vars(state["state"]))
    new.jobs.load(state["jobs"])
    new.replication.load({direction: deque(queue) for direction, queue in state["queues"].items()})
