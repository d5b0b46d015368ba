"""What was seen from outside: the outage of a client, and which acknowledged writes are gone."""

from recovery_ops.model.events import EventType
from recovery_ops.model.plan import SystemStep
from recovery_ops.record.payload import Payload
from recovery_ops.record.state import DataLoss
from recovery_ops.reporting.facts import Facts, Json, iso, seconds


def client(facts: Facts) -> Json:
    """Return what the client saw that knows only the DNS name; its last word counts, ``None`` is not measured."""
    found = facts.payloads(EventType.CLIENT_OBSERVED)
    seen = found[-1][1] if found else Payload({})
    answered = seen.part("answered_by")
    return {
        "measured": bool(found),
        "outage_s": seconds(seen.number("outage_s")),
        "outage_modelled_s": seconds(_outage_modelled_s(facts, seen)),
        "outage_started_at": iso(seen.time("outage_started_at")),
        "outage_ended_at": iso(seen.time("outage_ended_at")),
        "requests": seen.whole("requests"),
        "failed": seen.whole("failed"),
        "sticky_outage_s": seconds(seen.number("sticky_outage_s")),
        "answered_by": {region: answered.whole(region) for region in sorted(answered.everything)},
    }


def _outage_modelled_s(facts: Facts, seen: Payload) -> float | None:
    """As the client said, or stretched as the time from T0 to T7, which is what the client waits through, is."""
    said, wall_s = seen.number("outage_modelled_s"), seen.number("outage_s")
    if said is not None or wall_s is None:
        return said
    since, until = facts.clock("T0"), facts.clock("T7")
    if since is None or until is None:
        return None
    run = facts.along(SystemStep.CUTOVER, since, until)
    if wall_s < run.wall_s:
        return wall_s / run.wall_s * run.modelled_s
    return wall_s + run.modelled_s - run.wall_s


def writer(facts: Facts) -> Json:
    """Return the acknowledged writes of the writer outside against what the recovered system serves, all components."""
    losses = list(losses_by_component(facts).values())
    return {
        "measured": bool(losses),
        "acknowledged": _total([loss.acknowledged for loss in losses]),
        "served": _total([loss.served for loss in losses]),
        "lost": _total([loss.lost for loss in losses]),
    }


def losses_by_component(facts: Facts) -> dict[str, DataLoss]:
    """Return the last count of every component."""
    return {loss.component: loss for loss in facts.state.data_loss}


def data_loss(facts: Facts, points: list[Json]) -> Json:
    """Return, per component, the point, its age at T0 the writes that are gone, and how far the points lie apart."""
    losses = losses_by_component(facts)
    by_name = {point["component"]: point for point in points}
    names = [name for name in facts.components if name in by_name or name in losses]
    names += sorted((set(by_name) | set(losses)) - set(names))
    refused = facts.declared.part("point").part("refused")
    return {
        "components": [_loss(name, by_name.get(name), losses.get(name)) for name in names],
        "skew_s": seconds(_skew_s(points)),
        "points_refused": [{"point_id": name, "reason": refused.text(name)} for name in sorted(refused.everything)],
        "duplicated": None,
        "reconciliation": None,
    }


def _loss(name: str, point: Json | None, loss: DataLoss | None) -> Json:
    return {
        "component": name,
        "source": point["source"] if point else None,
        "point_id": point["point_id"] if point else None,
        "watermark": point["watermark"] if point else None,
        "rpo_s": point["rpo_s"] if point else None,
        "acknowledged": loss.acknowledged if loss else None,
        "served": loss.served if loss else None,
        "lost": loss.lost if loss else None,
        "basis": loss.basis if loss else None,
    }


def _skew_s(points: list[Json]) -> float | None:
    """AWS seconds between the oldest and the newest watermark that components were recovered from."""
    ages = [point["rpo_s"] for point in points if point["rpo_s"] is not None]
    return max(ages) - min(ages) if len(ages) > 1 else None


def _total(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None
