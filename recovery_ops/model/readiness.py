"""What a readiness sweep found: findings with their history, live RPO, predictions and the proof of each plan.

Times are aware UTC, durations modelled seconds. Readers (dashboard, metrics) take these values from
``recovery_ops.record.sweeps`` and need nothing of what computes them.
"""

import enum
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from recovery_ops.model.findings import Finding, Severity


class ReadinessState(enum.StrEnum):
    """Whether a recovery would work today, as far as asking can tell."""

    READY = "ready"
    WARNED = "ready-with-warnings"
    NOT_READY = "not-ready"
    NOT_KNOWN = "not-known"


class Outlook(enum.StrEnum):
    """Whether an objective can be met, by what was measured."""

    ACHIEVABLE = "achievable"
    NOT_ACHIEVABLE = "not achievable"
    NOT_KNOWN = "not known"


class Basis(enum.StrEnum):
    """What a prediction rests on: measurements of every step, of some, or the plan's estimates alone."""

    MEASURED = "measured"
    PARTLY = "partly measured"
    ESTIMATED = "estimated"


class ProofState(enum.StrEnum):
    """Whether a run of exactly this plan has succeeded, and recently enough."""

    PROVEN = "proven"
    EXPIRED = "expired"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How measurements are distributed: median, ninetieth percentile (nearest rank), extremes and how many."""

    p50_s: float
    p90_s: float
    least_s: float
    most_s: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What an objective of one component, or of the system, would come to.

    ``objective`` is ``rto`` or ``rpo``. ``likely_s`` is the forecast by medians, ``late_s`` by ninetieth percentiles;
    a step that was never measured counts with its estimate. ``runs`` is the smallest number of measurements behind a
    measured part. ``chain`` are the steps of the longest chain, first to last; empty for an RPO. ``unmeasured`` are
    those of them that rest on an estimate. ``why`` says in words what the verdict rests on.
    """

    name: str
    objective: str
    objective_s: float
    likely_s: float | None
    late_s: float | None
    basis: Basis
    verdict: Outlook
    runs: int = 0
    chain: tuple[str, ...] = ()
    unmeasured: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Whether the plan with ``plan_hash`` is proven.

    ``run_id`` is the newest successful run of that hash; it proves the plan until ``expires_at``. ``rehearsed_by`` is
    the newest successful drill of the same catalog in the same direction: all of the plan but moving traffic.
    """

    plan_hash: str
    state: ProofState
    why: str
    run_id: str | None = None
    at: datetime | None = None
    expires_at: datetime | None = None
    rehearsed_by: str | None = None
    rehearsed_at: datetime | None = None

    @property
    def proven(self) -> bool:
        """Return whether the plan counts as proven now."""
        return self.state is ProofState.PROVEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """A finding with its history. ``region`` is the recovery region it concerns; ``None`` resolved means it stands."""

    finding: Finding
    region: str
    first_seen: datetime
    resolved_at: datetime | None = None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Return what makes it the same finding in every sweep: region, component, code and subject."""
        return (self.region, self.finding.component, self.finding.code, self.finding.subject)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recoverable:
    """What a component could be recovered from now, in one recovery region.

    ``source`` is ``replica``, ``point`` or ``none``. ``age_s`` is the live RPO: age of the newest recoverable state;
    ``None`` when there is none, or when the kind keeps no state. ``objective_s`` is the RPO of the catalog.
    """

    component: str
    region: str
    source: str
    watermark: datetime | None
    age_s: float | None
    objective_s: float | None
    point_id: str | None = None

    @property
    def within(self) -> bool | None:
        """Return whether the live RPO is within its objective; ``None`` without an objective."""
        if self.objective_s is None:
            return None
        return self.age_s is not None and self.age_s <= self.objective_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """Readiness of one recovery region: what would happen if ``from_region``, which serves, were lost now.

    ``answered`` is whether the recovery region answered at all; ``point_id`` the newest point complete there.
    """

    from_region: str
    region: str
    answered: bool
    state: ReadinessState
    point_id: str | None
    recoverable: tuple[Recoverable, ...]
    predictions: tuple[Prediction, ...]
    proof: Proof

    def prediction(self, name: str, objective: str) -> Prediction | None:
        """Return the prediction of a component's, or the system's, ``rto`` or ``rpo``."""
        found = (item for item in self.predictions if (item.name, item.objective) == (name, objective))
        return next(found, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """One readiness sweep of a system over every region it could recover in.

    ``open`` are the findings that stand, ``new`` the keys of those the sweep before did not have, ``resolved`` those
    that went away since. ``dark`` are regions that did not answer. ``took_s`` is wall seconds.
    """

    system: str
    at: datetime
    catalog_hash: str
    serving_region: str
    dark: tuple[str, ...]
    directions: tuple[Direction, ...]
    open: tuple[Tracked, ...]
    resolved: tuple[Tracked, ...] = ()
    new: tuple[tuple[str, str, str, str], ...] = ()
    took_s: float = 0.0

    @property
    def state(self) -> ReadinessState:
        """Return the state of the best recovery region: one that is ready is enough to recover in."""
        order = (ReadinessState.READY, ReadinessState.WARNED, ReadinessState.NOT_KNOWN, ReadinessState.NOT_READY)
        return min((way.state for way in self.directions), key=order.index, default=ReadinessState.NOT_KNOWN)

    def direction(self, region: str) -> Direction | None:
        """Return the direction that recovers in ``region``."""
        return next((way for way in self.directions if way.region == region), None)

    def of(self, component: str) -> tuple[Tracked, ...]:
        """Return the open findings of a component; an empty name means those of the whole system."""
        return tuple(item for item in self.open if item.finding.component == component)

    def component_state(self, component: str) -> ReadinessState:
        """Return the state of one component over all recovery regions that answered: the best of them."""
        ways = [way for way in self.directions if way.answered]
        states = [
            state_of(item.finding.severity for item in self.of(component) if item.region == way.region) for way in ways
        ]
        order = (ReadinessState.READY, ReadinessState.WARNED, ReadinessState.NOT_READY)
        return min(states, key=order.index, default=ReadinessState.NOT_KNOWN)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; ``state`` is added for readers."""
        facts: dict[str, Any] = plain(asdict(self))
        return facts | {"state": str(self.state)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Sweep":
        """Rebuild a sweep from :meth:`to_json`; raises ``KeyError``, ``TypeError`` or ``ValueError``."""
        return cls(
            system=value["system"],
            at=datetime.fromisoformat(value["at"]),
            catalog_hash=value["catalog_hash"],
            serving_region=value["serving_region"],
            dark=tuple(value["dark"]),
            directions=tuple(_direction(item) for item in value["directions"]),
            open=tuple(_tracked(item) for item in value["open"]),
            resolved=tuple(_tracked(item) for item in value["resolved"]),
            new=tuple((key[0], key[1], key[2], key[3]) for key in value["new"]),
            took_s=value["took_s"],
        )


def state_of(severities: Any) -> ReadinessState:
    """Return the state that findings of these severities give."""
    found = set(severities)
    if Severity.BLOCKER in found:
        return ReadinessState.NOT_READY
    return ReadinessState.WARNED if Severity.WARNING in found else ReadinessState.READY


def plain(value: Any) -> Any:
    """Return ``value`` as plain JSON values; times as ISO 8601."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _tracked(value: Mapping[str, Any]) -> Tracked:
    facts = value["finding"]
    return Tracked(
        finding=Finding(**{**facts, "severity": Severity(facts["severity"])}),
        region=value["region"],
        first_seen=datetime.fromisoformat(value["first_seen"]),
        resolved_at=_moment(value["resolved_at"]),
    )


def _direction(value: Mapping[str, Any]) -> Direction:
    return Direction(
        from_region=value["from_region"],
        region=value["region"],
        answered=value["answered"],
        state=ReadinessState(value["state"]),
        point_id=value["point_id"],
        recoverable=tuple(
            Recoverable(**{**item, "watermark": _moment(item["watermark"])}) for item in value["recoverable"]
        ),
        predictions=tuple(_prediction(item) for item in value["predictions"]),
        proof=_proof(value["proof"]),
    )


def _prediction(value: Mapping[str, Any]) -> Prediction:
    typed = {
        "basis": Basis(value["basis"]),
        "verdict": Outlook(value["verdict"]),
        "chain": tuple(value["chain"]),
        "unmeasured": tuple(value["unmeasured"]),
    }
    return Prediction(**{**value, **typed})


def _proof(value: Mapping[str, Any]) -> Proof:
    moments = {name: _moment(value[name]) for name in ("at", "expires_at", "rehearsed_at")}
    return Proof(**{**value, **moments, "state": ProofState(value["state"])})
