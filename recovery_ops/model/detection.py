"""Detection: what is watched, what was seen, and what was concluded. Durations are AWS seconds, times aware UTC."""

import enum
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any


class DetectionMode(enum.StrEnum):
    """What follows when a region is judged lost: people are told, or the system fails over."""

    ADVISE = "advise"
    AUTOMATIC = "automatic"


class SignalName(enum.StrEnum):
    """What can be asked of a region from outside of it; no two share their way of seeing."""

    ALARM = "alarm"
    """CloudWatch alarms in the watching region, on metrics that the judged region sends there."""
    NAME = "name"
    """A client of the DNS name."""
    FRONT_DOOR = "front-door"
    """A client of the region's own front door, past the name."""
    AWS = "aws"
    """The AWS services of the region, asked one by one."""
    REPLICATION = "replication"
    """The age of the newest object that the region has replicated into the watching region."""


class SignalState(enum.StrEnum):
    """What one signal says. ``unknown`` has no vote."""

    HEALTHY = "healthy"
    SLOW = "slow"
    PARTIAL = "partial"
    IMPAIRED = "impaired"
    UNKNOWN = "unknown"


class Verdict(enum.StrEnum):
    """What is wrong with a region."""

    HEALTHY = "healthy"
    SUSPECT = "suspect"
    """Something is wrong, and neither enough nor for long enough to say what."""
    SERVICE_OUT = "service-out"
    BROWN_OUT = "brown-out"
    REGION_LOSS = "region-loss"


class Decision(enum.StrEnum):
    """What is to be done."""

    NOTHING = "nothing"
    ADVISE = "advise"
    FAIL_OVER = "fail-over"


class Channel(enum.StrEnum):
    """How a message travels."""

    SNS = "sns"
    SMTP = "smtp"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicated:
    """Where the judged region is known to write often: objects under ``prefix`` of a bucket (with ``{region}``)."""

    bucket: str
    prefix: str
    max_age_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """The policy of a system. ``alarms`` are names with ``{region}`` for the judged region.

    ``queue`` is the SQS queue of alarm changes in each region, empty when there is none. A signal votes after it was
    impaired for ``hold_down_s``; ``quorum`` votes condemn a region. An answer later than ``slow_s`` is slow.
    """

    signals: tuple[SignalName, ...]
    quorum: int
    hold_down_s: float
    every_s: float
    min_between_runs_s: float
    mode: DetectionMode
    slow_s: float
    alarms: tuple[str, ...] = ()
    queue: str = ""
    replication: Replicated | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """One place that is told. ``target`` may be ``env:NAME``: the environment variable with the real one."""

    channel: Channel
    target: str
    audience: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One look at one signal."""

    name: SignalName
    state: SignalState
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A signal over time: its ``state`` holds since ``since``; ``changes`` are the latest times it turned."""

    name: SignalName
    state: SignalState
    since: datetime
    detail: str = ""
    changes: tuple[datetime, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        times = {"since": self.since.isoformat(), "changes": [at.isoformat() for at in self.changes]}
        return asdict(self) | times

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Signal":
        """Rebuild a signal from :meth:`to_json`."""
        return cls(
            name=SignalName(value["name"]),
            state=SignalState(value["state"]),
            since=datetime.fromisoformat(value["since"]),
            detail=str(value["detail"]),
            changes=tuple(datetime.fromisoformat(at) for at in value["changes"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgment:
    """What was concluded about ``region`` at ``at``. ``scenario`` is the page of the playbook that helps.

    ``impact_at`` (T0) is when the first of the votes turned; ``detected_at`` (T1) when the quorum was complete. Both
    are ``None`` unless the region is judged lost, browned out or without a service.
    """

    region: str
    recovery_region: str
    at: datetime
    signals: tuple[Signal, ...]
    quorum: int
    verdict: Verdict
    decision: Decision
    scenario: str | None
    why: str
    impact_at: datetime | None = None
    detected_at: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self) | {
            "at": self.at.isoformat(),
            "signals": [signal.to_json() for signal in self.signals],
            "impact_at": self.impact_at.isoformat() if self.impact_at else None,
            "detected_at": self.detected_at.isoformat() if self.detected_at else None,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Judgment":
        """Rebuild a judgment from :meth:`to_json`."""
        return cls(
            region=str(value["region"]),
            recovery_region=str(value["recovery_region"]),
            at=datetime.fromisoformat(value["at"]),
            signals=tuple(Signal.from_json(item) for item in value["signals"]),
            quorum=int(value["quorum"]),
            verdict=Verdict(value["verdict"]),
            decision=Decision(value["decision"]),
            scenario=value["scenario"],
            why=str(value["why"]),
            impact_at=_time(value["impact_at"]),
            detected_at=_time(value["detected_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A person's word on automatic failover, which counts before the policy of the catalog."""

    paused: bool
    person: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What detection remembers from one look to the next.

    ``automatic_at`` and ``automatic_run`` are the last run that was started by policy (the id of its DAG run). ``told``
    is what people were told last; ``noted_in`` the run whose record holds the judgment.
    """

    judgment: Judgment | None = None
    automatic_at: datetime | None = None
    automatic_run: str | None = None
    told: str | None = None
    noted_in: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self) | {
            "judgment": self.judgment.to_json() if self.judgment else None,
            "automatic_at": self.automatic_at.isoformat() if self.automatic_at else None,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Watch":
        """Rebuild what was remembered from :meth:`to_json`."""
        return cls(
            judgment=Judgment.from_json(value["judgment"]) if value["judgment"] else None,
            automatic_at=_time(value["automatic_at"]),
            automatic_run=value["automatic_run"],
            told=value["told"],
            noted_in=value["noted_in"],
        )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
