"""From signals to a decision: pure functions of what was seen, the policy and the time.

A region is lost when a quorum of independent signals has been impaired for the hold-down *and* none of its AWS services
answers. When some of them answer it is a service that is out; when signals are slow, or go up and down, a brown-out.
Those two are told to people with the page of the playbook that helps; neither ever moves traffic by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from recovery_ops.model.detection import (
    Decision,
    Detection,
    DetectionMode,
    Judgment,
    Override,
    Sighting,
    Signal,
    SignalName,
    SignalState,
    Verdict,
)

SCENARIOS: Mapping[Verdict, str] = {
    Verdict.REGION_LOSS: "region-loss",
    Verdict.SERVICE_OUT: "service-out",
    Verdict.BROWN_OUT: "brown-out",
}
"""Pages of the playbook, by verdict."""
REMEMBERED_CHANGES = 8
FLAPS = 4
"""A signal that turned this often within :data:`FLAP_WINDOW` hold-downs is flapping."""
FLAP_WINDOW = 6.0
TROUBLED = (SignalState.SLOW, SignalState.PARTIAL, SignalState.IMPAIRED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What else counts: where we are asked to go and what has happened there.

    ``target_trouble`` is why the recovery region cannot take over, empty when it can: two regions are never taken out
    of service at once. ``open_run`` is the run that holds the system. ``time_factor`` scales the policy's durations.
    """

    region: str
    recovery_region: str
    now: datetime
    target_trouble: str = ""
    open_run: str | None = None
    automatic_at: datetime | None = None
    override: Override | None = None
    time_factor: float = 1.0


def followed(before: Sequence[Signal], sightings: Sequence[Sighting], now: datetime) -> tuple[Signal, ...]:
    """Return the signals after new sightings; a state that goes on keeps its beginning.

    A look that saw nothing (``unknown``) is not a change of what a region does: it loses the signal its vote, and the
    next look that sees something begins anew.
    """
    known = {signal.name: signal for signal in before}
    return tuple(_follow(known.get(sighting.name), sighting, now) for sighting in sightings)


def judge(signals: Sequence[Signal], policy: Detection, about: Circumstances) -> Judgment:
    """Return the judgment that ``signals`` lead to under ``policy``."""
    verdict, why, impact = _verdict(signals, policy, about)
    decision, reason = _decide(verdict, policy, about)
    found = verdict in SCENARIOS
    return Judgment(
        region=about.region,
        recovery_region=about.recovery_region,
        at=about.now,
        signals=tuple(signals),
        quorum=policy.quorum,
        verdict=verdict,
        decision=decision,
        scenario=SCENARIOS.get(verdict),
        why=f"{why}; {reason}" if reason else why,
        impact_at=impact if found else None,
        detected_at=about.now if found else None,
    )


def continued(judgment: Judgment, before: Judgment | None) -> Judgment:
    """Return ``judgment`` with the clocks of the incident it goes on with, so that T0 and T1 do not move."""
    if before is None or judgment.verdict not in SCENARIOS:
        return judgment
    if (before.verdict, before.region) != (judgment.verdict, judgment.region) or before.impact_at is None:
        return judgment
    return replace(judgment, impact_at=before.impact_at, detected_at=before.detected_at)


def dag_run_id(judgment: Judgment) -> str:
    """Return the id of the run that follows from ``judgment``: the same as long as the incident is the same."""
    if judgment.impact_at is None:
        raise ValueError(f"nothing follows from the verdict {judgment.verdict}")
    return f"automatic__{judgment.region}__{judgment.impact_at:%Y%m%dT%H%M%S.%f}"


def _follow(before: Signal | None, sighting: Sighting, now: datetime) -> Signal:
    if before is not None and before.state is sighting.state:
        return replace(before, detail=sighting.detail)
    turned = before is not None and SignalState.UNKNOWN not in (before.state, sighting.state)
    changes = (*(before.changes if before else ()), *([now] if turned else []))[-REMEMBERED_CHANGES:]
    return Signal(name=sighting.name, state=sighting.state, since=now, detail=sighting.detail, changes=changes)


def _verdict(
    signals: Sequence[Signal], policy: Detection, about: Circumstances
) -> tuple[Verdict, str, datetime | None]:
    held = timedelta(seconds=policy.hold_down_s * about.time_factor)
    troubled = [signal for signal in signals if signal.state in TROUBLED]
    lasting = [signal for signal in troubled if about.now - signal.since >= held]
    votes = [signal for signal in lasting if signal.state is SignalState.IMPAIRED]
    flapping = [signal for signal in signals if _flaps(signal, held, about.now)]
    began = min((signal.since for signal in votes or lasting), default=None)
    services = next((signal for signal in signals if signal.name is SignalName.AWS), None)
    answered = services is not None and services.state in (SignalState.HEALTHY, SignalState.PARTIAL, SignalState.SLOW)
    if len(votes) >= policy.quorum and services in votes:
        return Verdict.REGION_LOSS, f"{_named(votes)} impaired, and no AWS service of {about.region} answers", began
    if len(flapping) > 1:
        began = min(signal.changes[0] for signal in flapping)
        return Verdict.BROWN_OUT, f"{_named(flapping)} go up and down", began
    partial = services is not None and services in lasting and services.state is SignalState.PARTIAL
    if partial or (answered and len(votes) >= max(1, policy.quorum - 1)):
        said = services.detail if services is not None and services.detail else "AWS answers"
        return Verdict.SERVICE_OUT, f"{_named(lasting)} in trouble, yet {about.region} lives: {said}", began
    slow = [signal for signal in lasting if signal.state is SignalState.SLOW]
    if slow:
        return Verdict.BROWN_OUT, f"{_named(slow)} slow, and {about.region} answers", began
    if troubled:
        return Verdict.SUSPECT, f"{_named(troubled)} in trouble; {len(votes)} of {policy.quorum} votes", None
    return Verdict.HEALTHY, "no signal is in trouble", None


def _decide(verdict: Verdict, policy: Detection, about: Circumstances) -> tuple[Decision, str]:
    if verdict not in SCENARIOS:
        return Decision.NOTHING, ""
    if about.open_run is not None:
        return Decision.NOTHING, f"run {about.open_run} is open"
    if verdict is not Verdict.REGION_LOSS:
        return Decision.ADVISE, "a person decides with the playbook"
    reasons = _against(policy, about)
    return (Decision.ADVISE, "; ".join(reasons)) if reasons else (Decision.FAIL_OVER, "policy is automatic")


def _against(policy: Detection, about: Circumstances) -> list[str]:
    """Return every reason not to act without a person."""
    reasons: list[str] = []
    if policy.mode is not DetectionMode.AUTOMATIC:
        reasons.append("policy is advise")
    if about.override is not None and about.override.paused:
        reasons.append(f"{about.override.person} paused automatic failover: {about.override.reason}")
    if about.target_trouble:
        reasons.append(f"{about.recovery_region} cannot take over: {about.target_trouble}")
    pause = timedelta(seconds=policy.min_between_runs_s * about.time_factor)
    if about.automatic_at is not None and about.now - about.automatic_at < pause:
        reasons.append(f"the last automatic run was at {about.automatic_at:%Y-%m-%d %H:%M:%S} UTC")
    return reasons


def _flaps(signal: Signal, held: timedelta, now: datetime) -> bool:
    return sum(now - at <= held * FLAP_WINDOW for at in signal.changes) >= FLAPS


def _named(signals: Sequence[Signal]) -> str:
    return ", ".join(str(signal.name) for signal in signals)
