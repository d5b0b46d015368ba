"""Events: the facts a run leaves behind, and the only source of reports, metrics and verdicts.

Payloads are plain JSON; times in them are ISO 8601 with offset, in UTC; durations are wall seconds unless the name says
``modelled``. Unknown keys must be tolerated by readers. What each type carries is listed in :class:`EventType`.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


class EventType(enum.StrEnum):
    """Every type of event and what its payload holds."""

    RUN_DECLARED = "run-declared"
    """system, mode, drill ("component"|"regional"|"full", null when it is none), graceful, intent, execution
    ("airflow"|"direct"), home, impaired_region, recovery_region, regions, components, reason, person, token (of the
    request; the DAG run under Airflow), people, tool_version, time_factor, account, clocks {T0, T1, T2, T3}, plan
    (frozen plan: system, steps, estimates, hash), plan_hash, criteria (objectives, each with its basis, and gates),
    criteria_hash, point {id, taken_at, watermark, refused {id: reason}, rpo_s {component: s}}, record_copies [regions
    besides the recovery region that get a copy of the record], warnings [str], parted {lost_at, moved_at} (of a
    failback: when the regions stopped to agree), inject (bool: a drill breaks the region that it leaves for itself).
    A tabletop has no plan and no point, but scenario (name), exercise {scenario (as it was), simulated (bool: nobody
    takes part), prepared {inject: {role: answer}}, lessons}, announced (bool), third_parties [str], blast_radius,
    guards [], next_due {drill, due}"""
    RUN_REFUSED = "run-refused"
    """reason, person: for readers only; nobody writes it, because a request that is refused leaves no run"""
    STEP_STARTED = "step-started"
    """step, component, phase, attempt, region, control_planes"""
    OPERATION_STARTED = "operation-started"
    """step, ref (OperationRef)"""
    OPERATION_ENDED = "operation-ended"
    """step, ref, state, detail, waited_s"""
    STEP_SUCCEEDED = "step-succeeded"
    """step, component, phase, attempt, worked_s, waited_s, outputs (JSON, what later steps need), resources [created
    or adopted]"""
    STEP_FAILED = "step-failed"
    """step, component, phase, attempt, worked_s, waited_s, error {type, message, playbook, retryable}"""
    STEP_SKIPPED = "step-skipped"
    """step, reason, person"""
    CHECK_RECORDED = "check-recorded"
    """one model.checks.Check as JSON plus step, attempt and at"""
    GATE_OVERRIDDEN = "gate-overridden"
    """person, reason, step, checks [{component, gate, name, outcome}]"""
    CAPACITY_DECIDED = "capacity-decided"
    """component, region, requested [instance types in order], obtained, count, degraded (bool), refused [{instance,
    reason}]"""
    REFERENCE_MAPPED = "reference-mapped"
    """component, what, source, target (one region-bound reference rewritten)"""
    RECOVERY_POINT_USED = "recovery-point-used"
    """component, kind, source ("replica"|"point"), point_id, watermark, rpo_s, objective_s, detail"""
    FENCED = "fenced"
    """component, region, what"""
    UNFENCED = "unfenced"
    """component, region, what"""
    DEBT_NOTED = "debt-noted"
    """debt ("fence"|"unfence"|"reprotect"|"clean-up"), component, region, what, why"""
    APPROVAL_ASKED = "approval-asked"
    """question ("cutover"|"commit"), asked_in ("airflow" when its human-in-the-loop asks), policy, approvers, timeout_s
    (wall)"""
    APPROVAL_ANSWERED = "approval-answered"
    """question, decision ("approve"|"decline"|"timeout"), person ("policy:auto" when nobody was asked), comment"""
    TRAFFIC_MOVING = "traffic-moving"
    """method, from_region, to_region: the command is about to be sent; whatever becomes of the answer, traffic may
    have moved from here on"""
    TRAFFIC_MOVED = "traffic-moved"
    """method, from_region, to_region, detail (the command was sent)"""
    TRAFFIC_OBSERVED = "traffic-observed"
    """effective_at (T7, as an outside client following DNS sees it), answered_by (region), probes, waited_s"""
    SOAK_ENDED = "soak-ended"
    """outcome ("healthy"|"unhealthy"), healthy_since (T8), ended_at, probes, failed, p95_ms, max_p95_ms (allowed,
    null when no component says), reason"""
    RUN_COMMITTED = "run-committed"
    """by (person, or "policy:…"), region"""
    RUN_ROLLED_BACK = "run-rolled-back"
    """why, to_region, serving (bool)"""
    PROTECTION_RESTORED = "protection-restored"
    """point_id, at (T9), regions, detail"""
    DATA_LOSS_COUNTED = "data-loss-counted"
    """component, acknowledged, served, lost, basis"""
    CLIENT_OBSERVED = "client-observed"
    """outage_s, requests, failed, sticky_outage_s, answered_by {region: count} (written by a probe outside the
    system)"""
    ANCHORED = "anchored"
    """heads {writer: {seq, hash}} (chain heads of all writers, written by system steps except approve and commit; the
    last one by close, just after run-closed)"""
    RUN_CLOSED = "run-closed"
    """outcome ("committed"|"completed" (a drill)|"rolled-back"|"failed"|"abandoned"), serving_region (where traffic
    points), answers (bool: a client outside was answered at the close; null when the run moves no traffic or was
    committed), detail, released (bool), earlier [run id] (closed runs that this one is compared with: the one before,
    then those of the same plan, newest first)"""
    RUN_PAUSED = "run-paused"
    """person, reason: no step starts until the run is resumed; a step that works ends what it has begun"""
    RUN_RESUMED = "run-resumed"
    """person, reason"""
    RUN_CANCELLED = "run-cancelled"
    """person, reason: no step starts any more except rollback and close"""
    RUN_TAKEN_OVER = "run-taken-over"
    """person, reason, from_execution, to_execution ("airflow"|"direct"), runner (the only one that may act from now
    on), epoch (of the claim)"""
    RUN_PREEMPTED = "run-preempted"
    """by_run, person: a drill yields to a real run and is cleaned up after it, a run whose lease was over to a new
    one"""
    GRACEFULNESS_CHANGED = "gracefulness-changed"
    """graceful (bool), step (null for the whole run), person, reason"""
    RETRY_ASKED = "retry-asked"
    """step, person, reason"""
    RTO_FORECAST = "rto-forecast"
    """forecast_s, objective_s, late_s (modelled, more than 0 when the RTO will be missed), step (that causes it), chain
    [step]"""
    RECORD_GAP_CLOSED = "record-gap-closed"
    """events (count), from, until, writers, reason (what the store said first), merged {writer: [seq]}, moved
    [{writer, seq, prev_hash, hash, now}], damaged [file of the spool that could not be read back]: events kept in the
    local spool were merged into the record"""
    DEBT_PAID = "debt-paid"
    """debt ("fence"|"unfence"|"reprotect"|"clean-up"), component, region, what, noted_by (run id), person,
    done [what]"""
    RECONCILED = "reconciled"
    """component, from_region, to_region, merged (count), conflicts [{key, kept, dropped, why}], lost (count),
    lost_keys, basis (how it was found out)"""
    CLOCKS_STARTED = "clocks-started"
    """clocks {T0, T1, T2, T3}, staged [component]: a drill has built its standby; these are its clocks, not those of
    its declaration"""
    FAULT_INJECTED = "fault-injected"
    """what, region, scope (whom it hits), person, at (T0), detected_at (T1), looks (how often it was asked): a drill's
    own fault"""
    TRAFFIC_REHEARSED = "traffic-rehearsed"
    """name, method, from_region, to_region, effective_at, waited_s, simulated (bool: no name of its own moved), detail:
    the traffic of a drill was moved, that of production was not"""
    GUARD_TRIPPED = "guard-tripped"
    """guard ("production"|"production-run"|"spend"|"stop"), observed, limit: a drill was stopped to protect
    production"""
    CLEANED_UP = "cleaned-up"
    """removed [what], leftovers [what], spent_usd, prices_of (date of the price table), not_priced [what]"""
    INJECT_SHOWN = "inject-shown"
    """inject (id), at_s (scenario time), known, question, roles"""
    DECISION_TAKEN = "decision-taken"
    """inject (id), role, person, decision, comment, after_s, simulated (bool: nobody answered), entered_by (who typed
    it, when that is somebody else)"""
    LESSON_NOTED = "lesson-noted"
    """what, person, owner, due (date), mended (bool: an earlier lesson that is done now)"""
    HEALTH_JUDGED = "health-judged"
    """region, signals [{name, state, since, detail}], quorum, verdict, decision
    ("nothing"|"advise"|"fail-over"), why, scenario (page of the playbook), impact_at, detected_at (the judgment that
    led to a run)"""
    NOTIFIED = "notified"
    """channel, audience, template (the moment: "declared"|"resolved"), state ("sent"|"failed"), detail"""
    REPORT_SIGNED = "report-signed"
    """person, roles [role], decision ("accept"|"reject"), comment, evidence_sha256 (of all events but signatures),
    verdict (as it stood), debts_open [{debt, component, region, what}], debts_paid [the same, person, at]"""
    REPORT_FAILED = "report-failed"
    """why: the evidence of a run could not be produced"""
    POINT_TAKEN = "point-taken"
    """point_id, taken_at, watermark, regions, components"""
    POINT_FAILED = "point-failed"
    """reason, component"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact. ``writer`` owns a hash chain (``<step>#<attempt>`` or ``person:<name>``); ``seq`` counts from 1 in it.

    ``hash`` is the SHA-256 (hex) of the canonical JSON of all other fields; ``prev_hash`` that of the writer's event
    before, or 64 zeros.
    """

    run_id: str
    writer: str
    seq: int
    at: datetime
    type: EventType
    payload: Mapping[str, Any]
    prev_hash: str
    hash: str

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, none of them shared with the event."""
        facts = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return facts | {"at": self.at.isoformat(), "payload": _copied(dict(self.payload))}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Event":
        """Rebuild an event from :meth:`to_json`."""
        facts = dict(value)
        return cls(**facts | {"at": datetime.fromisoformat(facts["at"]), "type": EventType(facts["type"])})


def _copied(value: Any) -> Any:
    """Return a copy of a plain JSON value; verifying a record took seven times as long with that of ``dataclasses``."""
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value
