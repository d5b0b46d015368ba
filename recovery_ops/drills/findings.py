"""From the report of a run and the newest readiness sweep to findings: what failed opens, what passed again closes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from recovery_ops.model.drill_findings import Answer, EntryKind, FindingEntry, entry_of, finding_id
from recovery_ops.model.findings import Severity
from recovery_ops.model.readiness import Sweep
from recovery_ops.record.findings import append_everywhere, known_findings
from recovery_ops.record.store import ObjectStore

DECIDED = {"pass": True, "fail": False}
READINESS, LESSON = "readiness", "lesson"


def settle(
    system: str, report: Mapping[str, Any], stores: Sequence[ObjectStore], sweep: Sweep | None = None
) -> list[FindingEntry]:
    """Write what a closed run, and the sweep beside it, say about findings; return it. Safe to repeat.

    Passing tests are written only for what is a finding already.

    Raises:
        RecoveryError: No store answers; nothing is lost, the report can be settled again.
    """
    run_id, at = report["identity"]["run_id"], _ended_at(report)
    known = {item.id: item for item in known_findings(stores, system)}
    entries = [entry_of(answer, system, run_id, at) for answer in answers(report)]
    if sweep is not None:
        asked = [item for item in known.values() if item.source == READINESS and item.failed_at < sweep.at]
        entries += [entry_of(item, system, "", sweep.at) for item in _blockers(sweep)]
        standing = {entry.finding_id for entry in entries}
        gone = [item for item in asked if item.id not in standing and item.subject.split()[0] not in sweep.dark]
        entries += [entry_of(_gone(item.component, item.code, item.subject), system, "", sweep.at) for item in gone]
    wanted = [entry for entry in entries if entry.kind == "failed" or entry.finding_id in known]
    wanted += _assigned(system, report, at)
    append_everywhere(stores, system, wanted)
    return wanted


def _ended_at(report: Mapping[str, Any]) -> datetime:
    """When the run ended, as its record says: what it found is as old as that, whoever signs or makes its report later.

    A newer run that has settled the same is therefore never overruled by the report of an older one.
    """
    return datetime.fromisoformat(report["comparison"]["cutoff"])


def _assigned(system: str, report: Mapping[str, Any], at: datetime) -> Iterator[FindingEntry]:
    """Who is to mend a lesson and until when, as it was said in the tabletop; after the entry that opens it."""
    for lesson in (report.get("tabletop") or {"lessons": []})["lessons"]:
        if lesson["mended"] or not (lesson["owner"] or lesson["due"]):
            continue
        what = str(lesson["what"])
        due = datetime.combine(date.fromisoformat(lesson["due"]), time.max, UTC) if lesson["due"] else None
        yield FindingEntry(
            finding_id=finding_id(system, "", LESSON, what), at=at + timedelta(milliseconds=1), kind=EntryKind.ASSIGNED,
            component="", code=LESSON, subject=what, severity=Severity.WARNING, run_id=report["identity"]["run_id"],
            person=lesson["person"] or "", owner=lesson["owner"] or "", due=due, reason="said in the tabletop",
        )  # fmt: skip


def open_lessons(system: str, stores: Sequence[ObjectStore]) -> list[str]:
    """Return the lessons of earlier tabletops that nobody has called mended yet, the newest first."""
    return [item.subject for item in known_findings(stores, system) if item.code == LESSON and item.closed_at is None]


def answers(report: Mapping[str, Any]) -> list[Answer]:
    """Return what a run tested: objectives, checks, clean-up, decisions of people and lessons that are mended.

    What was not measured answers nothing, and neither does a simulated participant.
    """
    found = [*_objectives(report["objectives"]), *_checks(report["verification"]), *_leftovers(report)]
    found += _tabletop(report.get("tabletop"))
    unique: dict[str, Answer] = {}
    for item in found:
        key = finding_id("", item.component, item.code, item.subject)
        if key not in unique or unique[key].passed:
            unique[key] = item  # one failure outweighs any pass of the same
    return list(unique.values())


def _objectives(items: Iterable[Mapping[str, Any]]) -> Iterator[Answer]:
    for item in items:
        if item["verdict"] in DECIDED:
            severity = Severity.BLOCKER if item["gating"] else Severity.WARNING
            message = f"{item['achieved_s']} s achieved, {item['objective_s']} s wanted"
            yield Answer(
                component=item["component"], code=item["kind"], subject="", passed=DECIDED[item["verdict"]],
                severity=severity, message=message,
            )  # fmt: skip


def _checks(items: Iterable[Mapping[str, Any]]) -> Iterator[Answer]:
    """A check that broke or was not run is no pass."""
    for item in items:
        yield Answer(
            component=item["component"], code=item["gate"], subject=item["name"], passed=item["outcome"] == "pass",
            severity=Severity.INFO if item["advisory"] else Severity.BLOCKER,
            message=f"{item['outcome']}: {item['detail'] or ''}".rstrip(": "),
        )  # fmt: skip


def _leftovers(report: Mapping[str, Any]) -> Iterator[Answer]:
    left = report["clean_up"]["leftovers"]
    if left is not None:
        yield Answer(component="", code="clean-up", subject="", passed=not left, message=f"{len(left)} left behind")


def _tabletop(found: Mapping[str, Any] | None) -> Iterator[Answer]:
    """A decision is a test of people and playbook at once; a lesson is open until a later tabletop says it is not."""
    if found is None:
        return
    for inject in found["injects"]:
        for made in inject["decisions"]:
            if made["supported"] is not None and not made["simulated"]:
                message = f"{made['role']} ({made['person']}): {made['decision']}"
                yield Answer(
                    component="", code="decision", subject=inject["inject"], passed=made["supported"], message=message
                )
    for lesson in found["lessons"]:
        what = str(lesson["what"])
        yield Answer(
            component="", code=LESSON, subject=what, passed=lesson["mended"], severity=Severity.WARNING, message=what
        )


def _blockers(sweep: Sweep) -> Iterator[Answer]:
    for item in sweep.open:
        facts = item.finding
        if facts.severity is Severity.BLOCKER:
            subject = f"{item.region} {facts.subject}".strip()
            yield Answer(
                component=facts.component, code=facts.code, subject=subject, passed=False,
                message=facts.message, source=READINESS,
            )  # fmt: skip


def _gone(component: str, code: str, subject: str) -> Answer:
    return Answer(
        component=component, code=code, subject=subject, passed=True, message="no longer found", source=READINESS
    )
