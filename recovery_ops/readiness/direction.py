"""One recovery region asked everything: would a recovery there work today; reads only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from recovery_ops.aws.objects import in_threads
from recovery_ops.execution.systems import plan_for
from recovery_ops.kinds import Kind, StepContext, driver
from recovery_ops.model.finding_codes import finding
from recovery_ops.model.findings import Severity
from recovery_ops.model.plan import Mode, Plan
from recovery_ops.model.readiness import Outlook, Prediction, Proof, Recoverable
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import Component, System
from recovery_ops.planning.predicting import predicted_rpo, predicted_rtos
from recovery_ops.planning.proofs import proof_of
from recovery_ops.readiness import account
from recovery_ops.readiness.diffing import Found
from recovery_ops.readiness.history import History, durations
from recovery_ops.readiness.points import Usable, usable_point
from recovery_ops.readiness.questions import Answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The way from the region that serves to one recovery region, and what is known before anything is asked."""

    system: System
    serving_region: str
    region: str
    history: History = field(default_factory=History)
    past_ages_s: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def plan(self, mode: Mode | None = None) -> Plan:
        """Return the plan of a recovery this way: a failback when it leads home."""
        usual = Mode.FAILBACK if self.region == self.system.home else Mode.FAILOVER
        return plan_for(self.system, self.region, mode=mode or usual, impaired_region=self.serving_region)

    def proof(self, now: datetime) -> Proof:
        """Return whether the plan is proven; a record that cannot be read proves nothing."""
        return proof_of(
            self.plan().hash,
            self.history.trials,
            now=now,
            lasts_s=self.system.proof_lasts_s,
            drill_hash=self.plan(Mode.DRILL).hash,
        )

    def rtos(self) -> tuple[Prediction, ...]:
        """Return the predicted RTO of the system and of every component."""
        return predicted_rtos(self.plan(), durations(self.history.runs, self.region))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was found on one way."""

    found: Found
    point_id: str | None = None
    recoverable: tuple[Recoverable, ...] = ()
    predictions: tuple[Prediction, ...] = ()


def look(way: Way, *, now: datetime, dark: frozenset[str]) -> Seen:
    """Ask everything that can be asked. Regions in ``dark`` are known not to answer and are not called."""
    answers = Answers(way.region)
    if way.region in dark:
        what = f"{way.region} does not answer; nothing in it is known to be ready"
        answers.findings.append(finding("region-dark", "", what))
        return Seen(found=_found(answers, way, dark), predictions=_rtos(way, answers))
    usable = _usable(way, answers)
    _account(way, answers)
    parts = in_threads(lambda one: _component(way, one, usable, now, dark), way.system.components)
    recoverable: list[Recoverable] = []
    for part, state in parts:
        answers.add(part)
        recoverable += [state] if state is not None else []
    predictions = (*_rtos(way, answers), *_rpos(way, recoverable))
    return Seen(
        found=_found(answers, way, dark),
        point_id=usable.point.id if usable and usable.point else None,
        recoverable=tuple(recoverable),
        predictions=predictions,
    )


def recoverable_state(kind: Kind, ctx: StepContext, point_id: str | None, now: datetime) -> Recoverable:
    """Return the newest state that a recovery would start from: a live replica where there is one, else the point."""
    live = kind.live_watermark(ctx)
    pinned = ctx.capture.watermark if ctx.capture else None
    watermark = live or pinned
    age_s = None if watermark is None else max(0.0, (now - watermark).total_seconds()) / (ctx.time_factor or 1.0)
    return Recoverable(
        component=kind.component.name,
        region=ctx.target_region,
        source="replica" if live else "point" if pinned else "none",
        watermark=watermark,
        age_s=None if age_s is None else round(age_s, 3),
        objective_s=kind.component.rpo_s,
        point_id=point_id,
    )


def context_of(way: Way, component: Component, usable: Usable | None) -> StepContext:
    """Return what a kind may know while it is asked; nothing of a run."""
    captures = usable.captures if usable else {}
    return StepContext(
        system=way.system,
        component=component,
        run_id="readiness",
        source_region=way.serving_region,
        target_region=way.region,
        capture=captures.get(component.name),
        captures=captures,
        impact_at=datetime.now(UTC),
        time_factor=Settings.from_environment().time_factor,
    )


def _found(answers: Answers, way: Way, dark: frozenset[str]) -> Found:
    return Found(
        region=way.region,
        findings=tuple(answers.findings),
        unasked=frozenset(answers.unasked),
        dark=way.region in dark,
        compared=way.serving_region not in dark,
    )


def _usable(way: Way, answers: Answers) -> Usable | None:
    """Return the usable point; ``None`` when the region's points could not be read, which is as bad as having none."""
    usable = answers.value("", "recovery points", lambda: usable_point(way.system, way.region))
    if usable is None:
        what = f"recovery points in {way.region} cannot be read, so none can be relied on"
        answers.findings.append(finding("no-recovery-point", "", what, hint="look at the answer of S3"))
        return None
    answers.findings += usable.findings
    return usable


def _account(way: Way, answers: Answers) -> None:
    system, region = way.system, way.region
    answers.ask("", "permissions", lambda: account.permission_findings(system, region))
    answers.ask("", "record", lambda: account.record_findings(system, region))
    answers.ask("", "traffic", lambda: account.traffic_findings(system, way.serving_region, region))
    answers.ask("", "playbook", lambda: account.playbook_findings(system, region))


def _component(
    way: Way, component: Component, usable: Usable | None, now: datetime, dark: frozenset[str]
) -> tuple[Answers, Recoverable | None]:
    answers, kind, ctx = Answers(way.region), driver(component), context_of(way, component, usable)
    if usable is not None:
        answers.ask(component.name, "readiness", lambda: kind.readiness(ctx))
    else:
        answers.unasked.add(component.name)
    if way.serving_region not in dark:
        answers.ask(component.name, "comparison with home", lambda: kind.compare(ctx))
    if not kind.stateful:
        return answers, None
    point_id = usable.point.id if usable and usable.point else None
    state = answers.value(component.name, "live RPO", lambda: recoverable_state(kind, ctx, point_id, now))
    if state is not None and state.within is False and state.age_s is not None:
        what = f"newest recoverable state in {way.region} ({state.source}) is {state.age_s:.0f} s old"
        answers.findings.append(finding("rpo-exceeded", component.name, f"{what}, RPO {state.objective_s:.0f} s"))
    return answers, state


def _rtos(way: Way, answers: Answers) -> tuple[Prediction, ...]:
    predictions = way.rtos()
    for item in predictions:
        if item.verdict is Outlook.NOT_ACHIEVABLE and item.likely_s is not None:
            whole = item.name == way.system.name
            what = f"{item.name}: predicted {item.likely_s:.0f} s, RTO {item.objective_s:.0f} s"
            chain = f"{what}; longest chain: {' > '.join(item.chain)}"
            severity = None if whole or way.system.component(item.name).gates_traffic else Severity.INFO
            answers.findings.append(finding("rto-not-achievable", "" if whole else item.name, chain, severity=severity))
    return predictions


def _rpos(way: Way, recoverable: Sequence[Recoverable]) -> tuple[Prediction, ...]:
    found: list[Prediction] = []
    for state in recoverable:
        if state.objective_s is None:
            continue
        ages = [*way.past_ages_s.get(state.component, ()), *([state.age_s] if state.age_s is not None else [])]
        default = way.system.protection.every_s if state.source == "point" else None
        found.append(predicted_rpo(state.component, state.objective_s, ages, default_s=default))
    return tuple(found)
