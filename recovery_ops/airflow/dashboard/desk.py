"""What the pages read from: one lookout per system, kept, and whoever is answered by a front door now."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from fastapi import HTTPException

from recovery_ops.aws.alarms import alarm_states
from recovery_ops.aws.clients import client
from recovery_ops.aws.object_store import open_store
from recovery_ops.aws.traffic import Probe, probe
from recovery_ops.catalog import system_files
from recovery_ops.errors import RecoveryError
from recovery_ops.execution.systems import load_system
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import System
from recovery_ops.protection.shelf import Shelf
from recovery_ops.reporting.dashboard import Lookout
from recovery_ops.reporting.dashboard_overview import serving

_kept: dict[tuple[str, float], Lookout] = {}
_lock = Lock()


def systems() -> tuple[list[str], dict[str, str]]:
    """Return the names of all systems with a catalog that can be read, and what is wrong with the others."""
    good, broken = [], {}
    for name in sorted(system_files(catalogs())):
        try:
            lookout(name)
            good.append(name)
        except RecoveryError as error:
            broken[name] = error.message
    return good, broken


def lookout(name: str) -> Lookout:
    """Return the lookout of a system; a changed catalog gets a new one.

    Raises:
        HTTPException: 404, there is no such system.
        RecoveryError: Its catalog has problems.
    """
    path = system_files(catalogs()).get(name)
    if path is None:
        raise HTTPException(404, f"there is no system {name}")
    key = (name, Path(path).stat().st_mtime)
    with _lock:
        if key not in _kept:
            for old in [item for item in _kept if item[0] == name]:
                del _kept[old]
            system = load_system(name, catalogs())
            for region in system.regions:
                client("s3", region, suspect=True)  # made now: that takes a second, and is no silence of the region
            _kept[key] = Lookout(system, lambda region: open_store(
                system.record_bucket.format(region=region), region, suspect=True))  # fmt: skip
        return _kept[key]


def catalogs() -> Path:
    """Return the folder of the catalogs."""
    return Settings.from_environment().catalogs


def points(found: Lookout) -> Mapping[str, list[str]]:
    """Return the recovery points of a system by region that answers, newest first."""
    shelf = Shelf(system=found.system)
    return found.ask_each(shelf.ids, known_as="points")


def alarms(found: Lookout) -> Mapping[str, str]:
    """Return the state of the alarms that block drills, where the system serves; what cannot be read is left out."""
    names = found.system.drills.alarms
    if not names:
        return {}
    seen = found.ask_each(lambda region: alarm_states(names, region), known_as="alarms")
    return {alarm.name: alarm.state for alarm in seen.get(serving(found.system, found.summaries()), [])}


def who_answers(system: System) -> Probe:
    """Return who answers a client of ``system`` now."""
    traffic = system.traffic
    return probe(traffic.name, traffic.path, b"{}", resolver=Settings.from_environment().resolver)


def now() -> datetime:
    """Return the present time, aware UTC."""
    return datetime.now(UTC)
