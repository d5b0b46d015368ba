"""There and back again: what began in one state ends in it, plus what clients wrote.

``RECOVERY_OPS_TRIPS`` says how often (``make roundtrip`` does it twice).
"""

import json
import os
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError
from trips import AWAY, DATA, HOME, LOGS, Trip, until

from recovery_ops.errors import RequestError
from recovery_ops.execution.debts import open_debts
from recovery_ops.execution.homecoming import prepare
from recovery_ops.execution.serving import serving_region
from recovery_ops.model.checks import CheckOutcome, Gate
from recovery_ops.model.events import EventType
from recovery_ops.model.plan import Mode
from recovery_ops.record.state import RunState

TRIPS = int(os.environ.get("RECOVERY_OPS_TRIPS", "1"))
AT_STAKE = ("unseen", "contested")
"""Two writes per trip, of a row and of an object each, that home acknowledges and cannot replicate any more."""


@pytest.mark.timeout(300 * TRIPS)
def test_there_and_back_again(trip: Trip) -> None:
    began = trip.standing()
    trip.send_writer()
    for number in range(1, TRIPS + 1):
        there(trip, number)
        returned(trip, number)
        back(trip, number)
    until(lambda: sum(line["ok"] and line["region"] == HOME for line in trip.journal()[-20:]) > 10, "writes at home")
    assert trip.writer is not None
    trip.writer.leave()
    until(lambda: trip.rows(HOME) == trip.rows(AWAY), "both tables being the same")
    assert trip.lost(HOME) == []
    ended = until(lambda: settled(trip, began), "the state it began in")
    assert ended == began


def proven(state: RunState) -> bool:
    """Whether all checks passed but those of speed, which the override is for."""
    slow = {Gate.LATENCY, Gate.THROUGHPUT, Gate.END_TO_END}
    return all(
        item.check.outcome is CheckOutcome.PASS or item.check.advisory
        for item in state.current_checks
        if item.check.gate not in slow
    )


def settled(trip: Trip, began: dict) -> dict | None:
    """Tables that were restored to be compared take a moment to be gone."""
    ended = trip.standing()
    tables = [ended[region]["tables"] == began[region]["tables"] for region in (HOME, AWAY)]
    return ended if all(tables) else None


def there(trip: Trip, number: int) -> None:
    """Lose home with two writes that have not been replicated, and fail over."""
    trip.sandbox.control.replication(HOME, AWAY, paused=True)
    for name in AT_STAKE:
        trip.put(HOME, f"{name}-{number}", 1)
        trip.put_object(HOME, f"{DATA}{name}-{number}", 1)
    trip.put_object(HOME, f"{LOGS}home-{number}", 1)
    impact = trip.lose_home()
    trip.sandbox.control.replication(HOME, AWAY, paused=False)
    state = trip.move(Mode.FAILOVER, AWAY, graceful=False, impact_at=impact)
    assert (state.outcome, state.serving_region) == ("committed", AWAY)
    assert proven(state)
    owing = {debt.component for debt in state.debts if debt.debt == "fence"}
    assert owing == {"features", "registry", "training-data", "inference-logs"}
    assert not {f"{name}-{number}" for name in AT_STAKE} & set(trip.rows(AWAY))
    trip.put(AWAY, f"contested-{number}", 2)
    trip.put_object(AWAY, f"{DATA}contested-{number}", 2)
    trip.put_object(AWAY, f"{DATA}away-{number}", 2)
    trip.put_object(AWAY, f"{LOGS}away-{number}", 1)


def returned(trip: Trip, number: int) -> None:
    """Home is back: it is not served from, cannot be gone back to, and takes no writes once its debt is paid."""
    trip.sandbox.control.heal(HOME)
    assert AWAY in trip.answers()
    assert serving_region(trip.system).region == AWAY
    with pytest.raises(RequestError, match="debts are open"):
        trip.move(Mode.FAILBACK, HOME, graceful=True)
    assert next(debt.debt for debt in open_debts(trip.system)) == "fence"
    prepare(trip.system, person="alice")
    assert open_debts(trip.system) == ()
    assert AWAY in trip.answers()
    with pytest.raises(ClientError, match="explicit deny"):
        trip.put(HOME, f"stray-{number}", 1)
    for prefix in (DATA, LOGS):
        with pytest.raises(ClientError, match="explicit deny"):
            trip.put_object(HOME, f"{prefix}stray-{number}", 1)


def back(trip: Trip, number: int) -> None:
    """Go home: merged what nobody had overwritten, listed what somebody had, lost nothing."""
    state = trip.move(Mode.FAILBACK, HOME, graceful=True)
    assert (state.outcome, state.serving_region) == ("committed", HOME)
    assert proven(state)
    assert serving_region(trip.system).region == HOME
    known = {note.facts["component"]: note.facts for note in state.note(EventType.RECONCILED)}
    online = known["features"]
    conflicts = json.loads(json.dumps(online["conflicts"], default=dict))
    assert f"contested-{number}" in {conflict["key"] for conflict in conflicts}
    assert f"unseen-{number}" not in {conflict["key"] for conflict in conflicts}
    assert online["lost"] == 0
    assert online["merged"] >= 1
    rows = trip.rows(HOME)
    assert (rows[f"unseen-{number}"], rows[f"contested-{number}"]) == (1, 2)
    of_objects(trip, known["training-data"], number)
    of_logs(trip, known["inference-logs"], number)
    assert open_debts(trip.system) == ()


def of_objects(trip: Trip, told: Mapping[str, Any], number: int) -> None:
    """Of one key two versions, the later one current and the conflict listed; of the others what was written."""
    listed = {conflict["key"].rpartition("/")[2]: conflict for conflict in told["conflicts"]}
    assert set(listed) == {f"contested-{number}"}
    dropped = listed[f"contested-{number}"]["dropped"]
    for region in (HOME, AWAY):
        assert trip.rows_of(region, f"{DATA}contested-{number}") == 2
        assert trip.rows_of(region, f"{DATA}contested-{number}", dropped[0]) == 1
        assert trip.rows_of(region, f"{DATA}unseen-{number}") == 1
        assert trip.rows_of(region, f"{DATA}away-{number}") == 2
    assert told["lost"] == 0
    assert told["merged"] >= 2


def of_logs(trip: Trip, told: Mapping[str, Any], number: int) -> None:
    """Keys that nobody writes twice are all there on both sides, and in no conflict."""
    assert (list(told["conflicts"]), told["lost"]) == ([], 0)
    written = {f"{side}-{trips}" for side in ("home", "away") for trips in range(1, number + 1)} | {"first"}
    assert trip.logs(HOME) == trip.logs(AWAY) == written
