"""Debts: what a run could not do because a region did not answer, and paying it when the region is back.

A debt is open until an event says that it is paid. Payments stand in a log of their own beside the runs, in the region
that serves, and never change the evidence of a run that is closed. Paying is safe to repeat.
"""

import getpass
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.errors import KeyExistsError, RecoveryError, RequestError
from recovery_ops.execution.open_runs import held_claims
from recovery_ops.execution.serving import Serving, serving_region
from recovery_ops.execution.view import PRODUCTION, RunView, load_run, record_store
from recovery_ops.kinds import driver
from recovery_ops.model.events import Event, EventType
from recovery_ops.model.plan import SystemStep
from recovery_ops.model.runs import RunRef
from recovery_ops.model.system import System
from recovery_ops.record import keys
from recovery_ops.record.claims import Claim
from recovery_ops.record.log import EventLog, now_utc
from recovery_ops.record.shelf import Shelf
from recovery_ops.record.store import ObjectStore

LEDGER = "debts"
"""The log that payments are written to, in place of a run id."""
FENCE, UNFENCE, REPROTECT = "fence", "unfence", "reprotect"
ORDER = (FENCE, UNFENCE, REPROTECT)
"""First of all nobody may write where nobody reads."""
WRITERS = (*(f"{step}#" for step in SystemStep), "person:")
"""Writers that may note a debt; components themselves owe nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDebt:
    """One debt that nobody has paid. ``noted_by`` is the run that could not do it, ``at`` when (UTC)."""

    debt: str
    component: str
    region: str
    what: str
    why: str
    noted_by: str
    at: datetime

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """Return what makes this debt this one."""
        return self.debt, self.component, self.region, self.what, self.noted_by

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {name: getattr(self, name) for name in self.__slots__} | {"at": self.at.isoformat()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """What came of trying to pay: ``done`` (phrases) when it is paid, else ``why`` not."""

    debt: OpenDebt
    paid: bool
    done: tuple[str, ...] = ()
    why: str = ""


def open_debts(system: System) -> tuple[OpenDebt, ...]:
    """Return the debts of ``system`` that nobody has paid: fences first, oldest first. Reads only.

    A fence is not owed on the region that serves now: its writers are the right ones.

    Raises:
        RecordError: The record answers in no region.
    """
    serving = serving_region(system)
    return _open(system, serving, [record_store(system, region) for region in _answering(system, serving)])


def _answering(system: System, serving: Serving) -> list[str]:
    return [region for region in system.regions if region not in serving.silent]


def _open(system: System, serving: Serving, stores: Sequence[ObjectStore]) -> tuple[OpenDebt, ...]:
    shelf = Shelf(system.name, stores)
    noted = (debt for run_id in shelf.run_ids() for debt in debts_noted(run_id, shelf.events(run_id, WRITERS)))
    return owed(noted, debts_paid(shelf.events(LEDGER)), serving)


def debts_noted(run_id: str, events: Iterable[Event]) -> Iterator[OpenDebt]:
    """Yield the debts that ``events`` of a run note, whether they were paid since or not."""
    for event in events:
        if event.type is EventType.DEBT_NOTED and event.writer.startswith(WRITERS):
            debt = _debt(run_id, event)
            if debt.debt in ORDER:
                yield debt


def debts_paid(events: Iterable[Event]) -> frozenset[tuple[str, ...]]:
    """Return the keys of the debts that ``events`` of the ledger say are paid."""
    return frozenset(_paid_key(event) for event in events if event.type is EventType.DEBT_PAID)


def owed(noted: Iterable[OpenDebt], paid: Collection[tuple[str, ...]], serving: Serving) -> tuple[OpenDebt, ...]:
    """Return what of ``noted`` is neither paid nor pointless where the system serves now, in order of payment."""
    found = {debt.key: debt for debt in noted}
    open_ = [debt for key, debt in found.items() if key not in paid and not _void(debt, serving)]
    return tuple(sorted(open_, key=lambda debt: (ORDER.index(debt.debt), debt.at, debt.component)))


def _void(debt: OpenDebt, serving: Serving) -> bool:
    """Whether a move since has made a debt pointless: a fence on the side that serves, an opening of the other."""
    if debt.debt == UNFENCE:
        return debt.region != serving.region
    return debt.region == serving.region


def _debt(run_id: str, event: Event) -> OpenDebt:
    texts = {name: str(event.payload.get(name) or "") for name in ("debt", "component", "region", "what", "why")}
    return OpenDebt(**texts, noted_by=run_id, at=event.at)


def _paid_key(event: Event) -> tuple[str, ...]:
    return tuple(str(event.payload.get(name)) for name in ("debt", "component", "region", "what", "noted_by"))


def pay_debts(system: System, *, person: str | None = None) -> tuple[Payment, ...]:
    """Pay every open debt that can be paid now, fences first, and bring the record to regions that missed runs.

    Raises:
        RecordError: The record answers in no region, or payments cannot be written; nothing is lost by repeating.
    """
    serving = serving_region(system)
    answering = _answering(system, serving)
    stores = {region: record_store(system, region) for region in answering}
    with calling_as(Caller(run_id=LEDGER, step="debts.pay")):
        entered = dict(held_claims(system, PRODUCTION, without=serving.silent))
        payments = [_pay(system, debt, answering, entered) for debt in _open(system, serving, list(stores.values()))]
        _note(system, stores.get(serving.region) or next(iter(stores.values())), payments, person)
        _spread(system, list(stores.values()))
    return tuple(payments)


def settle_by_hand(system: System, component: str, *, person: str, reason: str) -> tuple[Payment, ...]:
    """Record that ``person`` has done what one component's protection still owes; no AWS call can tell.

    Raises:
        RequestError: The component owes nothing of that sort; fences are never settled by hand.
    """
    owed = [debt for debt in open_debts(system) if debt.component == component and debt.debt == REPROTECT]
    if not owed:
        raise RequestError(f"{system.name}: {component} owes no protection; see `recovery-ops debts {system.name}`")
    payments = [Payment(debt=debt, paid=True, done=(f"by hand: {reason}",)) for debt in owed]
    serving = serving_region(system)
    with calling_as(Caller(run_id=LEDGER, step="debts.settle")):
        _note(system, record_store(system, serving.region), payments, person)
    return tuple(payments)


def _pay(system: System, debt: OpenDebt, answering: Sequence[str], entered: Mapping[str, Claim]) -> Payment:
    """Pay a debt, unless a run that is open brings the system to where writers would be stopped."""
    if debt.region not in answering:
        return Payment(debt=debt, paid=False, why=f"{debt.region} does not answer")
    if debt.debt == FENCE and debt.region in entered:
        return Payment(debt=debt, paid=False, why=f"run {entered[debt.region].run_id} moves the system there")
    try:
        view = _view_of(system, debt, answering)
        done = tuple(PAYING[debt.debt](view, debt))
        left = _still_owed(view, debt) if debt.debt == REPROTECT else ()
    except RecoveryError as error:
        return Payment(debt=debt, paid=False, why=error.message)
    return Payment(debt=debt, paid=not left, done=done, why="; ".join(left))


def _view_of(system: System, debt: OpenDebt, answering: Sequence[str]) -> RunView:
    """Return the run that noted the debt, from whichever region holds its record."""
    for region in answering:
        bucket = system.record_bucket.format(region=region)
        log = EventLog(record_store(system, region), system.name, debt.noted_by)
        declared = [event for event in log.events_of("declare") if event.type is EventType.RUN_DECLARED]
        if declared:
            facts = declared[0].payload
            return load_run(
                RunRef(
                    system=system.name,
                    run_id=debt.noted_by,
                    recovery_region=str(facts["recovery_region"]),
                    impaired_region=str(facts["impaired_region"]),
                    record_bucket=bucket,
                )
            )
    raise RequestError(f"run {debt.noted_by}, which noted a debt, is in no record that answers")


def _fence(view: RunView, debt: OpenDebt) -> Iterable[str]:
    ctx = view.context(view.system.component(debt.component))
    return driver(ctx.component).fence(ctx.leaving(debt.region))


def _unfence(view: RunView, debt: OpenDebt) -> Iterable[str]:
    ctx = view.context(view.system.component(debt.component))
    return driver(ctx.component).unfence(ctx.leaving(debt.region))


def _reprotect(view: RunView, debt: OpenDebt) -> Iterable[str]:
    ctx = view.context(view.system.component(debt.component))
    return driver(ctx.component).replicate_back(ctx)


def _still_owed(view: RunView, debt: OpenDebt) -> tuple[str, ...]:
    ctx = view.context(view.system.component(debt.component))
    return tuple(what for what in driver(ctx.component).reprotect(ctx) if what == debt.what)


PAYING: dict[str, Callable[[RunView, OpenDebt], Iterable[str]]] = {
    FENCE: _fence,
    UNFENCE: _unfence,
    REPROTECT: _reprotect,
}


def _note(system: System, store: ObjectStore, payments: Sequence[Payment], person: str | None) -> None:
    paid = [payment for payment in payments if payment.paid]
    writer = EventLog(store, system.name, LEDGER).writer(f"debts:{now_utc():%Y%m%dT%H%M%S.%fZ}")
    for payment in paid:
        debt = payment.debt
        facts = {name: getattr(debt, name) for name in ("debt", "component", "region", "what", "noted_by")}
        who = {"person": person or getpass.getuser(), "done": list(payment.done)}
        writer.append(EventType.DEBT_PAID, facts | who)


def _spread(system: System, stores: Sequence[ObjectStore]) -> None:
    """Copy events that a region has missed while it was away, so that each one alone knows where the system serves."""
    prefix = keys.runs_prefix(system.name)
    held = {id(store): set(store.list(prefix)) for store in stores}
    for store in stores:
        for other in stores:
            for key in sorted(held[id(other)] - held[id(store)]) if other is not store else ():
                _copy(key, other, store)
                held[id(store)].add(key)


def _copy(key: str, source: ObjectStore, target: ObjectStore) -> None:
    found = source.get(key)
    if found is None:
        return
    try:
        target.put_new(key, found[0])
    except KeyExistsError:
        return
