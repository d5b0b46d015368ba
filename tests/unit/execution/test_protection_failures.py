"""A recovery point that could not be taken is a fact in the record, whatever else fails."""

import pytest
from small_world import HOME, TARGET, THIRD, small_system

from recovery_ops.errors import StepInterruptedError
from recovery_ops.execution import protecting
from recovery_ops.model.events import EventType
from recovery_ops.model.system import System
from recovery_ops.record.shelf import Shelf
from recovery_ops.testing.stores import InMemoryObjectStore, unreachable


@pytest.fixture
def stores(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> dict[str, InMemoryObjectStore]:
    made = {region: InMemoryObjectStore() for region in (HOME, TARGET, THIRD)}

    def fails(system: System, **_: object) -> None:
        raise StepInterruptedError("features: DynamoDB does not answer")

    monkeypatch.setenv("RECOVERY_OPS_SPOOL", str(tmp_path))
    monkeypatch.setattr(protecting, "record_store", lambda _, region: made[region])
    monkeypatch.setattr(protecting, "take_point", fails)
    return made


def test_a_failure_stands_in_every_region(stores: dict[str, InMemoryObjectStore]) -> None:
    for _ in range(2):
        with pytest.raises(StepInterruptedError):
            protecting.protect(small_system(), serving_region=HOME)
    for store in stores.values():
        shelf = Shelf("ranking", [store])
        (run_id,) = shelf.run_ids()
        events = shelf.events(run_id)
        assert [event.type for event in events] == [EventType.POINT_FAILED] * 2
        assert events[0].payload["reason"] == "features: DynamoDB does not answer"


def test_a_record_that_does_not_answer_hides_nothing(stores: dict[str, InMemoryObjectStore]) -> None:
    for store in stores.values():
        store.before = unreachable
    with pytest.raises(StepInterruptedError, match="DynamoDB"):
        protecting.protect(small_system(), serving_region=HOME)
