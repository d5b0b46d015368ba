"""A planned move: the region that is left answers, its writers are stopped, and nothing that they wrote is lost."""

from datetime import UTC, datetime
from threading import Timer

import pytest
from run_world import HOME, KEY, TABLE, TARGET, World

from recovery_ops.sandbox.seed import data

pytestmark = pytest.mark.sandbox
LATE = "written-late"


def test_a_graceful_failover_waits_for_the_last_writes(world: World) -> None:
    world.reset()
    told = world.fail_over({"fence": write_late}, lost=None, graceful=True)
    assert told.report["verdict"] == "pass", told.report["result"]["reasons"]
    assert world.answered_by() == TARGET
    arrived = world.aws("dynamodb", TARGET).get_item(TableName=TABLE, Key={KEY: {"S": LATE}})
    assert arrived["Item"]["version"] == {"N": "7"}
    handed_over = {call["caller"].rpartition("step/")[2] for call in told.forbidden}
    assert handed_over <= {"cutover", "reprotect"}, "only steps that hand over ask the region that is left"


def write_late(world: World) -> None:
    """Write when the fence is about to be set, to a table whose replication is held up for a while."""
    control = world.sandbox.control
    control.replication(HOME, TARGET, paused=True)
    Timer(2.0, control.replication, (HOME, TARGET), {"paused": False}).start()
    item = {KEY: {"S": LATE}, "version": {"N": "7"}, "updated_at": {"S": datetime.now(UTC).isoformat()}}
    features = {name: {"N": "0"} for name in data.FEATURES}
    world.aws("dynamodb", HOME).put_item(TableName=TABLE, Item=item | features)
