"""What a drill does with traffic: moves a DNS name of its own, asks the front door that it made, and goes back.

Production's name, records and switch are never touched. Where the catalog gives drills no name of their own, moving it
is left out and the record says so.
"""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from recovery_ops.aws import traffic as aws_traffic
from recovery_ops.aws.limits import (
    EFFECTIVE_LIMIT_AT_LEAST_S,
    EFFECTIVE_LIMIT_MODELLED_S,
    PROBE_EVERY_AT_LEAST_S,
    PROBE_EVERY_MODELLED_S,
)
from recovery_ops.aws.names import leads_to
from recovery_ops.errors import DeadlineExceededError, VerificationFailedError
from recovery_ops.execution.heeding import listen
from recovery_ops.execution.meter import Meter
from recovery_ops.execution.moving import front_door, observe, own_door, probe_own_door
from recovery_ops.execution.trial import judge_again
from recovery_ops.execution.view import RunView
from recovery_ops.model.events import EventType
from recovery_ops.model.system import CutoverMethod, Traffic
from recovery_ops.record.log import EventWriter

Outputs = dict[str, Any]

NO_NAME = "the catalog gives drills no DNS name of their own (traffic.drill.name): moving it was left out"
NO_DOOR = "the catalog gives drills no front door of their own (traffic.drill.host): the endpoint was asked directly"


def cut_over_apart(view: RunView, writer: EventWriter, meter: Meter) -> Outputs:
    """Move the drill's own name to the recovery region and wait until the drill's own front door answers.

    Raises:
        DeadlineExceededError: The name did not move, or the front door does not answer, in time.
    """
    moved = _move(view, writer, meter, view.ref.recovery_region)
    door, probes = own_door(view), 0
    if door is not None:
        with meter.waiting():
            probes = _until(view, lambda: probe_own_door(view).ok, f"the front door {door[1]} that the drill made")
    seen = {"probes": probes, "waited_s": meter.waited_s, "isolated": True, "detail": "" if door else NO_DOOR}
    writer.append(EventType.TRAFFIC_OBSERVED, {"effective_at": datetime.now(UTC).isoformat()} | seen)
    return {"moved": moved}


def observe_apart(view: RunView, writer: EventWriter, meter: Meter) -> Outputs:
    """Watch what the drill brought up for as long as a soak: through its front door, or each component by itself.

    Raises:
        VerificationFailedError: Too many probes failed, or a model is not right or not fast any more.
    """
    if own_door(view) is not None:
        return observe(view, writer, meter)
    since = datetime.now(UTC)
    with meter.waiting():
        _pause_for(view, view.wall(view.system.traffic.soak_s))
        broken = judge_again(view, writer)
    reason = "; ".join(f"{check.component}: {check.gate} {check.name}: {check.outcome}" for check in broken)
    facts: Outputs = {"outcome": "unhealthy" if broken else "healthy", "healthy_since": since.isoformat(), "probes": 0}
    more: Outputs = {
        "failed": 0,
        "p95_ms": None,
        "reason": reason or NO_DOOR,
        "ended_at": datetime.now(UTC).isoformat(),
    }
    writer.append(EventType.SOAK_ENDED, facts | more)
    if broken:
        raise VerificationFailedError(f"{view.ref.system}: the soak failed: {reason}", region=view.ref.recovery_region)
    return {"healthy_since": facts["healthy_since"]}


def go_back(view: RunView, writer: EventWriter, meter: Meter) -> Outputs:
    """Move the drill's own name back to the region that it came from.

    Raises:
        DeadlineExceededError: The name did not move in time.
    """
    return {"moved": _move(view, writer, meter, view.ref.impaired_region)}


def put_back(view: RunView) -> list[str]:
    """Take back what a drill did to its own name, wherever it was interrupted; return what was done. Safe to repeat."""
    traffic = _own_traffic(view)
    if traffic is None or not aws_traffic.forget_switch(traffic, view.ref.recovery_region):
        return []
    return [f"the switch of {traffic.name} in {view.ref.recovery_region}"]


def _own_traffic(view: RunView) -> Traffic | None:
    """Return how the drill's own name is moved, or ``None`` when this direction of this catalog has none."""
    traffic, own = view.system.traffic, view.system.traffic.drill
    leaves_home = view.ref.impaired_region == view.system.home
    by_switch = traffic.method is CutoverMethod.HEALTH_SWITCH and view.ref.recovery_region in own.health_switch
    if not (own.name and by_switch and leaves_home):
        return None
    return replace(traffic, name=own.name, health_switch=own.health_switch)


def _move(view: RunView, writer: EventWriter, meter: Meter, region: str) -> bool:
    """Move the drill's own name and record it; return whether anything was moved."""
    traffic, away = _own_traffic(view), view.ref.recovery_region
    other = view.ref.impaired_region if region == away else away
    facts: Outputs = {"from_region": other, "to_region": region, "method": view.system.traffic.method}
    if traffic is None:
        facts |= {"name": "", "simulated": True, "detail": NO_NAME, "effective_at": None, "waited_s": 0.0}
        writer.append(EventType.TRAFFIC_REHEARSED, facts)
        return False
    reason = json.dumps({"run": view.ref.run_id, "withdrawn": other, "by": view.person}).encode()
    there = region == away
    detail = (
        aws_traffic.withdraw_primary(traffic, away, reason) if there else aws_traffic.readmit_primary(traffic, away)
    )
    home, resolver = front_door(view, view.ref.impaired_region), view.settings.resolver
    with meter.waiting():
        _until(
            view,
            lambda: leads_to(traffic.name, home, resolver) is (not there),
            f"{traffic.name} after {detail}",
        )
    facts |= {"name": traffic.name, "simulated": False, "detail": detail, "waited_s": meter.waited_s}
    writer.append(EventType.TRAFFIC_REHEARSED, facts | {"effective_at": datetime.now(UTC).isoformat()})
    return True


def _until(view: RunView, true: Callable[[], bool], what: str) -> int:
    """Look until it is true; return how often was looked."""
    end = time.monotonic() + max(view.wall(EFFECTIVE_LIMIT_MODELLED_S), EFFECTIVE_LIMIT_AT_LEAST_S)
    looks = 1
    while not true():
        if time.monotonic() > end:
            message = f"{view.ref.system}: {what} is not as it should be after {EFFECTIVE_LIMIT_MODELLED_S:.0f} s"
            raise DeadlineExceededError(message, system=view.ref.system, region=view.ref.recovery_region)
        _pause_for(view, max(view.wall(PROBE_EVERY_MODELLED_S), PROBE_EVERY_AT_LEAST_S))
        looks += 1
    return looks


def _pause_for(view: RunView, wall_s: float) -> None:
    """Wait, and hear meanwhile whether people and guards want the drill to go on."""
    end = time.monotonic() + wall_s
    while True:
        listen(view)
        left_s = end - time.monotonic()
        if left_s <= 0:
            return
        time.sleep(min(left_s, 1.0))
