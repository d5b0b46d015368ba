"""A run that is declared gets its claim or leaves none behind; drills make way for it, and are told once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from small_world import HOME, TARGET, THIRD, ObedientKind, SmallWorld

from recovery_ops.errors import RecoveryError, StepInterruptedError
from recovery_ops.execution import claiming, guarding
from recovery_ops.execution import declare as declaring
from recovery_ops.model.events import EventType
from recovery_ops.model.plan import Intent, Mode
from recovery_ops.model.runs import RunRef, RunRequest
from recovery_ops.planning import plan
from recovery_ops.record.claims import Claim, Claims, Slot
from recovery_ops.record.log import EventLog
from recovery_ops.testing.stores import InMemoryObjectStore, read_only, unreachable

DRILL_RUN, OLD_RUN = "r-20261126-aaaaaa", "r-20261125-bbbbbb"


class KilledError(BaseException):
    """The process is gone: no handler of it runs any more."""


@pytest.fixture
def asked(world: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> Callable[[], RunRef]:
    """Trigger a failover to the recovery region; the same trigger each time."""
    made = plan(
        world.system, mode=Mode.FAILOVER, impaired_region=HOME, recovery_region=TARGET, costs_of=ObedientKind.costs,
        intent=Intent.REGION_LOSS,
    )  # fmt: skip
    choice = SimpleNamespace(refused={}, point=None)
    monkeypatch.setattr(declaring, "plan_of", lambda *_: made)
    monkeypatch.setattr(declaring, "choose_point", lambda *_, **__: choice)
    monkeypatch.setattr(declaring, "_point", lambda *_: None)
    request = RunRequest(
        system=world.system.name, mode=Mode.FAILOVER, recovery_region=TARGET, person="alice", reason="gone", token="t"
    )
    return lambda: declaring.declare(request, world.system, now=datetime.now(UTC))


def store_of(world: SmallWorld, region: str) -> InMemoryObjectStore:
    return world.store(f"record-{region}", region)


def holder(world: SmallWorld, region: str = TARGET, slot: Slot = Slot.PRODUCTION) -> Claim | None:
    return Claims(store_of(world, region)).holder("ranking", slot)


def drill_in(world: SmallWorld, region: str) -> None:
    Claims(store_of(world, region)).acquire("ranking", Slot.DRILL, DRILL_RUN, "carol", 600, datetime.now(UTC))


def left_behind(world: SmallWorld) -> None:
    """A run of yesterday, whose lease is over."""
    Claims(store_of(world, TARGET)).acquire(
        "ranking", "production", OLD_RUN, "bob", 60, datetime.now(UTC) - timedelta(days=1)
    )


def told(world: SmallWorld, run_id: str, region: str) -> list[Any]:
    events = EventLog(store_of(world, region), "ranking", run_id).events()
    assert {event.type for event in events} <= {EventType.RUN_PREEMPTED}
    return [event.payload["by_run"] for event in events]


def warnings(world: SmallWorld, ref: RunRef) -> list[str]:
    found: list[str] = world.log(ref).events_of("declare")[0].payload["warnings"]
    return found


def test_a_drill_yields_wherever_it_works(world: SmallWorld, asked: Callable[[], RunRef]) -> None:
    drill_in(world, THIRD)
    ref = asked()
    assert told(world, DRILL_RUN, THIRD) == [ref.run_id]
    assert holder(world, THIRD, Slot.DRILL) is None
    assert not [text for text in warnings(world, ref) if DRILL_RUN in text]


def test_a_drill_that_cannot_be_stopped_holds_up_no_failover_and_is_named(
    world: SmallWorld, asked: Callable[[], RunRef]
) -> None:
    drill_in(world, THIRD)
    store_of(world, THIRD).before = read_only
    ref = asked()
    assert getattr(holder(world), "run_id", None) == ref.run_id
    named = [text for text in warnings(world, ref) if f"{DRILL_RUN} in {THIRD}" in text]
    assert [what for what in ("was not told", "may go on") if what in " ".join(named)] == ["was not told", "may go on"]
    drill: Any = SimpleNamespace(system=world.system, ref=SimpleNamespace(impaired_region=HOME))
    assert guarding._real_run(drill) == f"run {ref.run_id} of alice into {TARGET} is open"


def test_a_region_that_cannot_be_asked_about_drills_is_named(world: SmallWorld, asked: Callable[[], RunRef]) -> None:
    store_of(world, THIRD).before = unreachable
    assert [text for text in warnings(world, asked()) if f"a drill in {THIRD} may go on" in text]


def test_a_drill_whose_record_was_damaged_is_stopped_nevertheless(
    world: SmallWorld, asked: Callable[[], RunRef]
) -> None:
    drill_in(world, THIRD)
    log = EventLog(store_of(world, THIRD), "ranking", DRILL_RUN)
    log.writer("person:alice").append(EventType.RUN_PAUSED, {})
    (key,) = (key for key in store_of(world, THIRD).all_keys() if "events" in key)
    store_of(world, THIRD).damage(key, b"{}")
    assert [text for text in warnings(world, asked()) if "was not told" in text]
    assert holder(world, THIRD, Slot.DRILL) is None


@pytest.mark.parametrize("where", ["_settle", "tell", "preempt_drill", "append"])
@pytest.mark.parametrize("error", [StepInterruptedError("503"), KeyError("a fault of ours"), KeyboardInterrupt()])
def test_a_run_that_is_not_declared_leaves_no_claim(
    world: SmallWorld,
    asked: Callable[[], RunRef],
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    error: BaseException,
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        assert holder(world) is not None
        raise error

    left_behind(world)
    owner, name = (EventLog, "put") if where == "append" else (claiming, where)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fail)
        with pytest.raises(type(error)):
            asked()
    assert holder(world) is None
    assert getattr(asked(), "run_id", None) == getattr(holder(world), "run_id", "")


def test_a_claim_that_cannot_be_given_back_hides_no_error(
    world: SmallWorld, asked: Callable[[], RunRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    def settle(*_: Any) -> None:
        store_of(world, TARGET).before = read_only
        raise StepInterruptedError("the third region hangs")

    monkeypatch.setattr(claiming, "_settle", settle)
    with pytest.raises(StepInterruptedError, match="the third region hangs"):
        asked()


@pytest.mark.parametrize("region", [TARGET, THIRD])
def test_whenever_the_trigger_dies_a_repeat_tells_everybody_once(
    world: SmallWorld, asked: Callable[[], RunRef], region: str
) -> None:
    """The process dies before each of its writes in turn, and somebody triggers the same again."""
    deaths = 0
    while True:
        for place in (TARGET, THIRD):
            world.stores[f"record-{place}"] = InMemoryObjectStore()
        left_behind(world)
        drill_in(world, region)
        ended = dies_at_write(world, deaths, asked)
        ref = asked()
        assert told(world, DRILL_RUN, region) == [ref.run_id]
        assert told(world, OLD_RUN, TARGET) == [ref.run_id]
        assert holder(world, region, Slot.DRILL) is None
        assert getattr(holder(world), "run_id", None) == ref.run_id
        assert [event.type for event in world.log(ref).events()] == [EventType.RUN_DECLARED]
        if ended:
            break
        deaths += 1
    assert deaths == 6  # the claim, two runs told, one claim taken away, the declaration and its copy


def dies_at_write(world: SmallWorld, number: int, asked: Callable[[], RunRef]) -> bool:
    """Let the trigger die before its write ``number``, from 0; return whether it came to its end before that."""
    left = [number]

    def before(operation: str, _key: str) -> None:
        if operation not in ("get", "list"):
            left[0] -= 1
            if left[0] < 0:
                raise KilledError

    stores = [store_of(world, place) for place in (TARGET, THIRD)]
    for store in stores:
        store.before = before
    try:
        asked()
    except KilledError:
        return False
    finally:
        for store in stores:
            store.before = None
    return True


def test_a_refused_trigger_leaves_the_run_before_it_alone(
    world: SmallWorld, asked: Callable[[], RunRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    left_behind(world)

    def settle(*_: Any) -> None:
        raise StepInterruptedError("503")

    monkeypatch.setattr(claiming, "_settle", settle)
    with pytest.raises(RecoveryError):
        asked()
    assert told(world, OLD_RUN, TARGET) == []
