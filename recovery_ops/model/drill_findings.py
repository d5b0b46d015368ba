"""What tests left to be mended: findings with owner, due date and accepted risk, closed by a passing re-test alone.

A finding is never stored as such: it is what its entries add up to. An entry is one fact (a test failed, a test passed,
somebody owns it, somebody accepts the risk) and is never changed. Times are aware UTC, durations seconds.
"""

import enum
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from recovery_ops.model.findings import Severity

DAY = timedelta(days=1)
DUE_IN: Mapping[Severity, timedelta] = {Severity.BLOCKER: 14 * DAY, Severity.WARNING: 30 * DAY, Severity.INFO: 90 * DAY}
"""When a finding is due unless somebody says otherwise, from the first failed test."""


class EntryKind(enum.StrEnum):
    """What an entry says. Only tests open and close; people own and accept."""

    FAILED = "failed"
    PASSED = "passed"
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"


class FindingStatus(enum.StrEnum):
    """How a finding stands now; accepted holds until the acceptance expires, and then it is open again."""

    OPEN = "open"
    ACCEPTED = "accepted"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer of a test: ``component`` (empty for the whole system), ``code`` and ``subject`` say what was asked.

    ``code`` is a gate (``latency``), ``rto``, ``rpo``, ``step``, ``verdict``, ``decision``, ``lesson`` or a code of
    readiness; ``source`` is ``run`` or ``readiness``.
    """

    component: str
    code: str
    subject: str
    passed: bool
    severity: Severity = Severity.BLOCKER
    message: str = ""
    source: str = "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingEntry:
    """One fact about a finding. ``run_id`` is the run whose test it was, ``person`` who said it; either may be empty.

    ``owner`` and ``due`` belong to ``assigned``, ``until`` to ``accepted``; ``reason`` is why, or what the test saw.
    """

    finding_id: str
    at: datetime
    kind: EntryKind
    component: str
    code: str
    subject: str
    severity: Severity = Severity.BLOCKER
    source: str = "run"
    run_id: str = ""
    person: str = ""
    owner: str = ""
    due: datetime | None = None
    until: datetime | None = None
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; times as ISO 8601."""
        moments = {"at": self.at.isoformat(), "due": _text(self.due), "until": _text(self.until)}
        return asdict(self) | {"kind": str(self.kind), "severity": str(self.severity), "code": str(self.code)} | moments

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "FindingEntry":
        """Rebuild an entry from :meth:`to_json`; raises ``KeyError``, ``TypeError`` or ``ValueError``."""
        typed = {
            "at": datetime.fromisoformat(value["at"]),
            "due": _moment(value["due"]),
            "until": _moment(value["until"]),
            "kind": EntryKind(value["kind"]),
            "severity": Severity(value["severity"]),
        }
        return cls(**{**value, **typed})


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A person takes the risk until a day comes; after it the finding is open again."""

    person: str
    reason: str
    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillFinding:
    """One thing that a test found wrong, with everything that became of it.

    ``opened_at`` is the first failed test since it was last closed, ``failed_at`` the newest one. ``closed_at`` and
    ``closed_by`` (a run, or ``readiness``) are the newest passing re-test. ``entries`` are in the order of time.
    """

    id: str
    component: str
    code: str
    subject: str
    severity: Severity
    source: str
    message: str
    opened_at: datetime
    opened_by: str
    failed_at: datetime
    due: datetime
    owner: str = ""
    acceptance: Acceptance | None = None
    closed_at: datetime | None = None
    closed_by: str = ""
    failures: int = 1
    entries: tuple[FindingEntry, ...] = ()

    def status(self, now: datetime) -> FindingStatus:
        """Return how it stands at ``now``."""
        if self.closed_at is not None:
            return FindingStatus.CLOSED
        accepted = self.acceptance is not None and now < self.acceptance.until
        return FindingStatus.ACCEPTED if accepted else FindingStatus.OPEN

    def overdue(self, now: datetime) -> bool:
        """Return whether it is open and should have been mended by now."""
        return self.status(now) is FindingStatus.OPEN and now > self.due

    def acceptance_expired(self, now: datetime) -> bool:
        """Return whether somebody took the risk for a time that is over, and it is still not mended."""
        return self.closed_at is None and self.acceptance is not None and now >= self.acceptance.until

    def to_json(self, now: datetime) -> dict[str, Any]:
        """Return plain JSON values, with how it stands at ``now``."""
        accepted = self.acceptance
        return {
            "id": self.id,
            "component": self.component,
            "code": str(self.code),
            "subject": self.subject,
            "severity": str(self.severity),
            "source": self.source,
            "message": self.message,
            "status": str(self.status(now)),
            "overdue": self.overdue(now),
            "owner": self.owner or None,
            "due": self.due.isoformat(),
            "opened_at": self.opened_at.isoformat(),
            "opened_by": self.opened_by,
            "failed_at": self.failed_at.isoformat(),
            "failures": self.failures,
            "accepted": None
            if accepted is None
            else {
                "person": accepted.person,
                "reason": accepted.reason,
                "at": accepted.at.isoformat(),
                "until": accepted.until.isoformat(),
                "expired": self.acceptance_expired(now),
            },
            "closed_at": _text(self.closed_at),
            "closed_by": self.closed_by or None,
            "entries": [entry.to_json() for entry in self.entries],
        }


def finding_id(system: str, component: str, code: str, subject: str) -> str:
    """Return ``f-`` and eight hex digits: the same whenever the same thing of the same component fails."""
    key = "\n".join((system, component, code, subject))
    return f"f-{hashlib.sha256(key.encode()).hexdigest()[:8]}"


def entry_of(answer: Answer, system: str, run_id: str, at: datetime) -> FindingEntry:
    """Return what a test says as an entry."""
    return FindingEntry(
        finding_id=finding_id(system, answer.component, answer.code, answer.subject),
        at=at,
        kind=EntryKind.PASSED if answer.passed else EntryKind.FAILED,
        component=answer.component,
        code=answer.code,
        subject=answer.subject,
        severity=answer.severity,
        source=answer.source,
        run_id=run_id,
        reason=answer.message,
    )


def findings_from(entries: Iterable[FindingEntry]) -> list[DrillFinding]:
    """Return what ``entries`` add up to, the newest failure first; entries before a first failure count for nothing."""
    by_id: dict[str, DrillFinding] = {}
    for entry in sorted(entries, key=lambda item: (item.at, item.finding_id, item.kind, item.run_id)):
        found = by_id.get(entry.finding_id)
        if found is None and entry.kind is EntryKind.FAILED:
            by_id[entry.finding_id] = _opened(entry)
        elif found is not None:
            by_id[entry.finding_id] = replace(STEPS[entry.kind](found, entry), entries=(*found.entries, entry))
    return sorted(by_id.values(), key=lambda item: (item.failed_at, item.id), reverse=True)


def _opened(entry: FindingEntry) -> DrillFinding:
    return DrillFinding(
        id=entry.finding_id,
        component=entry.component,
        code=entry.code,
        subject=entry.subject,
        severity=entry.severity,
        source=entry.source,
        message=entry.reason,
        opened_at=entry.at,
        opened_by=entry.run_id or entry.source,
        failed_at=entry.at,
        due=entry.at + DUE_IN[entry.severity],
        entries=(entry,),
    )


def _failed(found: DrillFinding, entry: FindingEntry) -> DrillFinding:
    """One more failure; a closed finding opens again, with a new due date and without the acceptance of before."""
    again = replace(found, failed_at=entry.at, failures=found.failures + 1, message=entry.reason)
    if found.closed_at is None:
        return again
    return replace(
        again, opened_at=entry.at, opened_by=entry.run_id or entry.source, severity=entry.severity,
        due=entry.at + DUE_IN[entry.severity], acceptance=None, closed_at=None, closed_by="",
    )  # fmt: skip


def _passed(found: DrillFinding, entry: FindingEntry) -> DrillFinding:
    return replace(found, closed_at=entry.at, closed_by=entry.run_id or entry.source)


def _assigned(found: DrillFinding, entry: FindingEntry) -> DrillFinding:
    return replace(found, owner=entry.owner or found.owner, due=entry.due or found.due)


def _accepted(found: DrillFinding, entry: FindingEntry) -> DrillFinding:
    if entry.until is None:
        return found
    return replace(
        found, acceptance=Acceptance(person=entry.person, reason=entry.reason, at=entry.at, until=entry.until)
    )


STEPS = {
    EntryKind.FAILED: _failed,
    EntryKind.PASSED: _passed,
    EntryKind.ASSIGNED: _assigned,
    EntryKind.ACCEPTED: _accepted,
}


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
