"""Which recovery point a run starts from: the newest complete one that fits, with the reasons for every one refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from recovery_ops.aws.objects import content_problem, in_threads
from recovery_ops.errors import NoRecoveryPointError, PointDamagedError
from recovery_ops.kinds import StepContext, driver
from recovery_ops.model.plan import Intent
from recovery_ops.model.points import ConsistentPoint
from recovery_ops.model.runs import RunRequest
from recovery_ops.model.system import System
from recovery_ops.protection.shelf import Shelf

READ_UP_TO_BYTES = 64 << 20
"""Objects up to this size are read and hashed before a point is trusted; verification reads the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The point to recover from, and why newer ones were not taken (id -> reason)."""

    point: ConsistentPoint
    refused: Mapping[str, str] = field(default_factory=dict)


def choose_point(system: System, request: RunRequest, *, impact_at: datetime) -> Choice:
    """Return the newest complete point in the recovery region that fits ``request``. Reads only.

    With ``point_id`` only that one is taken. With ``before`` (intent corruption) its watermark must not be later.

    Raises:
        NoRecoveryPointError: None fits; says why each was refused and offers the next older one with its RPO.
    """
    refused: dict[str, str] = {}
    for found in Shelf(system=system).all(request.recovery_region):
        if isinstance(found, PointDamagedError):
            refused[found.facts["point_id"]] = found.message
        elif reason := _unfit(found, request) or damage(system, found, request.recovery_region):
            refused[found.id] = reason
        elif request.point_id is not None and found.id != request.point_id:
            if request.point_id in refused:
                raise _none(system, request, refused, offer=found, impact_at=impact_at)
        else:
            return Choice(point=found, refused=refused)
    raise _none(system, request, refused, offer=None, impact_at=impact_at)


def _unfit(point: ConsistentPoint, request: RunRequest) -> str | None:
    if request.intent is Intent.CORRUPTION and request.before is not None:
        newest = max(capture.watermark for capture in point.captures.values())
        if newest > request.before:
            return f"holds data until {newest:%Y-%m-%d %H:%M:%S} UTC, after {request.before:%Y-%m-%d %H:%M:%S} UTC"
    return None


def damage(system: System, point: ConsistentPoint, region: str) -> str | None:
    """Return why ``point`` is not complete and unaltered in ``region``, or ``None``. Reads only."""
    names = {component.name for component in system.components if driver(component).protected}
    if absent := sorted(names - set(point.captures)):
        return f"holds nothing of {', '.join(absent)}"
    objects = [item for capture in point.captures.values() for item in capture.objects]
    problems = in_threads(lambda item: content_problem(item, region, read_up_to=READ_UP_TO_BYTES), objects)
    problems += [problem for name in sorted(names) for problem in _missing(system, point, name, region)]
    known = [problem for problem in problems if problem]
    return "; ".join(known[:5]) + (f"; and {len(known) - 5} more" if len(known) > 5 else "") if known else None


def _missing(system: System, point: ConsistentPoint, name: str, region: str) -> list[str]:
    component = system.component(name)
    ctx = StepContext(
        system=system,
        component=component,
        run_id=point.id,
        source_region=point.region,
        target_region=region,
        capture=point.captures[name],
        captures=point.captures,
    )
    return list(driver(component).missing(point.captures[name], ctx))


def _none(
    system: System,
    request: RunRequest,
    refused: Mapping[str, str],
    *,
    offer: ConsistentPoint | None,
    impact_at: datetime,
) -> NoRecoveryPointError:
    region = request.recovery_region
    wanted = f"recovery point {request.point_id}" if request.point_id else "complete recovery point"
    if request.before is not None:
        wanted += f" from before {request.before.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    lines = [f"{system.name}: there is no {wanted} in {region}; nothing was changed"]
    lines += [f"  {point_id}: {reason}" for point_id, reason in refused.items()]
    if offer is not None:
        age = (impact_at - offer.watermark).total_seconds()
        lines.append(f"  the next older complete one is {offer.id}: ask for it with --point; it would lose {age:.0f} s")
    return NoRecoveryPointError("\n".join(lines), system=system.name, region=region, refused=dict(refused))
