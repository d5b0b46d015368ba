"""Every metric there is, once: name, type, unit, help and labels. Documentation, dashboards and tests come from here.

What never happened is visible: a timestamp is 0, a count is 0, a state is 0. A measurement that does not exist is NaN,
which no comparison in PromQL takes for a number. Durations are modelled seconds, as objectives are. No label is
unbounded: run ids, messages and people stay in the record.
"""

import enum
from dataclasses import dataclass
from typing import NamedTuple

PREFIX = "recovery_ops_"


class Kind(enum.StrEnum):
    """How Prometheus reads a metric."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


class Group(enum.StrEnum):
    """What a metric is about; a row of the dashboard."""

    SYSTEM = "System"
    PROTECTION = "Protection"
    READINESS = "Readiness"
    RUN = "Run"
    HISTORY = "History"
    DRILLS = "Drills"
    RECORD = "Record"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric. ``unit`` is ``seconds``, ``timestamp``, ``count``, ``state`` or ``ratio``.

    ``name`` has the suffix that Prometheus shows; a histogram adds ``_bucket``, ``_count`` and ``_sum``.
    """

    name: str
    kind: Kind
    unit: str
    group: Group
    help: str
    labels: tuple[str, ...] = ("system",)

    @property
    def series(self) -> tuple[str, ...]:
        """Return the names that can be asked for in PromQL."""
        if self.kind is Kind.HISTOGRAM:
            return tuple(f"{self.name}_{part}" for part in ("bucket", "count", "sum"))
        return (self.name,)


class Label(NamedTuple):
    """A label and what it may hold."""

    name: str
    values: str


LABELS = (
    Label("system", "name of a catalog"),
    Label("region", "regions of the catalog"),
    Label("component", "components of the catalog; empty for the system as a whole"),
    Label("kind", "kinds of components; empty for the system as a whole"),
    Label("phase", "`provision`, `rehydrate`, `redeploy`, `verify`"),
    Label("slot", "`production`, `drill`"),
    Label("mode", "`failover`, `failback`, `drill`, `component`; empty for a run that was refused"),
    Label("state", "states of a run or of readiness, listed with the metric"),
    Label("outcome", "`committed`, `completed` (drills), `rolled-back`, `refused`, `failed`, `abandoned`"),
    Label("objective", "`rto`, `rpo`"),
    Label("severity", "`blocker`, `warning`, `info`"),
    Label("debt", "`fence`, `unfence`, `reprotect`"),
    Label("drill", "`tabletop`, `component`, `regional`, `full`"),
    Label("version", "version of recovery-ops"),
)

BUCKETS_S = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 14_400.0)
"""Upper bounds of the histogram of step durations, modelled seconds."""
RUN_STATES = ("idle", "running", "paused", "waiting-approval", "failed-step", "cancelled")


def _gauge(name: str, unit: str, group: Group, text: str, *labels: str) -> Metric:
    return Metric(name=PREFIX + name, kind=Kind.GAUGE, unit=unit, group=group, help=text, labels=("system", *labels))


def _counter(name: str, group: Group, text: str, *labels: str) -> Metric:
    named = f"{PREFIX}{name}_total"
    return Metric(name=named, kind=Kind.COUNTER, unit="count", group=group, help=text, labels=("system", *labels))


_OF = ("component", "kind")

