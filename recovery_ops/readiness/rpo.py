"""The live RPO alone: how old the newest recoverable state of every component is, in every recovery region."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from recovery_ops.aws.calls import calling_as
from recovery_ops.aws.objects import in_threads
from recovery_ops.kinds import Kind, driver
from recovery_ops.model.findings import Finding
from recovery_ops.model.readiness import Recoverable
from recovery_ops.model.system import System
from recovery_ops.readiness.direction import Way, context_of, recoverable_state
from recovery_ops.readiness.points import usable_point
from recovery_ops.readiness.questions import Answers
from recovery_ops.readiness.sweeping import LOOKING, dark_regions, serving_now


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRpo:
    """What could be recovered in one region, and what is wrong with newer points or could not be asked."""

    region: str
    dark: bool
    point_id: str | None
    recoverable: tuple[Recoverable, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def within(self) -> bool:
        """Return whether every component with an objective is known to be within it."""
        return not self.dark and all(state.within is not False for state in self.recoverable) and not self.findings


def live_rpo(system: System, *, regions: Sequence[str] = ()) -> tuple[LiveRpo, ...]:
    """Return the live RPO in every region that ``system`` could recover in, or in ``regions``. Reads only."""
    now = datetime.now(UTC)
    with calling_as(LOOKING):
        dark = dark_regions(system)
        serving = serving_now(system, dark)
        wanted = [region for region in system.regions if region != serving and region in (regions or system.regions)]
        return tuple(_of(Way(system=system, serving_region=serving, region=region), dark, now) for region in wanted)


def _of(way: Way, dark: frozenset[str], now: datetime) -> LiveRpo:
    if way.region in dark:
        return LiveRpo(region=way.region, dark=True, point_id=None)
    answers = Answers(way.region)
    usable = answers.value("", "recovery points", lambda: usable_point(way.system, way.region))
    point_id = usable.point.id if usable and usable.point else None
    kinds = [kind for kind in map(driver, way.system.components) if kind.stateful]

    def ask(kind: Kind) -> Recoverable | None:
        ctx = context_of(way, kind.component, usable)
        return answers.value(kind.component.name, "live RPO", lambda: recoverable_state(kind, ctx, point_id, now))

    found = [state for state in in_threads(ask, kinds) if state is not None]
    findings = (*(usable.findings if usable else ()), *answers.findings)
    return LiveRpo(region=way.region, dark=False, point_id=point_id, recoverable=tuple(found), findings=findings)


def as_rows(found: Sequence[LiveRpo]) -> list[Mapping[str, object]]:
    """Return plain JSON values, one object per region and component."""
    return [
        {
            "region": way.region,
            "component": state.component,
            "source": state.source,
            "point_id": state.point_id,
            "watermark": state.watermark.isoformat() if state.watermark else None,
            "age_s": state.age_s,
            "objective_s": state.objective_s,
            "within": state.within,
        }
        for way in found
        for state in way.recoverable
    ]
