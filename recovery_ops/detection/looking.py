"""Looking at a region from outside of it: every signal once, side by side, none waiting for another."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from recovery_ops.aws import traffic
from recovery_ops.aws.alarms import alarm_states
from recovery_ops.aws.calls import calling_as, current_caller
from recovery_ops.aws.liveness import newest_object_at, services_alive
from recovery_ops.aws.objects import in_threads
from recovery_ops.errors import RecoveryError
from recovery_ops.model.detection import Detection, Sighting, SignalName, SignalState
from recovery_ops.model.points import ConsistentPoint
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import System
from recovery_ops.protection.shelf import Shelf

NO_INPUT = b"{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Whom to judge and from where. ``point`` is the newest recovery point, so that nothing is asked of ``region``."""

    system: System
    policy: Detection
    region: str
    watcher: str
    point: ConsistentPoint | None
    now: datetime
    settings: Settings

    @property
    def front_door(self) -> str | None:
        """Return the host of the region's front door: written in the catalog, or as it was captured there."""
        written = self.system.traffic.front_doors.get(self.region, "")
        component, separator, output = written.partition(":")
        if not separator:
            return written or None
        if self.point is None or self.point.region != self.region or component not in self.point.captures:
            return None
        door: str | None = self.point.captures[component].content.get("stack_outputs", {}).get(output)
        return door

    @property
    def body(self) -> bytes:
        """Return the body of a probe: an input that was captured, as clients send it."""
        for capture in self.point.captures.values() if self.point else ():
            if "probe_row" in capture.content:
                return json.dumps({"instances": [capture.content["probe_row"]]}).encode()
        return NO_INPUT


def look(place: Place) -> tuple[Sighting, ...]:
    """Return one sighting of every signal of the policy; one that could not be asked is unknown."""
    caller = current_caller()

    def one(name: SignalName) -> Sighting:
        with calling_as(caller):
            try:
                return LOOKS[name](place)
            except RecoveryError as error:
                return Sighting(name=name, state=SignalState.UNKNOWN, detail=error.message)

    return tuple(in_threads(one, place.policy.signals))


def captured(system: System, watcher: str) -> ConsistentPoint | None:
    """Return the newest readable recovery point in ``watcher``: it knows front door and input of a probe."""
    try:
        points = Shelf(system=system).all(watcher)
        return next((found for found in points if isinstance(found, ConsistentPoint)), None)
    except RecoveryError:
        return None


def trouble_of(region: str) -> str:
    """Return why ``region`` cannot take over now, empty when its AWS services all answer."""
    life = services_alive(region)
    return f"{', '.join(sorted(life.silent))} of {region} do not answer" if life.silent else ""


def _alarms(place: Place) -> Sighting:
    wanted = [name.format(region=place.region) for name in place.policy.alarms]
    states = alarm_states(wanted, place.watcher)
    raised = [alarm for alarm in states if alarm.state == "ALARM"]
    if raised:
        return _seen(SignalName.ALARM, SignalState.IMPAIRED, "; ".join(f"{a.name}: {a.reason}" for a in raised))
    if len(states) < len(wanted) or any(alarm.state != "OK" for alarm in states):
        return _seen(SignalName.ALARM, SignalState.UNKNOWN, f"{place.watcher} lacks alarms, or they lack data")
    return _seen(SignalName.ALARM, SignalState.HEALTHY)


def _name(place: Place) -> Sighting:
    answer = _probe(place, None)
    if answer.region and answer.region != place.region:
        return _seen(SignalName.NAME, SignalState.UNKNOWN, f"{answer.region} answers {place.system.traffic.name}")
    return _judged(SignalName.NAME, place, answer)


def _front_door(place: Place) -> Sighting:
    door = place.front_door
    if door is None:
        return _seen(SignalName.FRONT_DOOR, SignalState.UNKNOWN, f"the front door of {place.region} is not known yet")
    return _judged(SignalName.FRONT_DOOR, place, _probe(place, door))


def _aws(place: Place) -> Sighting:
    life = services_alive(place.region)
    if not life.answered:
        return _seen(SignalName.AWS, SignalState.IMPAIRED, f"none of {', '.join(sorted(life.silent))} answers")
    if life.silent:
        said = f"{', '.join(sorted(life.silent))} silent, {', '.join(sorted(life.answered))} answer"
        return _seen(SignalName.AWS, SignalState.PARTIAL, said)
    slowest = max(life.answered, key=lambda service: life.answered[service])
    if life.answered[slowest] > place.policy.slow_s:
        return _seen(SignalName.AWS, SignalState.SLOW, f"{slowest} took {life.answered[slowest]:.1f} s")
    return _seen(SignalName.AWS, SignalState.HEALTHY)


def _replication(place: Place) -> Sighting:
    watched = place.policy.replication
    if watched is None:
        return _seen(SignalName.REPLICATION, SignalState.UNKNOWN, "the catalog names nothing to look at")
    bucket = watched.bucket.format(region=place.watcher)
    newest = newest_object_at(bucket, watched.prefix, place.watcher)
    if newest is None:
        return _seen(SignalName.REPLICATION, SignalState.UNKNOWN, f"nothing under s3://{bucket}/{watched.prefix} yet")
    age_s = (place.now - newest).total_seconds()
    late = age_s > watched.max_age_s * place.settings.time_factor
    state = SignalState.IMPAIRED if late else SignalState.HEALTHY
    return _seen(SignalName.REPLICATION, state, f"newest object of s3://{bucket}/{watched.prefix} is {age_s:.0f} s old")


def _probe(place: Place, host: str | None) -> traffic.Probe:
    where = place.system.traffic
    return traffic.probe(where.name, where.path, place.body, resolver=place.settings.resolver, host=host)


def _judged(name: SignalName, place: Place, answer: traffic.Probe) -> Sighting:
    if answer.status == 500 and place.body == NO_INPUT:
        return _seen(name, SignalState.UNKNOWN, "no recovery point tells what to ask; an error says nothing")
    if not 0 < answer.status < 500:
        return _seen(name, SignalState.IMPAIRED, answer.detail or f"status {answer.status}")
    if answer.seconds > place.policy.slow_s:
        return _seen(name, SignalState.SLOW, f"answered after {answer.seconds:.1f} s")
    return _seen(name, SignalState.HEALTHY)


def _seen(name: SignalName, state: SignalState, detail: str = "") -> Sighting:
    return Sighting(name=name, state=state, detail=detail)


LOOKS: Mapping[SignalName, Callable[[Place], Sighting]] = {
    SignalName.ALARM: _alarms,
    SignalName.NAME: _name,
    SignalName.FRONT_DOOR: _front_door,
    SignalName.AWS: _aws,
    SignalName.REPLICATION: _replication,
}
