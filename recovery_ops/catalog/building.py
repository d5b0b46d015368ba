"""From a catalog without problems to the values everything else works with."""

from collections.abc import Mapping
from pathlib import Path

from recovery_ops.catalog.draft import Draft, DraftComponent
from recovery_ops.catalog.objectives import DRILL_EVERY_S, Objectives, every_s, lock_s, objectives
from recovery_ops.catalog.text import ApprovalText, DetectionText, HeaderText, TrafficText
from recovery_ops.model.detection import Detection, Notify, Replicated
from recovery_ops.model.drills import BlockedWindow, DrillKind, DrillPolicy, DrillTraffic, Freeze
from recovery_ops.model.objectives import FromPoint
from recovery_ops.model.system import Approval, ApprovalMode, Component, Protection, System, Tier, Traffic


def build(draft: Draft) -> System:
    """Return the system of a draft that has no problems."""
    header, found = draft.header.text, objectives(draft)
    return System(
        name=header.system,
        home=header.home,
        regions=tuple(header.regions),
        pattern=header.pattern,
        rto_s=header.rto,
        traffic=_traffic(header.traffic),
        approval=_approval(header),
        protection=Protection(every_s=every_s(draft), keep_s=header.protect.keep, lock_s=lock_s(draft)),
        people={role: tuple(names) for role, names in header.people.items()},
        components=tuple(_component(item, found[item.text.name]) for item in draft.components),
        consistency=tuple(tuple(dict.fromkeys(group)) for group in header.consistency),
        proof_lasts_s=header.proof_lasts,
        drills=drill_policy(draft),
        detection=_detection(header.detection) if header.detection else None,
        notify=tuple(Notify(**item.model_dump()) for item in header.notify),
        from_point=FromPoint(rto_s=header.from_point.rto),
        record_bucket=header.record.bucket,
        point_bucket=header.points.bucket,
        source=draft.document.file,
        folder=str(Path(draft.document.file).with_suffix("")),
    )


def policies(approval: ApprovalText) -> Mapping[Tier, ApprovalMode]:
    """Return the approval policy of every tier; those that are not named have the default."""
    written = {
        Tier.CRITICAL: approval.critical,
        Tier.OPERATIONAL: approval.operational,
        Tier.DEVELOPMENT: approval.development,
    }
    return {tier: mode or approval.default for tier, mode in written.items()}


def drill_policy(draft: Draft) -> DrillPolicy:
    """Return the drill calendar: cadences as written, else those of the lead tier."""
    text = draft.header.text.drills
    lead = min((item.text.tier for item in draft.components), key=lambda tier: tier.rank, default=Tier.DEVELOPMENT)
    written = {DrillKind(name): getattr(text, name) for name in DrillKind}
    return DrillPolicy(
        every_s={kind: value or DRILL_EVERY_S[lead][kind] for kind, value in written.items()},
        retry_s=text.retry,
        blocked=tuple(
            BlockedWindow(days=tuple(dict.fromkeys(item.days)), start=item.start, end=item.end) for item in text.blocked
        ),
        freezes=tuple(Freeze(start=item.start, end=item.end, why=item.why) for item in text.freezes),
        alarms=tuple(dict.fromkeys(text.alarms)),
        ceiling_usd=text.ceiling,
    )


def _component(item: DraftComponent, goals: Objectives) -> Component:
    return Component(
        name=item.text.name,
        kind=item.text.kind,
        tier=item.text.tier,
        standby=item.text.standby,
        rto_s=goals.rto_s,
        rpo_s=goals.rpo_s,
        from_point=goals.from_point,
        needs=tuple(item.text.needs),
        gates_traffic=goals.gates_traffic,
        settings=item.settings,
    )


def _traffic(text: TrafficText) -> Traffic:
    return Traffic(
        name=text.name,
        zone=text.zone or text.name.partition(".")[2],
        ttl_s=text.ttl,
        method=text.method,
        front_doors=dict(text.front_doors),
        health_switch=dict(text.health_switch),
        path=text.path,
        soak_s=text.soak,
        min_probes=text.min_probes,
        max_failed_ratio=text.max_failed_ratio,
        drill=DrillTraffic(
            host=text.drill.host or "", name=text.drill.name or "", health_switch=dict(text.drill.health_switch)
        ),
    )


def _approval(header: HeaderText) -> Approval:
    approvers = header.approval.approvers
    return Approval(
        by_tier=policies(header.approval),
        approvers=tuple(header.people if approvers is None else approvers),
        timeout_s=header.approval.timeout,
        on_timeout=header.approval.on_timeout,
        commit=header.approval.commit,
        commit_timeout_s=header.approval.commit_timeout,
        commit_on_timeout=header.approval.commit_on_timeout,
        hold_s=header.approval.hold,
    )


def _detection(text: DetectionText) -> Detection:
    seen = text.replication
    return Detection(
        signals=tuple(dict.fromkeys(text.signals)),
        quorum=text.quorum,
        hold_down_s=text.hold_down,
        every_s=text.every,
        min_between_runs_s=text.min_between_runs,
        mode=text.mode,
        slow_s=text.slow,
        alarms=tuple(text.alarms),
        queue=text.queue,
        replication=Replicated(bucket=seen.bucket, prefix=seen.prefix, max_age_s=seen.max_age) if seen else None,
    )