METRICS: tuple[Metric, ...] = (
    Metric(
        name=f"{PREFIX}build_info", kind=Kind.GAUGE, unit="state", group=Group.RECORD, labels=("version",),
        help="Always 1; the label says which version reports.",
    ),
    Metric(
        name=f"{PREFIX}catalog_problems", kind=Kind.GAUGE, unit="count", group=Group.RECORD, labels=(),
        help="Catalog files that cannot be loaded; their systems are missing from every other metric.",
    ),
    _gauge("time_factor", "ratio", Group.SYSTEM, "Wall seconds per AWS second: 1 on AWS, less in the sandbox."),
    _gauge("serving", "state", Group.SYSTEM, "1 for the region that serves by the newest closed run.", "region"),
    _gauge("open_debts", "count", Group.SYSTEM, "Debts of recoveries that nobody has paid.", "debt"),
    _gauge("rto_objective_seconds", "seconds", Group.SYSTEM, "RTO of the catalog.", *_OF),
    _gauge("rpo_objective_seconds", "seconds", Group.PROTECTION, "RPO of the catalog; stateless ones have none.", *_OF),
    _gauge(
        "rpo_age_seconds", "seconds", Group.PROTECTION,
        "Age of the newest recoverable state as the last sweep found it, growing on when sweeps stop; NaN when there "
        "is nothing to recover from.", *_OF, "region",
    ),
    _gauge("recoverable", "state", Group.PROTECTION, "1 when there is something to recover from.", *_OF, "region"),
    _gauge(
        "last_point_timestamp_seconds", "timestamp", Group.PROTECTION,
        "When the newest complete recovery point was taken, by the last sweep; 0 when there is none.", "region",
    ),
    _gauge("point_interval_objective_seconds", "seconds", Group.PROTECTION, "How often a point is to be taken."),
    _counter("protection_failures", Group.PROTECTION, "Attempts to take a recovery point that failed."),
    _gauge(
        "last_protection_failure_timestamp_seconds", "timestamp", Group.PROTECTION,
        "When an attempt to take a recovery point failed last; 0 for never.",
    ),
    _gauge(
        "readiness", "state", Group.READINESS,
        "1 for the present state: `ready`, `ready-with-warnings`, `not-ready`, `not-known`.", "region", "state",
    ),
    _gauge(
        "readiness_sweep_timestamp_seconds", "timestamp", Group.READINESS,
        "When readiness was asked last; 0 for never.",
    ),
    _gauge("findings", "count", Group.READINESS, "Findings that stand.", "region", "severity"),
    _gauge("plan_proven", "state", Group.READINESS, "1 when a run of exactly this plan has succeeded.", "region"),
    _gauge(
        "plan_proof_expiry_timestamp_seconds", "timestamp", Group.READINESS,
        "When the proof of the plan expires; 0 when there is none.", "region",
    ),
    _gauge(
        "predicted_rto_likely_seconds", "seconds", Group.READINESS,
        "What the RTO would come to by medians; NaN when not known.", *_OF, "region",
    ),
    _gauge(
        "predicted_rto_late_seconds", "seconds", Group.READINESS,
        "What the RTO would come to by ninetieth percentiles; NaN when not known.", *_OF, "region",
    ),
    _gauge(
        "run_state", "state", Group.RUN,
        "1 for the present state: " + ", ".join(f"`{name}`" for name in RUN_STATES) + ".", "slot", "state",
    ),
    _gauge("run_impact_timestamp_seconds", "timestamp", Group.RUN, "T0 of the open run; 0 when none is open.", "slot"),
    _gauge(
        "run_last_event_timestamp_seconds", "timestamp", Group.RUN,
        "When the open run wrote its last event; 0 when none is open.", "slot",
    ),
    _gauge(
        "run_rto_objective_seconds", "seconds", Group.RUN,
        "RTO of the open production run as it was fixed at its start; NaN when none is open.",
    ),
    _gauge(
        "run_rto_elapsed_seconds", "seconds", Group.RUN,
        "Of the RTO of the open production run, what is used; it stops at T8. NaN when none is open.",
    ),
    _gauge(
        "run_rto_forecast_seconds", "seconds", Group.RUN,
        "What the RTO of the open production run will come to; NaN when none is open.",
    ),
    Metric(
        name=f"{PREFIX}step_duration_seconds", kind=Kind.HISTOGRAM, unit="seconds", group=Group.HISTORY,
        labels=("system", *_OF, "phase"), help="How long steps that succeeded took.",
    ),
    _counter("step_failures", Group.HISTORY, "Attempts at steps that failed.", *_OF, "phase"),
    _counter("runs", Group.HISTORY, "Runs that ended.", "mode", "outcome"),
    _gauge(
        "last_run_timestamp_seconds", "timestamp", Group.HISTORY, "When a run ended so last; 0 for never.",
        "mode", "outcome",
    ),
    _gauge(
        "last_run_achieved_rto_seconds", "seconds", Group.HISTORY,
        "RTO that the newest closed run of the mode achieved; NaN when it reached none.", "mode", *_OF,
    ),
    _gauge(
        "last_run_rto_objective_seconds", "seconds", Group.HISTORY,
        "RTO that was fixed for the newest closed run of the mode before its start; NaN without such a run.",
        "mode", *_OF,
    ),
    _counter("objectives_missed", Group.HISTORY, "Objectives of closed runs that were missed.", "mode", "objective"),
    _counter("gates_overridden", Group.HISTORY, "Times a person moved traffic in spite of a failed gate."),
    _counter("report_failures", Group.HISTORY, "Times the evidence of a run could not be produced."),
    _gauge(
        "last_drill_timestamp_seconds", "timestamp", Group.DRILLS,
        "When a drill of this scope ended last; 0 for never.", "drill",
    ),
    _gauge(
        "proof_lifetime_objective_seconds", "seconds", Group.DRILLS,
        "How long a success proves a plan.",
    ),
    _gauge(
        "drill_overdue_seconds", "seconds", Group.DRILLS,
        "How long a drill of this scope has been overdue by the calendar; 0 for not at all, +Inf for one never held.",
        "drill",
    ),
    _gauge("drill_leftovers", "count", Group.DRILLS, "Resources that closed drills said they could not remove."),
    _gauge("record_readable", "state", Group.RECORD, "1 when the record in the region answered.", "region"),
    _gauge("record_read_timestamp_seconds", "timestamp", Group.RECORD, "When the record was read last; 0 for never."),
    _gauge("unreadable_runs", "count", Group.RECORD, "Runs with events that are damaged or were tampered with."),
    _gauge(
        "spool_events", "count", Group.RECORD,
        "Events that wait on this machine until the record takes them.", "region",
    ),
    _gauge(
        "spool_oldest_timestamp_seconds", "timestamp", Group.RECORD,
        "Since when the oldest of them waits; 0 when none does.", "region",
    ),
)  # fmt: skip

BY_NAME = {metric.name: metric for metric in METRICS}


def series_names() -> frozenset[str]:
    """Return every name that PromQL may ask for."""
    return frozenset(name for metric in METRICS for name in metric.series)
