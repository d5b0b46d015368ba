"""A planned move: the region that is left answers, its writers are stopped, and nothing that they wrote is lost."""

from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Timer

import pytest
from run_world import HOME, KEY, TABLE, TARGET, World

from recovery_ops.aws import traffic
from recovery_ops.model.events import EventType
from recovery_ops.sandbox.seed import data

pytestmark = pytest.mark.sandbox
LATE = "written-late"


def test_a_graceful_failover_waits_for_the_last_writes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer says its region, as on AWS: only DNS tells the region that is left, which answers too, from the new."""
    monkeypatch.setattr(traffic, "REGION_HEADER", "x-of-nobody")
    world.reset()
    late = LateWrite()
    told = world.fail_over({"fence": late}, lost=None, graceful=True)
    assert told.report["verdict"] == "pass", told.report["result"]["reasons"]
    assert world.answered_by() == TARGET
    seen = told.state.note(EventType.TRAFFIC_OBSERVED)[-1].facts
    assert seen["answered_by"] == TARGET
    arrived = world.aws("dynamodb", TARGET).get_item(TableName=TABLE, Key={KEY: {"S": LATE}})
    assert arrived["Item"]["version"] == {"N": "7"}
    assert late.replicates_at is not None
    assert told.state.steps["fence"].ended_at > late.replicates_at, "nothing else begins before all has arrived"
    handed_over = {call["caller"].rpartition("step/")[2] for call in told.forbidden}
    assert handed_over <= {"cutover", "reprotect"}, "only steps that hand over ask the region that is left"


@dataclass(slots=True)
class LateWrite:
    """Write when the fence is about to be set, to a table whose replication is held up for a while."""

    replicates_at: datetime | None = None

    def __call__(self, world: World) -> None:
        world.sandbox.control.replication(HOME, TARGET, paused=True)
        Timer(2.0, self.replicate, (world,)).start()
        item = {KEY: {"S": LATE}, "version": {"N": "7"}, "updated_at": {"S": datetime.now(UTC).isoformat()}}
        features = {name: {"N": "0"} for name in data.FEATURES}
        world.aws("dynamodb", HOME).put_item(TableName=TABLE, Item=item | features)

    def replicate(self, world: World) -> None:
        self.replicates_at = datetime.now(UTC)
        world.sandbox.control.replication(HOME, TARGET, paused=False)
