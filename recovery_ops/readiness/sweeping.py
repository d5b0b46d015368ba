"""A readiness sweep: every way out of the region that serves, asked, compared with the sweep before, stored.

A sweep only reads, except for its own result in the record. It never waits long: every call is tried once,
and a region that does not answer is not asked further.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.aws.objects import in_threads
from recovery_ops.errors import RecoveryError, StepInterruptedError
from recovery_ops.execution.serving import serving_region
from recovery_ops.execution.view import PRODUCTION, record_store
from recovery_ops.model.finding_codes import finding
from recovery_ops.model.findings import Finding
from recovery_ops.model.freezing import catalog_hash
from recovery_ops.model.readiness import Direction, Sweep, Tracked, state_of
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import System
from recovery_ops.readiness.diffing import Found, difference
from recovery_ops.readiness.direction import Seen, Way, look
from recovery_ops.readiness.history import history_of
from recovery_ops.record import keys
from recovery_ops.record.store import ObjectStore
from recovery_ops.record.sweeps import Sweeps, newest_sweep

log = structlog.get_logger(__name__)

EVERY_S = 900.0
"""Modelled seconds between sweeps, when the catalog stays as it is."""
REMEMBERED = 20
"""Sweeps that live RPOs of the past are taken from."""
LOOKING = Caller(run_id="readiness", step="system.readiness", impatient=True)


def sweep(system: System, *, regions: Sequence[str] = (), store: bool = True) -> Sweep:
    """Ask every region that ``system`` could recover in, and store the result in every region that answers.

    Args:
        system: As its catalog describes it now.
        regions: Recovery regions to ask; all but the one that serves unless given.
        store: ``False`` leaves the record as it is.
    """
    began, now = time.monotonic(), datetime.now(UTC)
    with calling_as(LOOKING):
        dark = dark_regions(system)
        serving = serving_now(system, dark)
        stores = open_stores(system, dark)
        previous = newest_sweep(list(stores.values()), system.name)
        wanted = [region for region in system.regions if region != serving and region in (regions or system.regions)]
        ways = ways_of(system, serving, wanted, stores)
        seen = [look(way, now=now, dark=dark) for way in ways]
        found = [_with_serving(item.found, serving, dark) for item in seen]
        differs = difference(previous, found, now)
        made = Sweep(
            system=system.name,
            at=now,
            catalog_hash=catalog_hash(system),
            serving_region=serving,
            dark=tuple(sorted(dark)),
            directions=tuple(_direction(way, part, differs.open, now) for way, part in zip(ways, seen, strict=True)),
            open=differs.open,
            resolved=differs.resolved,
            new=differs.new,
            took_s=round(time.monotonic() - began, 3),
        )
        if store:
            _store(made, stores)
    log.info("readiness swept", system=system.name, state=made.state, open=len(made.open), new=len(made.new))
    return made


def is_due(system: System, now: datetime) -> bool:
    """Return whether to sweep: the catalog has changed since the last sweep, or the cadence says so. Reads only."""
    with calling_as(LOOKING):
        stores = open_stores(system, dark_regions(system))
        last = newest_sweep(list(stores.values()), system.name)
    if last is None or last.catalog_hash != catalog_hash(system):
        return True
    return (now - last.at).total_seconds() >= EVERY_S * Settings.from_environment().time_factor


def dark_regions(system: System) -> frozenset[str]:
    """Return the regions whose S3 does not answer one small question about the record."""
    answers = in_threads(lambda region: _answers(system, region), system.regions)
    return frozenset(region for region, alive in zip(system.regions, answers, strict=True) if not alive)


def open_stores(system: System, dark: frozenset[str]) -> Mapping[str, ObjectStore]:
    """Return the record of every region that answers."""
    return {region: record_store(system, region) for region in system.regions if region not in dark}


def ways_of(system: System, serving: str, regions: Sequence[str], stores: Mapping[str, ObjectStore]) -> tuple[Way, ...]:
    """Return the ways to ``regions``, with what runs and earlier sweeps have taught."""
    history = history_of(system.name, list(stores.values()))
    past = past_sweeps(system.name, stores)
    return tuple(
        Way(system=system, serving_region=serving, region=region, history=history, past_ages_s=_ages(past, region))
        for region in regions
    )


def past_sweeps(system: str, stores: Mapping[str, ObjectStore]) -> list[Sweep]:
    """Return the newest sweeps of the first region that has any."""
    for store in stores.values():
        try:
            if found := Sweeps(store, system).list(REMEMBERED):
                return found
        except RecoveryError:
            continue  # the record of this region cannot be read; another may
    return []


def _ages(past: Sequence[Sweep], region: str) -> Mapping[str, list[float]]:
    ages: dict[str, list[float]] = defaultdict(list)
    for made in past:
        way = made.direction(region)
        for state in way.recoverable if way else ():
            if state.age_s is not None:
                ages[state.component].append(state.age_s)
    return ages


def serving_now(system: System, dark: Collection[str]) -> str:
    """Return where the system serves; home when no record answers, because then nobody knows better."""
    try:
        return serving_region(system, dark=dark).region
    except RecoveryError:
        return system.home


def _answers(system: System, region: str) -> bool:
    try:
        record_store(system, region).list(keys.claim_key(system.name, PRODUCTION))
    except StepInterruptedError:
        return False
    except RecoveryError:
        return True  # it said no, and so it lives; why, the sweep itself will say
    return True


def _with_serving(found: Found, serving: str, dark: frozenset[str]) -> Found:
    if serving not in dark:
        return found
    gone: Finding = finding("serving-region-dark", "", f"{serving}, which serves, does not answer")
    return replace(found, findings=(*found.findings, gone))


def _direction(way: Way, seen: Seen, standing: Sequence[Tracked], now: datetime) -> Direction:
    severities = [item.finding.severity for item in standing if item.region == way.region]
    return Direction(
        from_region=way.serving_region,
        region=way.region,
        answered=not seen.found.dark,
        state=state_of(severities),
        point_id=seen.point_id,
        recoverable=seen.recoverable,
        predictions=seen.predictions,
        proof=way.proof(now),
    )


def _store(made: Sweep, stores: Mapping[str, ObjectStore]) -> None:
    for region, store in stores.items():
        try:
            Sweeps(store, made.system).write(made)
        except RecoveryError as error:
            log.warning("a readiness sweep was not stored", system=made.system, region=region, error=error.message)
