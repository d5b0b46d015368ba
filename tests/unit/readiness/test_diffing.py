"""Findings keep the time they were first seen; only a question that was asked again resolves one."""

from datetime import UTC, datetime, timedelta

from recovery_ops.model.finding_codes import finding
from recovery_ops.model.findings import Finding
from recovery_ops.model.readiness import Sweep
from recovery_ops.readiness.diffing import Found, difference

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(minutes=15)
WEST = "us-west-2"
GONE = finding("no-replica", "features", "the table has no replica")
LAG = finding("replication-lag", "training-data", "3 objects wait since 5 s")


def swept(*findings: Finding) -> Sweep:
    differs = difference(None, [Found(region=WEST, findings=findings)], NOON)
    return Sweep(
        system="fraud", at=NOON, catalog_hash="a", serving_region="us-east-1", dark=(), directions=(),
        open=differs.open, new=differs.new,
    )  # fmt: skip


def keys(items: object) -> set[str]:
    return {item.finding.code for item in items}  # type: ignore[attr-defined]


def test_everything_is_new_at_first() -> None:
    assert len(swept(GONE, LAG).new) == 2


def test_the_same_finding_in_other_words_is_not_new() -> None:
    other = finding("replication-lag", "training-data", "4 objects wait since 9 s")
    differs = difference(swept(LAG), [Found(region=WEST, findings=[other])], LATER)
    assert differs.new == ()
    assert differs.resolved == ()
    assert differs.open[0].first_seen == NOON
    assert differs.open[0].finding.message.startswith("4 objects")


def test_another_subject_is_another_finding() -> None:
    one, two = (finding("quota-too-small", "scoring", "", subject=kind) for kind in ("ml.a", "ml.b"))
    differs = difference(swept(one), [Found(region=WEST, findings=[two])], LATER)
    assert [key[3] for key in differs.new] == ["ml.b"]
    assert [item.finding.subject for item in differs.resolved] == ["ml.a"]


def test_what_is_gone_is_resolved_now() -> None:
    differs = difference(swept(GONE), [Found(region=WEST, findings=[])], LATER)
    assert differs.open == ()
    assert [(item.first_seen, item.resolved_at) for item in differs.resolved] == [(NOON, LATER)]


def test_a_region_in_the_dark_resolves_nothing() -> None:
    dark = finding("region-dark", "", "no answer")
    differs = difference(swept(GONE), [Found(region=WEST, findings=[dark], dark=True)], LATER)
    assert keys(differs.open) == {"no-replica", "region-dark"}
    assert differs.resolved == ()


def test_a_component_that_could_not_be_asked_keeps_its_findings() -> None:
    differs = difference(swept(GONE, LAG), [Found(region=WEST, findings=[], unasked=frozenset({"features"}))], LATER)
    assert keys(differs.open) == {"no-replica"}
    assert keys(differs.resolved) == {"replication-lag"}


def test_what_only_home_can_tell_stands_while_home_is_dark() -> None:
    differs = difference(swept(GONE, LAG), [Found(region=WEST, findings=[], compared=False)], LATER)
    assert keys(differs.open) == {"replication-lag"}
    assert keys(differs.resolved) == {"no-replica"}


def test_a_region_that_is_no_way_out_any_more_is_closed() -> None:
    differs = difference(swept(GONE), [Found(region="eu-west-1", findings=[])], LATER)
    assert keys(differs.resolved) == {"no-replica"}


def test_blockers_come_first() -> None:
    differs = difference(None, [Found(region=WEST, findings=[LAG, GONE])], NOON)
    assert [item.finding.severity for item in differs.open] == ["blocker", "warning"]
