"""One look at the region that serves: signals, judgment, what is remembered and what goes into the record of a run."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.aws.object_store import open_store
from recovery_ops.detection.judging import Circumstances, continued, dag_run_id, followed, judge
from recovery_ops.detection.looking import Place, captured, look, trouble_of
from recovery_ops.errors import RecoveryError, RequestError
from recovery_ops.execution.open_runs import open_run
from recovery_ops.execution.serving import serving_region
from recovery_ops.execution.view import open_log
from recovery_ops.model.detection import Decision, Detection, Judgment, Override, Verdict, Watch
from recovery_ops.model.events import EventType
from recovery_ops.model.runs import RunRef
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import System
from recovery_ops.record.seal import complete
from recovery_ops.record.watches import Watches

log = structlog.get_logger(__name__)

LOOKING = Caller(run_id="detection", step="system.detection", impatient=True)
WRITER = "detection"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one look came to. ``news`` says whether people have not been told of it yet."""

    judgment: Judgment
    dag_run_id: str | None
    news: bool


def sweep(system: System, *, now: datetime | None = None) -> Outcome:
    """Look at the region that serves ``system``, judge it, remember the judgment and put it into an open run.

    Raises:
        RequestError: The catalog has no ``detection``.
        RecordError: The record answers in no region, so nothing can be known or remembered.
    """
    policy = _policy(system)
    now = now or datetime.now(UTC)
    with calling_as(LOOKING):
        watches = watches_of(system)
        watch = watches.read()
        region = serving_region(system).region
        target = _target(system, region)
        running = open_run(system)
        settings = Settings.from_environment()
        place = Place(
            system=system,
            policy=policy,
            region=region,
            watcher=target,
            point=captured(system, target),
            now=now,
            settings=settings,
        )
        before = watch.judgment if watch.judgment and watch.judgment.region == region else None
        signals = followed(before.signals if before else (), look(place), now)
        found = judge(
            signals,
            policy,
            Circumstances(
                region=region,
                recovery_region=target,
                now=now,
                target_trouble=trouble_of(target),
                open_run=running.run_id if running else None,
                automatic_at=None if _goes_on(watch, region) else watch.automatic_at,
                override=watches.override(),
                time_factor=settings.time_factor,
            ),
        )
        judgment = continued(found, before)
        remembered = _note(system, running, watch, judgment)
        outcome, remembered = _follow(judgment, remembered, now)
        watches.write(remembered, now)
    log.info("health judged", system=system.name, region=region, verdict=judgment.verdict, decision=judgment.decision)
    return outcome


def override(system: System, *, paused: bool, person: str, reason: str, now: datetime | None = None) -> Override:
    """Let a person switch automatic failover off or on; it counts from the next look, before the catalog.

    Raises:
        RequestError: The catalog has no ``detection``.
        RecordError: The record answers in no region; nothing was changed.
    """
    _policy(system)
    said = Override(paused=paused, person=person, reason=reason, at=now or datetime.now(UTC))
    with calling_as(LOOKING):
        watches_of(system).say(said)
    return said


def watches_of(system: System) -> Watches:
    """Return what detection remembers of ``system``, in every region; a dead one is asked briefly."""
    stores = [open_store(system.record_bucket.format(region=one), one, suspect=True) for one in system.regions]
    return Watches(stores, system.name)


def _policy(system: System) -> Detection:
    if system.detection is None:
        raise RequestError(f"the catalog of {system.name} has no section detection; nobody judges its regions")
    return system.detection


def _goes_on(watch: Watch, region: str) -> bool:
    """Whether the last automatic run belongs to the incident that was judged last: it may be asked for again."""
    last = watch.judgment
    if last is None or last.region != region or last.impact_at is None:
        return False
    return dag_run_id(last) == watch.automatic_run


def _target(system: System, serving: str) -> str:
    """Return where to go: home when another region serves, else the first other one."""
    return system.home if serving != system.home else next(one for one in system.regions if one != serving)


def _follow(judgment: Judgment, watch: Watch, now: datetime) -> tuple[Outcome, Watch]:
    words = f"{judgment.region} {judgment.verdict} {judgment.decision}"
    key = words if judgment.decision is not Decision.NOTHING else None
    news = key is not None and key != watch.told
    told = key or (None if judgment.verdict is Verdict.HEALTHY else watch.told)
    run = dag_run_id(judgment) if judgment.decision is Decision.FAIL_OVER else None
    if run is not None and run != watch.automatic_run:
        watch = replace(watch, automatic_run=run, automatic_at=now)
    return Outcome(judgment=judgment, dag_run_id=run, news=news), replace(watch, judgment=judgment, told=told)


def _note(system: System, running: RunRef | None, watch: Watch, judgment: Judgment) -> Watch:
    """Put the judgment before an open run into its record, once: the one that led to it."""
    last = watch.judgment if watch.judgment is not None and watch.judgment.impact_at else judgment
    if running is None or running.run_id == watch.noted_in or last.impact_at is None:
        return watch
    try:
        event_log = open_log(running, system)
        event_log.writer(WRITER).append(EventType.HEALTH_JUDGED, payload_of(last))
        complete(event_log)
    except RecoveryError as error:
        log.warning("a judgment is not in the record of its run", run_id=running.run_id, error=error.message)
        return watch
    return replace(watch, noted_in=running.run_id)


def payload_of(judgment: Judgment) -> dict[str, object]:
    """Return a judgment as the payload of :attr:`EventType.HEALTH_JUDGED`."""
    facts = judgment.to_json()
    return {
        "region": facts["region"],
        "signals": [{name: item[name] for name in ("name", "state", "since", "detail")} for item in facts["signals"]],
        "quorum": facts["quorum"],
        "verdict": facts["verdict"],
        "decision": facts["decision"],
        "why": facts["why"],
        "scenario": facts["scenario"],
        "impact_at": facts["impact_at"],
        "detected_at": facts["detected_at"],
    }
