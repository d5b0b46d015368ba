"""What metrics are made of: the record of one system over all regions that answer, read again only where it changed.

Events are written once, so a run whose keys are those of the last time has not changed and is not read again. A region
that does not answer and a run that cannot be read take nothing else away; both are counted.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from recovery_ops.errors import RecoveryError
from recovery_ops.execution.debts import LEDGER, OpenDebt, debts_noted, debts_paid, owed
from recovery_ops.execution.serving import Serving, newest_closed
from recovery_ops.model.events import Event, EventType
from recovery_ops.model.readiness import Sweep
from recovery_ops.model.system import System
from recovery_ops.planning.drill_calendar import Held
from recovery_ops.record import keys
from recovery_ops.record.fold import in_order
from recovery_ops.record.log import EventLog
from recovery_ops.record.spool import runs_in
from recovery_ops.record.state import RunState
from recovery_ops.record.store import ObjectStore
from recovery_ops.record.sweeps import Sweeps
from recovery_ops.reporting.drill_history import held_of, is_held
from recovery_ops.reporting.facts import Facts, Json
from recovery_ops.reporting.objectives import objectives

Opener = Callable[[str], ObjectStore]
Listing = Mapping[str, frozenset[str]]
"""Run id -> keys of its events in one store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRead:
    """One run as metrics need it. ``achieved`` are its objectives with what was achieved, as the report has them.

    ``held`` is what the drill calendar counts; ``None`` for whatever is no closed drill.
    """

    state: RunState
    achieved: Sequence[Json] = ()
    drill: str = ""
    held: Held | None = None
    debts: Mapping[tuple[str, ...], OpenDebt] = field(default_factory=dict)
    paid: frozenset[tuple[str, ...]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits in the spool for one region: how many events, and since when the oldest does (UTC)."""

    events: int
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The record of a system, read at ``read_at`` (``None`` for never) and looked at ``at``, both UTC.

    ``runs`` holds protection and debts too, by the id of their log. ``readable`` says which regions answered.
    """

    system: System
    at: datetime
    read_at: datetime | None
    time_factor: float
    readable: Mapping[str, bool]
    waiting: Mapping[str, Waiting]
    runs: Mapping[str, RunRead] = field(default_factory=dict)
    unreadable: int = 0
    sweep: Sweep | None = None

    @property
    def declared(self) -> tuple[RunRead, ...]:
        """Return the runs that were declared or refused, oldest first."""
        found = [run for run in self.runs.values() if run.state.declared_at is not None or run.state.refusals]
        return tuple(sorted(found, key=lambda run: (str(run.state.last_at), run.state.run_id)))

    @property
    def serving_region(self) -> str:
        """Return where the system serves by its newest closed run, as :mod:`recovery_ops.execution.serving` says."""
        newest = newest_closed(run.state for run in self.declared)
        return newest.serving_region if newest and newest.serving_region else self.system.home

    @property
    def debts(self) -> tuple[OpenDebt, ...]:
        """Return the debts that nobody has paid."""
        noted = {key: debt for run in self.runs.values() for key, debt in run.debts.items()}
        paid = {key for run in self.runs.values() for key in run.paid}
        return owed(noted.values(), paid, Serving(region=self.serving_region))


class Reader:
    """Reads one system again and again; for one thread at a time."""

    def __init__(self, system: System, open_store: Opener, spool: Path, time_factor: float = 1.0) -> None:
        self.system = system
        self._stores = {region: open_store(region) for region in system.regions}
        self._spool = spool
        self._factor = time_factor
        self._last: Seen | None = None
        self._logs: dict[tuple[str, str], EventLog] = {}
        self._known: dict[str, tuple[frozenset[str], RunRead]] = {}
        self._sweeps: dict[datetime, Sweep] = {}

    def read(self, now: datetime) -> Seen:
        """Return the record as it stands at ``now``; when no region answers, as it was read last."""
        listed = self._list()
        looked = Seen(
            system=self.system,
            at=now,
            read_at=now,
            time_factor=self._factor,
            readable={region: region in listed for region in self.system.regions},
            waiting={region: self._waiting(region) for region in self.system.regions},
        )
        if not listed:
            last = self._last or replace(looked, read_at=None)
            return replace(last, at=now, readable=looked.readable, waiting=looked.waiting)
        runs, unreadable = self._runs(listed)
        self._last = replace(looked, runs=runs, unreadable=unreadable, sweep=self._sweep(listed))
        return self._last

    def _runs(self, listed: Mapping[str, Listing]) -> tuple[dict[str, RunRead], int]:
        runs: dict[str, RunRead] = {}
        unreadable = 0
        for run_id in sorted({run_id for listing in listed.values() for run_id in listing}):
            try:
                runs[run_id] = self._run(run_id, listed)
            except RecoveryError:
                unreadable += 1
        return runs, unreadable

    def _list(self) -> dict[str, Listing]:
        with ThreadPoolExecutor(max_workers=len(self._stores)) as pool:
            asked = {
                region: pool.submit(copy_context().run, _listing, store, self.system.name)
                for region, store in self._stores.items()
            }
        found: dict[str, Listing] = {}
        for region, answer in asked.items():
            with suppress(RecoveryError):
                found[region] = answer.result()
        return found

    def _run(self, run_id: str, listed: Mapping[str, Listing]) -> RunRead:
        where = {region: listing[run_id] for region, listing in listed.items() if run_id in listing}
        names = frozenset().union(*where.values())
        known = self._known.get(run_id)
        if known is not None and names <= known[0]:
            return known[1]
        found = _read_run(run_id, in_order(event for region in where for event in self._log(region, run_id).events()))
        self._known[run_id] = (names, found)
        if found.state.closed_at is not None:
            for region in where:
                self._logs.pop((region, run_id), None)
        return found

    def _log(self, region: str, run_id: str) -> EventLog:
        """Return the log, which keeps the events it has read, so that a run that goes on is read once."""
        return self._logs.setdefault((region, run_id), EventLog(self._stores[region], self.system.name, run_id))

    def _sweep(self, answering: Mapping[str, Listing]) -> Sweep | None:
        found: list[Sweep] = []
        for region in answering:
            with suppress(RecoveryError):
                found += self._newest_sweep(Sweeps(self._stores[region], self.system.name))
        newest = max(found, key=lambda sweep: sweep.at, default=None)
        self._sweeps = {newest.at: newest} if newest else {}
        return newest

    def _newest_sweep(self, sweeps: Sweeps) -> list[Sweep]:
        newest = max(sweeps.times(), default=None)
        if newest is None:
            return []
        found = self._sweeps.get(newest) or sweeps.read(newest) or sweeps.latest()
        return [found] if found else []

    def _waiting(self, region: str) -> Waiting:
        bucket = self.system.record_bucket.format(region=region)
        runs = runs_in(self._spool, bucket, self.system.name)
        ages = [age for run in runs for path in (run / "waiting").glob("[0-9]*.json") if (age := _age(path))]
        since = datetime.fromtimestamp(min(ages), tz=UTC) if ages else None
        return Waiting(events=len(ages), since=since)


def _age(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # merged since the folder was read
        return None


def _listing(store: ObjectStore, system: str) -> Listing:
    prefix = keys.runs_prefix(system)
    found: dict[str, set[str]] = defaultdict(set)
    for key in store.list(prefix):
        run_id, _, rest = key.removeprefix(prefix).partition("/")
        if rest.startswith("events/"):
            found[run_id].add(rest)
    return {run_id: frozenset(names) for run_id, names in found.items()}


def _read_run(run_id: str, events: Sequence[Event]) -> RunRead:
    facts = Facts.of(events)
    noted: dict[tuple[str, ...], OpenDebt] = {debt.key: debt for debt in debts_noted(run_id, events)}
    paid = debts_paid(events) if run_id == LEDGER else frozenset()
    declared = any(event.type is EventType.RUN_DECLARED for event in events)
    return RunRead(
        state=facts.state,
        achieved=objectives(facts) if declared else (),
        drill=facts.declared.text("drill"),
        held=held_of(facts.state, lambda: events) if is_held(facts.state) else None,
        debts=noted,
        paid=paid,
    )
