"""Findings: opened and closed by tests alone, owned and accepted by people, the same in every copy of the record."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from recovery_ops.errors import StepInterruptedError
from recovery_ops.model.drill_findings import (
    Answer,
    DrillFinding,
    EntryKind,
    FindingEntry,
    FindingStatus,
    entry_of,
    finding_id,
    findings_from,
)
from recovery_ops.model.findings import Severity
from recovery_ops.record.findings import Findings, append_everywhere, known_findings
from recovery_ops.testing.stores import InMemoryObjectStore, unreachable

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FID = finding_id("fraud", "scoring", "latency", "p95")


def day(number: float) -> datetime:
    return NOON + timedelta(days=number)


def answered(number: float, *, passed: bool = False, run: str = "r-1", **changes: object) -> FindingEntry:
    facts = {"component": "scoring", "code": "latency", "subject": "p95", "message": "too slow", **changes}
    return entry_of(Answer(passed=passed, **facts), "fraud", run, day(number))  # type: ignore[arg-type]


def said(number: float, kind: EntryKind, **facts: object) -> FindingEntry:
    return FindingEntry(
        finding_id=FID, at=day(number), kind=kind, component="scoring", code="latency", subject="p95", **facts
    )  # type: ignore[arg-type]


def one(*entries: FindingEntry) -> DrillFinding:
    (found,) = findings_from(entries)
    return found


def test_a_failed_test_opens_and_a_passing_test_of_the_same_closes() -> None:
    opened = one(answered(0))
    assert (opened.status(day(1)), opened.opened_by, opened.due) == (FindingStatus.OPEN, "r-1", day(14))
    closed = one(answered(0), answered(2, passed=True, run="r-2"))
    assert (closed.status(day(3)), closed.closed_by, closed.closed_at) == (FindingStatus.CLOSED, "r-2", day(2))


def test_another_subject_of_the_same_gate_closes_nothing() -> None:
    found = findings_from([answered(0), answered(1, passed=True, subject="p50")])
    assert [item.status(day(2)) for item in found] == [FindingStatus.OPEN]


def test_people_own_and_accept_and_neither_closes() -> None:
    owned = one(answered(0), said(1, EntryKind.ASSIGNED, person="alice", owner="bob", due=day(5)))
    assert (owned.owner, owned.due, owned.overdue(day(4)), owned.overdue(day(6))) == ("bob", day(5), False, True)
    accepted = one(
        answered(0), said(1, EntryKind.ACCEPTED, person="carol", reason="known", until=day(20)),
    )  # fmt: skip
    assert [accepted.status(day(n)) for n in (15, 21)] == [FindingStatus.ACCEPTED, FindingStatus.OPEN]
    assert [accepted.acceptance_expired(day(n)) for n in (15, 21)] == [False, True]
    assert [accepted.overdue(day(n)) for n in (15, 21)] == [False, True]


def test_a_finding_that_comes_back_is_the_same_and_open_with_its_owner() -> None:
    found = one(
        answered(0),
        said(1, EntryKind.ASSIGNED, owner="bob"),
        said(1, EntryKind.ACCEPTED, person="carol", until=day(90)),
        answered(2, passed=True, run="r-2"),
        answered(3, run="r-3"),
    )
    assert (found.id, found.owner, found.status(day(4))) == (FID, "bob", FindingStatus.OPEN)
    assert (found.opened_by, found.opened_at, found.failures, found.acceptance) == ("r-3", day(3), 2, None)


def test_passing_what_never_failed_is_no_finding() -> None:
    assert findings_from([answered(0, passed=True), said(1, EntryKind.ASSIGNED, owner="bob")]) == []


def test_entries_come_back_as_written_and_twice_is_once() -> None:
    findings = Findings(InMemoryObjectStore(), "fraud")
    entries = [answered(0), said(1, EntryKind.ACCEPTED, person="carol", reason="known", until=day(2)), answered(0)]
    for entry in entries:
        findings.append(entry)
    assert sorted(findings.entries().values(), key=lambda entry: entry.at) == entries[:2]
    shown = json.loads(json.dumps(findings.list()[0].to_json(day(3))))
    assert (shown["status"], shown["accepted"]["expired"], shown["severity"]) == ("open", True, "blocker")


def test_what_one_region_lacks_another_has() -> None:
    east, west = InMemoryObjectStore(), InMemoryObjectStore()
    append_everywhere([east, west], "fraud", [answered(0)])
    east.before = unreachable
    (why,) = append_everywhere([east, west], "fraud", [answered(1, passed=True, run="r-2")])
    assert "does not answer" in why
    east.before = None
    (found,) = known_findings([east, west], "fraud")
    assert found.closed_by == "r-2"
    assert Findings(east, "fraud").list()[0].closed_at is None


def test_no_copy_at_all_is_an_error_and_not_an_empty_list() -> None:
    dead = InMemoryObjectStore(before=unreachable)
    with pytest.raises(StepInterruptedError, match="does not answer"):
        known_findings([dead], "fraud")
    with pytest.raises(StepInterruptedError, match="does not answer"):
        append_everywhere([dead], "fraud", [answered(0)])


def test_an_entry_of_another_version_is_left_out() -> None:
    store = InMemoryObjectStore()
    key = Findings(store, "fraud").append(answered(0))
    store.damage(key, b'{"kind": "of-tomorrow"}')
    assert known_findings([store], "fraud") == []


def test_severity_sets_the_due_date() -> None:
    assert one(answered(0, severity=Severity.WARNING)).due == day(30)
