"""Where a system serves is read from the record of every region that answers."""

from pathlib import Path

import pytest

from recovery_ops.errors import RecordError
from recovery_ops.execution import serving
from recovery_ops.execution.serving import Serving, serving_region
from recovery_ops.execution.systems import load_system
from recovery_ops.model.events import EventType
from recovery_ops.model.system import System
from recovery_ops.record.log import EventLog
from recovery_ops.testing.runs import at, declaration
from recovery_ops.testing.stores import InMemoryObjectStore, unreachable

HOME, AWAY = "us-east-1", "us-west-2"


@pytest.fixture(scope="module")
def system() -> System:
    return load_system("fraud-detection", Path(__file__).parents[3] / "dags")


@pytest.fixture
def stores(monkeypatch: pytest.MonkeyPatch) -> dict[str, InMemoryObjectStore]:
    found = {HOME: InMemoryObjectStore(), AWAY: InMemoryObjectStore()}
    monkeypatch.setattr(serving, "record_store", lambda _system, region: found[region])
    return found


def a_run(store: InMemoryObjectStore, number: int, region: str | None, *, mode: str = "failover") -> str:
    """Write a run declared and, with ``region``, closed with the system serving there; return its id."""
    run_id = f"r-20261123-00000{number}"
    log = EventLog(store, "fraud-detection", run_id)
    declared = {**declaration(system="fraud-detection", mode=mode), "plan": {}}
    log.writer("declare#1").append(EventType.RUN_DECLARED, declared, at(number * 100))
    if region is not None:
        facts = {"outcome": "committed", "serving_region": region, "released": True}
        log.writer("close#1").append(EventType.RUN_CLOSED, facts, at(number * 100 + 50))
    return run_id


def test_home_serves_before_the_first_run(system: System, stores: dict[str, InMemoryObjectStore]) -> None:
    assert serving_region(system) == Serving(region=HOME)


def test_the_run_closed_last_in_any_region_counts(system: System, stores: dict[str, InMemoryObjectStore]) -> None:
    a_run(stores[AWAY], 1, AWAY)
    assert serving_region(system).region == AWAY
    back = a_run(stores[HOME], 2, HOME, mode="failback")
    found = serving_region(system)
    assert (found.region, found.run_id, found.since) == (HOME, back, at(250))


def test_open_runs_and_drills_say_nothing(system: System, stores: dict[str, InMemoryObjectStore]) -> None:
    first = a_run(stores[AWAY], 1, AWAY)
    a_run(stores[AWAY], 2, None)
    a_run(stores[AWAY], 3, HOME, mode="drill")
    assert serving_region(system).run_id == first


def test_a_region_that_does_not_answer_is_left_out_and_named(
    system: System, stores: dict[str, InMemoryObjectStore]
) -> None:
    a_run(stores[AWAY], 1, AWAY)
    stores[HOME].before = unreachable
    assert serving_region(system) == Serving(region=AWAY, since=at(150), run_id="r-20261123-000001", silent=(HOME,))


def test_a_region_known_to_be_dark_is_not_asked_again(system: System, stores: dict[str, InMemoryObjectStore]) -> None:
    a_run(stores[AWAY], 1, AWAY)
    a_run(stores[HOME], 2, HOME)
    asked: list[object] = []
    stores[HOME].before = lambda *call: asked.append(call)
    found = serving_region(system, dark={HOME})
    assert (found.region, found.silent, asked) == (AWAY, (HOME,), [])


def test_nothing_is_claimed_when_no_region_answers(system: System, stores: dict[str, InMemoryObjectStore]) -> None:
    for store in stores.values():
        store.before = unreachable
    with pytest.raises(RecordError, match=r"us-east-1.*us-west-2"):
        serving_region(system)
