"""Debts are not paid where that would stop the writers of a run that moves the system there."""

from datetime import UTC, datetime

import pytest
from small_world import HOME, TARGET, small_system

from recovery_ops.execution import debts
from recovery_ops.execution.debts import FENCE, UNFENCE, OpenDebt
from recovery_ops.record.claims import Claim

NOW = datetime(2026, 11, 26, tzinfo=UTC)
CLAIM = Claim(
    system="ranking", slot="production", run_id="r-20261126-abcdef", holder="alice", epoch=1, since=NOW, until=NOW
)


def owed(debt: str, region: str) -> OpenDebt:
    return OpenDebt(debt=debt, component="store", region=region, what="", why="", noted_by="r-20261125-123456", at=NOW)


@pytest.mark.parametrize(
    ("debt", "paid"), [(owed(FENCE, HOME), False), (owed(UNFENCE, HOME), True), (owed(FENCE, TARGET), True)]
)
def test_a_region_that_a_run_goes_to_is_not_fenced(monkeypatch: pytest.MonkeyPatch, debt: OpenDebt, paid: bool) -> None:
    monkeypatch.setattr(debts, "_view_of", lambda *_: None)
    monkeypatch.setattr(debts, "PAYING", dict.fromkeys((FENCE, UNFENCE), lambda *_: ["done"]))
    payment = debts._pay(small_system(), debt, [HOME, TARGET], {HOME: CLAIM})
    assert payment.paid is paid
    assert paid or payment.why == "run r-20261126-abcdef moves the system there"
