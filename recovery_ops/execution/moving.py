"""Moving traffic and watching it from outside, as a client that follows the DNS name."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from recovery_ops.aws import traffic as aws_traffic
from recovery_ops.aws.limits import (
    EFFECTIVE_LIMIT_AT_LEAST_S,
    EFFECTIVE_LIMIT_MODELLED_S,
    PROBE_EVERY_AT_LEAST_S,
    PROBE_EVERY_MODELLED_S,
)
from recovery_ops.aws.traffic import Probe
from recovery_ops.errors import DeadlineExceededError, VerificationFailedError
from recovery_ops.execution.fencing import give_back
from recovery_ops.execution.heeding import listen
from recovery_ops.execution.meter import Meter
from recovery_ops.execution.probing import body_of
from recovery_ops.execution.trial import answers_within_s, judge_again
from recovery_ops.execution.view import DRILL, RunView
from recovery_ops.model.events import EventType
from recovery_ops.model.plan import SystemStep
from recovery_ops.model.system import CutoverMethod
from recovery_ops.quality.probes import percentile
from recovery_ops.record.log import EventWriter

Outputs = dict[str, Any]


def cut_over(view: RunView, writer: EventWriter, meter: Meter) -> Outputs:
    """Move traffic to the recovery region and wait until an outside client sees it there.

    The record says that traffic may move before anything is sent: an answer that is lost, or a process that dies, then
    leaves nothing that only AWS knows.

    Raises:
        DeadlineExceededError: The command was accepted, but no client was answered by the recovery region in time.
    """
    facts = {"from_region": view.ref.impaired_region, "to_region": view.ref.recovery_region}
    facts |= {"method": view.system.traffic.method}
    writer.append(EventType.TRAFFIC_MOVING, facts)
    detail = send_traffic(view, view.ref.recovery_region)
    writer.append(EventType.TRAFFIC_MOVED, facts | {"detail": detail})
    with meter.waiting():
        probes, answer = _until_answered_by(view, view.ref.recovery_region)
    if not _is_from(answer, view.ref.recovery_region):
        message = (
            f"{view.system.traffic.name}: {detail}, but after {EFFECTIVE_LIMIT_MODELLED_S:.0f} s no outside client is"
            f" answered by {view.ref.recovery_region}; the last was {_seen(answer)}"
        )
        raise DeadlineExceededError(message, system=view.ref.system, region=view.ref.recovery_region)
    seen = {"answered_by": answer.region, "probes": probes, "waited_s": meter.waited_s}
    writer.append(EventType.TRAFFIC_OBSERVED, {"effective_at": datetime.now(UTC).isoformat()} | seen)
    return {"region": answer.region}


def send_traffic(view: RunView, region: str) -> str:
    """Send clients to ``region``, one of the two of this run, and return what was done. Safe to repeat.

    The switch that withdraws home lies in the other region. Where that region must not be called, nothing is sent: its
    health check cannot read the switch, counts home as healthy, and DNS answers home by itself.
    """
    traffic = view.system.traffic
    other = view.ref.impaired_region if region == view.ref.recovery_region else view.ref.recovery_region
    if traffic.method is not CutoverMethod.HEALTH_SWITCH:
        return aws_traffic.swap_records(traffic, region, front_door(view, region), front_door(view, other))
    if region != view.system.home:
        reason = {"run": view.ref.run_id, "withdrawn": other, "by": view.person}
        return aws_traffic.withdraw_primary(traffic, region, json.dumps(reason).encode())
    if other == view.ref.impaired_region and not view.is_graceful(SystemStep.CUTOVER):
        return f"the switch in {other} cannot be reached, by us or by its health check; home answers by itself"
    return aws_traffic.readmit_primary(traffic, other)


def front_door(view: RunView, region: str) -> str:
    """Return the host of a region's front door: written in the catalog, or ``component:Output`` of its stack.

    The output of the region we leave comes from the recovery point, never from that region.
    """
    written = view.system.traffic.front_doors[region]
    component, separator, output = written.partition(":")
    if not separator:
        return written
    if region == view.ref.recovery_region:
        return str(view.outputs(view.system.component(component))[component]["stack_outputs"][output])
    return str(view.captures[component].content["stack_outputs"][output])


def own_door(view: RunView) -> tuple[str, str] | None:
    """Return the name under which a drill asks the front door that it made, and the host of that door.

    ``None`` when the catalog gives no such name, or the front door is none that a component makes.
    """
    name = view.system.traffic.drill.host_of(view.ref.run_id)
    made = ":" in view.system.traffic.front_doors[view.ref.recovery_region]
    return (name, front_door(view, view.ref.recovery_region)) if name and made else None


def probe_own_door(view: RunView) -> Probe:
    """Ask the front door that a drill made; raises ``TypeError`` when it has none."""
    door = own_door(view)
    if door is None:
        raise TypeError(f"{view.ref.run_id} has no front door of its own")
    path, body = view.system.traffic.path, body_of(view.captures)
    return aws_traffic.probe(door[0], path, body, resolver=view.settings.resolver, host=door[1])


def _probe(view: RunView, host: str | None = None) -> Probe:
    """Ask as clients do; a drill has no clients but itself. The answer says whose front door it came from."""
    if view.slot == DRILL:
        answer = probe_own_door(view)
    else:
        traffic, body = view.system.traffic, body_of(view.captures)
        answer = aws_traffic.probe(traffic.name, traffic.path, body, resolver=view.settings.resolver, host=host)
    return replace(answer, region=_behind(view, answer)) if answer.ok and not answer.region else answer


def _behind(view: RunView, answer: Probe) -> str:
    """Return whose front door a probe went to; empty when that cannot be told, which counts for neither region.

    API Gateway does not say in which region it answers, so it is told by where DNS led this very probe.
    """
    regions = (view.ref.recovery_region, view.ref.impaired_region)
    return aws_traffic.whose(answer, {region: door for region in regions if (door := _known_door(view, region))})


def _known_door(view: RunView, region: str) -> str | None:
    """Return the front door of a region, or ``None`` while no step and no recovery point tells it."""
    try:
        return front_door(view, region)
    except KeyError:
        return None


def probe_name(view: RunView) -> Probe:
    """Ask once as a client of the DNS name does."""
    return _probe(view)


def _pause(view: RunView) -> None:
    """Wait for the next probe, and hear whether people want the run to go on.

    Raises:
        RunCancelledError: They do not.
    """
    import time

    listen(view)
    time.sleep(max(view.wall(PROBE_EVERY_MODELLED_S), PROBE_EVERY_AT_LEAST_S))


def _until_answered_by(view: RunView, region: str) -> tuple[int, Probe]:
    """Probe until ``region`` answers or time is up; return how often was asked, and the last answer."""
    import time

    end = time.monotonic() + max(view.wall(EFFECTIVE_LIMIT_MODELLED_S), EFFECTIVE_LIMIT_AT_LEAST_S)
    probes = 1
    while not _is_from(answer := _probe(view), region) and time.monotonic() < end:
        _pause(view)
        probes += 1
    return probes, answer


def _is_from(answer: Probe, region: str) -> bool:
    return answer.ok and answer.region == region


def _seen(answer: Probe) -> str:
    """Say what a probe that does not count saw, and what is missing where nobody can tell who answered."""
    if answer.ok and not answer.region:
        way = ", ".join(sorted(answer.names)) or "no name that is known"
        return (
            f"answered with {answer.status} over {way}: which region that is cannot be told"
            " (make the failover records CNAMEs to the hosts in traffic.front_doors)"
        )
    return answer.detail or f"answered by {answer.region} with {answer.status}"


@dataclass(kw_only=True)
class _Soak:
    """What the outside probe saw while the new side was on trial."""

    max_failed_ratio: float
    max_p95_ms: float | None
    healthy_since: datetime | None = None
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def see(self, answer: Probe, region: str) -> None:
        if _is_from(answer, region):
            self.seconds.append(answer.seconds)
            self.healthy_since = self.healthy_since or datetime.now(UTC)
        else:
            self.failures.append(_seen(answer))

    @property
    def probes(self) -> int:
        return len(self.seconds) + len(self.failures)

    @property
    def p95_ms(self) -> float | None:
        return round(percentile(self.seconds, 0.95) * 1000, 2) if self.seconds else None

    def problems(self) -> list[str]:
        """Say what clients outside would complain about; nothing when they were answered well."""
        found = []
        if self.healthy_since is None or len(self.failures) > int(self.max_failed_ratio * self.probes):
            found.append(f"{len(self.failures)} of {self.probes} probes failed: {self.failures[-1:]}")
        if self.p95_ms is not None and self.max_p95_ms is not None and self.p95_ms > self.max_p95_ms:
            found.append(f"p95 of the answers outside was {self.p95_ms} ms, allowed {self.max_p95_ms} ms")
        return found


def observe(view: RunView, writer: EventWriter, meter: Meter) -> Outputs:
    """Watch the recovered system from outside for the soak; T8 is the start of the window that survived.

    Raises:
        VerificationFailedError: Too many probes failed or were answered late, or a model is not right or not fast any
            more; the run will be rolled back where that is possible.
    """
    import time

    traffic, limit_s = view.system.traffic, answers_within_s(view.system)
    max_p95_ms = None if limit_s is None else round(limit_s * 1000, 2)
    soak = _Soak(max_failed_ratio=traffic.max_failed_ratio, max_p95_ms=max_p95_ms)
    end = time.monotonic() + view.wall(traffic.soak_s)
    with meter.waiting():
        while time.monotonic() < end or soak.probes < traffic.min_probes:
            soak.see(_probe(view), view.ref.recovery_region)
            _pause(view)
        broken = judge_again(view, writer)
    reasons = soak.problems()
    reasons += [f"{check.component}: {check.gate} {check.name}: {check.outcome}" for check in broken]
    reason = "; ".join(reasons)
    facts = {
        "outcome": "unhealthy" if reasons else "healthy",
        "healthy_since": soak.healthy_since.isoformat() if soak.healthy_since else None,
        "ended_at": datetime.now(UTC).isoformat(),
        "probes": soak.probes,
        "failed": len(soak.failures),
        "p95_ms": soak.p95_ms,
        "max_p95_ms": soak.max_p95_ms,
        "reason": reason,
    }
    writer.append(EventType.SOAK_ENDED, facts)
    if reasons:
        raise VerificationFailedError(f"{view.ref.system}: the soak failed: {reason}", region=view.ref.recovery_region)
    return {"healthy_since": facts["healthy_since"]}


def _stays(view: RunView) -> str:
    """Say where traffic is that is not put back, as far as the record knows."""
    new = view.ref.recovery_region
    known = any(event.type is EventType.TRAFFIC_MOVED for event in view.log.events_of(f"{SystemStep.CUTOVER}#"))
    in_doubt = f"the command to send traffic to {new} was given and not answered, so it may be there"
    return f"traffic stays in {new}" if known else in_doubt


def roll_back(view: RunView, writer: EventWriter, meter: Meter) -> Outputs:
    """Put traffic back where it came from if that side answers; otherwise say that it does not, and leave traffic."""
    old = view.ref.impaired_region
    answer = _probe(view, host=front_door(view, old))
    if not answer.ok:
        why = f"{old} does not answer ({answer.detail or answer.status}); {_stays(view)}"
        writer.append(EventType.RUN_ROLLED_BACK, {"why": why, "to_region": None, "serving": False})
        return {"serving": False}
    give_back(view, writer)
    detail = send_traffic(view, old)
    with meter.waiting():
        _, last = _until_answered_by(view, old)
    serving = _is_from(last, old)
    why = f"{old} answers again" if serving else f"{detail}, but no client is answered by {old} yet: {_seen(last)}"
    writer.append(EventType.RUN_ROLLED_BACK, {"why": why, "to_region": old, "serving": serving})
    return {"serving": serving}
