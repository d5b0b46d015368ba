"""What a drill has cost until now, by the price table: instances that were obtained, for as long as they stand."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from recovery_ops.cost.prices import AS_OF, price
from recovery_ops.execution.view import RunView
from recovery_ops.kinds import driver
from recovery_ops.model.events import Event, EventType
from recovery_ops.model.plan import Phase

HOUR_S = 3600.0
WORKING = (Phase.PROVISION, Phase.REHYDRATE, Phase.REDEPLOY)
NOT_COUNTED = "storage, requests and restored data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """US dollars at list prices of ``prices_of``; ``not_priced`` is what the table does not know."""

    usd: float
    prices_of: str
    not_priced: tuple[str, ...]


def spent(view: RunView, now: datetime | None = None) -> Spent:
    """Return what the run has cost until ``now``; an instance counts from the beginning of the step that asked for it.

    Time is modelled time: what a sandbox shortens is paid for in full.
    """
    now, usd, unknown = now or datetime.now(UTC), 0.0, [NOT_COUNTED]
    for component in view.system.components:
        hourly = driver(component).hourly(view.context(component))
        since = _asked_at(view, component.name) if hourly else None
        if since is None:
            continue
        hours = (now - since).total_seconds() / (view.settings.time_factor or 1.0) / HOUR_S
        known_usd, more = priced(hourly.items(), view.ref.recovery_region, hours)
        usd += known_usd
        unknown += more
    return Spent(usd=round(usd, 4), prices_of=AS_OF, not_priced=tuple(unknown))


def priced(hourly: Iterable[tuple[str, float]], region: str, hours: float) -> tuple[float, list[str]]:
    """Return what units of the price table cost in US dollars for so many hours, and what the table does not know."""
    usd, unknown = 0.0, list[str]()
    for sku, units in hourly:
        known = price(sku, region)
        if known is None:
            unknown.append(f"{units:g} x {sku} in {region}")
        else:
            usd += known.usd * units * hours
    return usd, unknown


def _asked_at(view: RunView, component: str) -> datetime | None:
    """Return when AWS was first asked for something that is paid for by the hour."""
    events: list[Event] = [
        event
        for phase in WORKING
        for event in view.log.events_of(f"{component}.{phase}#")
        if event.type is EventType.STEP_STARTED
    ]
    redeployed = [event for event in events if event.payload["phase"] == Phase.REDEPLOY]
    return min((event.at for event in redeployed or events), default=None)
