"""Promises of claims."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from recovery_ops.errors import ClaimLostError, RecordError, RecoveryError, RunActiveError, StepInterruptedError
from recovery_ops.record.claims import Claim, Claims, Slot
from recovery_ops.record.store import KeyChangedError, KeyExistsError
from recovery_ops.testing.stores import InMemoryObjectStore, read_only, unreachable

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LEASE_S = 60.0
LATER = NOON + timedelta(seconds=LEASE_S)


@pytest.fixture
def store() -> InMemoryObjectStore:
    return InMemoryObjectStore()


@pytest.fixture
def claims(store: InMemoryObjectStore) -> Claims:
    return Claims(store)


def acquire(claims: Claims, run_id: str = "r-1", now: datetime = NOON, slot: str = "production") -> Claim:
    return claims.acquire("fraud", slot, run_id, f"person:{run_id}", LEASE_S, now)


def test_a_free_claim_is_taken(claims, store) -> None:
    claim = acquire(claims)
    assert (claim.epoch, claim.since, claim.until) == (1, NOON, LATER)
    assert claims.holder("fraud", "production") == claim
    assert store.all_keys() == ("systems/fraud/claims/production.json",)


def test_another_run_is_refused_and_told_who_holds_it(claims) -> None:
    acquire(claims)
    with pytest.raises(RunActiveError) as caught:
        acquire(claims, "r-2", NOON + timedelta(seconds=1))
    assert caught.value.facts == {"holder": "person:r-1", "since": NOON.isoformat(), "run_id": "r-1"}


def test_the_same_run_takes_it_again_with_the_same_epoch_and_a_longer_lease(claims) -> None:
    first = acquire(claims)
    again = acquire(claims, now=NOON + timedelta(seconds=30))
    assert (again.epoch, again.since, again.until) == (first.epoch, NOON, NOON + timedelta(seconds=90))


def test_production_and_drill_are_held_apart(claims) -> None:
    acquire(claims, "r-1", slot="production")
    acquire(claims, "r-2", slot=Slot.DRILL)
    claims.check(acquire(claims, "r-1"))


def test_a_slot_that_does_not_exist_is_refused(claims) -> None:
    with pytest.raises(ValueError, match="staging"):
        acquire(claims, slot="staging")


def test_a_claim_whose_lease_is_over_is_taken_over_and_the_first_run_notices(claims) -> None:
    first = acquire(claims)
    second = acquire(claims, "r-2", LATER)
    assert second.epoch == 2
    claims.check(second)
    with pytest.raises(ClaimLostError, match="r-2"):
        claims.check(first)


def test_a_lease_that_is_over_loses_nothing_until_somebody_takes_it(claims) -> None:
    claim = acquire(claims)
    claims.check(claim)
    assert claims.renew(claim, LEASE_S, LATER + timedelta(hours=1)).epoch == claim.epoch


def test_renewing_moves_the_end_of_the_lease(claims) -> None:
    renewed = claims.renew(acquire(claims), LEASE_S, NOON + timedelta(seconds=50))
    assert renewed.until == NOON + timedelta(seconds=110)
    with pytest.raises(RunActiveError):
        acquire(claims, "r-2", LATER)


def test_renewing_never_shortens_a_lease(claims) -> None:
    assert claims.renew(acquire(claims), 1.0, NOON).until == LATER


def test_a_lost_claim_cannot_be_renewed(claims) -> None:
    first = acquire(claims)
    acquire(claims, "r-2", LATER)
    with pytest.raises(ClaimLostError):
        claims.renew(first, LEASE_S, LATER)


def test_releasing_frees_the_claim_and_keeps_the_epoch(claims) -> None:
    first = acquire(claims)
    claims.release(first, NOON)
    assert claims.holder("fraud", "production") is None
    assert acquire(claims, "r-2").epoch == 2


def test_a_run_that_takes_the_claim_again_after_releasing_it_gets_a_new_epoch(claims) -> None:
    first = acquire(claims)
    claims.release(first)
    second = acquire(claims)
    assert second.epoch == 2
    with pytest.raises(ClaimLostError):
        claims.check(first)


def test_releasing_twice_or_too_late_does_nothing(claims) -> None:
    first = acquire(claims)
    claims.release(first)
    claims.release(first)
    second = acquire(claims, "r-2")
    claims.release(first)
    claims.check(second)


def test_a_released_claim_does_not_stand(claims) -> None:
    claim = acquire(claims)
    claims.release(claim)
    with pytest.raises(ClaimLostError, match="released"):
        claims.check(claim)
    with pytest.raises(ClaimLostError, match="released"):
        claims.renew(claim, LEASE_S, NOON)


def test_a_claim_whose_object_is_gone_is_lost(claims, store) -> None:
    claim = acquire(claims)
    store.remove("systems/fraud/claims/production.json")
    with pytest.raises(ClaimLostError, match="no claim object"):
        claims.check(claim)


def test_a_store_that_does_not_answer_is_not_a_lost_claim(claims, store) -> None:
    claim = acquire(claims)
    store.before = unreachable
    with pytest.raises(RecoveryError) as caught:
        claims.check(claim)
    assert not isinstance(caught.value, ClaimLostError)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b'{"epoch": "1"}', b"\xff"])
def test_an_object_that_is_no_claim_is_named(claims, store, body) -> None:
    store.damage("systems/fraud/claims/production.json", body)
    with pytest.raises(RecordError, match=r"systems/fraud/claims/production\.json"):
        acquire(claims)


def test_of_many_runs_that_ask_at_once_one_gets_the_claim(claims) -> None:
    outcomes: list[str] = []

    def ask(run_id: str) -> None:
        try:
            outcomes.append(f"got by {acquire(claims, run_id).run_id}")
        except RunActiveError as error:
            outcomes.append(f"held by {error.facts['run_id']}")

    threads = [Thread(target=ask, args=(f"r-{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winner = claims.holder("fraud", "production")
    assert winner is not None
    assert sorted(outcomes) == [f"got by {winner.run_id}", *[f"held by {winner.run_id}"] * 7]


def test_a_claim_survives_a_round_trip_through_json(claims) -> None:
    claim = acquire(claims)
    assert Claim.from_json(claim.to_json()) == claim


def hold(claims: Claims, run_id: str = "r-1", now: datetime = NOON) -> Claim:
    return claims.hold("fraud", "production", run_id, f"person:{run_id}", LEASE_S * 10, now)


@pytest.mark.parametrize("second", [10, 10_000])
def test_a_run_rests_on_its_claim_while_the_store_takes_no_writes(claims, store, second) -> None:
    claim = hold(claims)
    store.before = read_only
    assert hold(claims, now=NOON + timedelta(seconds=second)) == claim
    claims.check(claim)


def test_a_run_that_could_not_renew_notices_that_it_was_buried(claims) -> None:
    claim = acquire(claims)
    assert not claims.bury(claim, "r-2", "bob", NOON)
    assert claims.bury(claim, "r-2", "bob", LATER)
    with pytest.raises(ClaimLostError):
        claims.check(claim)
    assert claims.holder("fraud", "production") is None
    assert acquire(claims, "r-3", LATER).epoch == 3


def test_a_claim_that_was_renewed_meanwhile_is_not_buried(claims) -> None:
    claim = acquire(claims)
    renewed = claims.renew(claim, LEASE_S, LATER)
    assert not claims.bury(claim, "r-2", "bob", LATER)
    claims.check(renewed)


def test_a_claim_in_a_store_that_takes_no_writes_cannot_be_buried(claims, store) -> None:
    claim = acquire(claims)
    store.before = read_only
    with pytest.raises(RecoveryError):
        claims.bury(claim, "r-2", "bob", LATER)
    claims.check(claim)


def test_a_store_that_takes_no_writes_gives_no_run_a_claim_it_has_not(claims, store) -> None:
    store.before = read_only
    with pytest.raises(StepInterruptedError, match="has no production claim"):
        hold(claims)
    store.before = None
    hold(claims)
    store.before = read_only
    with pytest.raises(RunActiveError):
        hold(claims, "r-2")
    with pytest.raises(StepInterruptedError, match="has no production claim"):
        hold(claims, "r-2", NOON + timedelta(hours=1))


def test_a_claim_that_was_given_back_is_nothing_to_rest_on(claims, store) -> None:
    claims.release(hold(claims), NOON)
    store.before = read_only
    with pytest.raises(StepInterruptedError):
        hold(claims)


def test_a_store_that_does_not_answer_lets_nobody_act(claims, store) -> None:
    claim = hold(claims)
    store.before = unreachable
    for act in (lambda: hold(claims), lambda: claims.check(claim)):
        with pytest.raises(StepInterruptedError):
            act()


class Window(InMemoryObjectStore):
    """The same objects as one holder sees them: its own way to the store can fail.

    ``lossy``: writes are done and their answers are lost. ``cut``: and after one of them nothing answers any more.
    ``echo``: the client below repeats such a write itself and is refused because of it.
    """

    def __init__(self, shared: InMemoryObjectStore) -> None:
        super().__init__(self._before)
        self._objects, self._lock = shared._objects, shared._lock
        self.mode = "up"

    def put_new(self, key: str, body: bytes) -> str:
        return self._answered(super().put_new(key, body), KeyExistsError)

    def replace(self, key: str, body: bytes, etag: str) -> str:
        return self._answered(super().replace(key, body, etag), KeyChangedError)

    def _answered(self, etag: str, refusal: type[RecoveryError]) -> str:
        if self.mode == "echo":
            raise refusal("it was changed by somebody else")
        if self.mode in ("lossy", "cut"):
            self.mode = "dark" if self.mode == "cut" else self.mode
            raise StepInterruptedError("the answer was lost")
        return etag

    def _before(self, operation: str, key: str) -> None:
        if self.mode in ("read-only", "dark"):
            {"read-only": read_only, "dark": unreachable}[self.mode](operation, key)


@pytest.mark.parametrize("mode", ["lossy", "echo"])
def test_an_answer_that_was_lost_is_read_back(claims, store, mode) -> None:
    doubtful = Claims(window := Window(store))
    window.mode = mode
    first = acquire(doubtful)
    assert first == acquire(claims)
    taken = doubtful.take_over(first, process="p-2", lease_s=LEASE_S, now=NOON)
    assert (taken.epoch, claims.holder("fraud", "production")) == (2, taken)
    assert doubtful.bury(taken, "r-2", "bob", LATER)
    drill = acquire(claims, "r-3", slot="drill")
    assert doubtful.preempt("fraud", "drill", "r-2", "bob", NOON) == drill
    assert claims.holder("fraud", "drill") is None


def test_a_process_that_asks_again_gets_what_it_took_over(claims, store) -> None:
    first = acquire(claims)
    doubtful = Claims(window := Window(store))
    window.mode = "cut"
    with pytest.raises(StepInterruptedError):
        doubtful.take_over(first, process="p-2", lease_s=LEASE_S, now=NOON)
    window.mode = "up"
    assert doubtful.take_over(first, process="p-2", lease_s=LEASE_S, now=NOON).epoch == 2
    with pytest.raises(ClaimLostError):
        doubtful.take_over(first, process="p-3", lease_s=LEASE_S, now=NOON)


RUNS = ("r-1", "r-2", "r-3")
PROCESSES = ("a", "b")
ACTORS = tuple((run_id, process) for run_id in RUNS for process in PROCESSES)
ACTOR, SLOT = st.sampled_from(ACTORS), st.sampled_from(tuple(Slot))
SURE = ("up", "lossy", "echo")
"""Ways to the store on which whoever asks learns what came of it."""


class ClaimMachine(RuleBasedStateMachine):
    """Two processes each of several runs do everything in any order, each with a clock and a way to the store."""

    def __init__(self) -> None:
        super().__init__()
        shared = InMemoryObjectStore()
        self.windows = {actor: Window(shared) for actor in ACTORS}
        self.claims = {actor: Claims(window) for actor, window in self.windows.items()}
        self.truth = Claims(shared)
        self.skew = dict.fromkeys(ACTORS, 0)
        self.time = NOON
        self.held: dict[tuple[tuple[str, str], Slot], Claim] = {}
        self.epochs: dict[Slot, list[int]] = {slot: [0] for slot in Slot}

    def now(self, actor: tuple[str, str]) -> datetime:
        return self.time + timedelta(seconds=self.skew[actor])

    def holder(self, slot: Slot) -> Claim | None:
        return self.truth.holder("fraud", slot)

    def got(self, actor: tuple[str, str], slot: Slot, claim: Claim) -> None:
        self.held[actor, slot] = claim
        self.epochs[slot].append(claim.epoch)
        assert self.holder(slot) == claim

    @rule(actor=ACTOR, slot=SLOT, holding=st.booleans())
    def ask(self, actor: tuple[str, str], slot: Slot, holding: bool) -> None:
        """Whoever is given the claim has it, and nobody else had it with time to spare."""
        before, mode, now = self.holder(slot), self.windows[actor].mode, self.now(actor)
        how = self.claims[actor].hold if holding else self.claims[actor].acquire
        try:
            claim = how("fraud", slot, actor[0], f"person:{actor[0]}", LEASE_S, now, process=actor[1])
        except RunActiveError:
            assert before is not None
            assert before.run_id != actor[0]
            return
        except RecoveryError:
            assert mode not in SURE
            return
        assert mode in SURE or (mode == "read-only" and holding)
        if before is not None and before.run_id != actor[0]:
            assert before.expired(now)
            assert claim.taken_from == before.run_id
        if mode == "read-only":
            assert claim == before
        self.got(actor, slot, claim)

    @rule(actor=ACTOR, slot=SLOT)
    def take_over(self, actor: tuple[str, str], slot: Slot) -> None:
        """Of two processes of a run the one that took over last may act; a repeat gets what it has."""
        seen, mode = self.holder(slot), self.windows[actor].mode
        if seen is None or seen.run_id != actor[0]:
            return
        for _ in range(2):
            try:
                taken = self.claims[actor].take_over(seen, process=actor[1], lease_s=LEASE_S, now=self.now(actor))
            except ClaimLostError:
                raise AssertionError("nobody else has it") from None
            except RecoveryError:
                assert mode not in SURE
                self.windows[actor].mode = mode = "up"
                continue
            assert (taken.epoch, taken.process) == (seen.epoch + 1, actor[1])
            self.got(actor, slot, taken)

    @rule(actor=ACTOR, slot=SLOT)
    def preempt(self, actor: tuple[str, str], slot: Slot) -> None:
        before, mode = self.holder(slot), self.windows[actor].mode
        mine = before is None or before.run_id == actor[0]
        try:
            taken = self.claims[actor].preempt("fraud", slot, actor[0], actor[1], self.now(actor))
        except RecoveryError:
            assert mode not in SURE
            return
        assert taken == (None if mine else before)
        assert self.holder(slot) == (before if mine else None)

    @rule(actor=ACTOR, slot=SLOT)
    def bury(self, actor: tuple[str, str], slot: Slot) -> None:
        before, mode = self.holder(slot), self.windows[actor].mode
        if before is None:
            return
        try:
            gone = self.claims[actor].bury(before, actor[0], actor[1], self.now(actor))
        except RecoveryError:
            assert mode not in SURE
            return
        assert gone == before.expired(self.now(actor))
        assert self.holder(slot) == (None if gone else before)

    @rule(actor=ACTOR, slot=SLOT)
    def renew(self, actor: tuple[str, str], slot: Slot) -> None:
        if (actor, slot) not in self.held:
            return
        stood = self.stands(actor, slot)
        try:
            renewed = self.claims[actor].renew(self.held[actor, slot], LEASE_S, self.now(actor))
        except RecoveryError:
            assert not stood or self.windows[actor].mode not in SURE
        else:
            self.held[actor, slot] = renewed

    @rule(actor=ACTOR, slot=SLOT)
    def give_back(self, actor: tuple[str, str], slot: Slot) -> None:
        if (actor, slot) in self.held:
            with suppress(RecoveryError):
                self.claims[actor].release(self.held[actor, slot], self.now(actor))

    @rule(seconds=st.integers(1, 900))
    def wait(self, seconds: int) -> None:
        self.time += timedelta(seconds=seconds)

    @rule(actor=ACTOR, mode=st.sampled_from(["up", "up", "read-only", "dark", "lossy", "cut", "echo"]))
    def turn(self, actor: tuple[str, str], mode: str) -> None:
        self.windows[actor].mode = mode

    @rule(actor=ACTOR, seconds=st.integers(-30, 30))
    def set_clock(self, actor: tuple[str, str], seconds: int) -> None:
        self.skew[actor] = seconds

    @invariant()
    def at_most_one_run_may_act_under_one_epoch(self) -> None:
        for slot in Slot:
            acting = {
                (claim.run_id, claim.epoch)
                for (actor, of), claim in self.held.items()
                if of is slot and self.stands(actor, slot)
            }
            assert len(acting) <= 1

    @invariant()
    def epochs_only_grow(self) -> None:
        for epochs in self.epochs.values():
            assert epochs == sorted(epochs)

    def stands(self, actor: tuple[str, str], slot: Slot) -> bool:
        """Return whether the claim stands for this actor, however bad its way to the store is now."""
        try:
            self.truth.check(self.held[actor, slot])
        except RecoveryError:
            return False
        return True


TestClaimMachine = ClaimMachine.TestCase
TestClaimMachine.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
